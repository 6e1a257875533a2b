"""Clients of an application in this process, and the users they sign in as."""

from base64 import b64encode
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

from werkzeug.test import TestResponse

from api.http.application import Application
from api.http.authentication import hash_token, new_token
from api.passwords import hash_password
from api.store import credentials, tokens, users
from api.store.columns import now
from api.store.engine.database import Database

PASSWORD = "correct horse battery staple"
ANY_VERSION = {"headers": {"If-Match": "*"}}


@cache
def password_hash() -> str:
    """The hash of PASSWORD, computed once: it is slow on purpose."""
    return hash_password(PASSWORD)


@dataclass(frozen=True)
class Client:
    """Somebody at the other end: what they send is JSON, signed with their token if they have one."""

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


def basic(username: str, password: str = PASSWORD) -> dict[str, str]:
    """The header field of HTTP Basic."""
    return {"Authorization": "Basic " + b64encode(f"{username}:{password}".encode()).decode()}


def sign_in(client: Client, password: str = PASSWORD) -> str:
    """A new token for who has the client's username and that password."""
    return str((client.post("/tokens", headers=basic(client.username, password)).json or {})["token"])


def member(app: Application, username: str, *, role: str = "member") -> Client:
    """A user of that name, signed in."""
    token = new_token()
    database: Database = app.database
    with database.write() as db:
        users.register(db, username=username, password_hash=password_hash())
        users.set_role(db, username, role)
        proven = credentials.get(db, username)
        tokens.create(
            db,
            user_id=proven.id,
            password_hash=proven.password_hash,
            name="",
            sha256=hash_token(token),
            expires_at=now() + timedelta(days=1),
        )
    return Client(app, username, token)
