"""Clients of an application in this process, and the users that they sign in as."""

from base64 import b64encode
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

from werkzeug.test import TestResponse

from api.http.application import Application
from api.http.authentication import hash_token, new_token
from api.passwords import hash_password
from api.store import accounts, credentials, tokens, users

PASSWORD = "correct horse battery staple"
ANY_VERSION = {"headers": {"If-Match": "*"}}


@cache
def password_hash() -> str:
    """Return the hash of PASSWORD, computed once because hashing is slow on purpose."""
    return hash_password(PASSWORD)


@dataclass(frozen=True)
class Client:
    """A client that sends JSON, its token if it has one and, with PATCH and DELETE, `If-Match: *`."""

    app: Application
    username: str = ""
    token: str = ""

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.send("GET", path, **options)

    def post(self, path: str, content: object = None, **options: Any) -> TestResponse:
        return self.send("POST", path, json=content, **options)

    def patch(self, path: str, content: object, **options: Any) -> TestResponse:
        return self.send("PATCH", path, json=content, **ANY_VERSION | options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.send("DELETE", path, **ANY_VERSION | options)

    def send(self, method: str, path: str, **options: Any) -> TestResponse:
        if self.token:
            options["headers"] = {"Authorization": f"Bearer {self.token}", **options.get("headers", {})}
        if options.get("json", ...) is None:
            del options["json"]
        return self.app.test_client().open(path, method=method, buffered=True, **options)

    def with_token(self, token: str) -> "Client":
        return replace(self, token=token)


def basic_auth(username: str, password: str = PASSWORD) -> dict[str, str]:
    """Return the header field of HTTP Basic authentication."""
    return {"Authorization": "Basic " + b64encode(f"{username}:{password}".encode()).decode()}


def sign_in(client: Client, password: str = PASSWORD) -> str:
    """Sign in with the client's username and a password, and return the new token."""
    return str((client.post("/tokens", headers=basic_auth(client.username, password)).json or {})["token"])


def signed_in_user(
    app: Application, username: str, *, role: str = "member", lifetime: timedelta = timedelta(days=1)
) -> Client:
    """Create a user with a token, and return their client."""
    with app.database.write() as db:
        users.register(db, username=username, password_hash=password_hash())
        accounts.set_role(db, username, role)
    return Client(app, username, create_token(app, username, "write", lifetime))


def with_read_token(client: Client) -> Client:
    """Return the client of the same user with a token that can only read."""
    return client.with_token(create_token(client.app, client.username, "read", timedelta(days=1)))


def create_token(app: Application, username: str, scope: tokens.Scope, lifetime: timedelta) -> str:
    """Create a token of the user, without the password."""
    token = new_token()
    with app.database.write() as db:
        stored = credentials.get(db, username)
        tokens.create(
            db,
            user_id=stored.id,
            password_hash=stored.password_hash,
            name="",
            sha256=hash_token(token),
            lifetime=lifetime,
            scope=scope,
        )
    return token
