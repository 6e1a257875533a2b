"""Authentication: HTTP Basic to create a token (RFC 7617), and the bearer token (RFC 6750)."""

import hashlib
import re
import secrets
from contextlib import suppress
from typing import NoReturn

from flask import Response, after_this_request
from flask_httpauth import HTTPBasicAuth, HTTPTokenAuth

from api import constraints
from api.http.application import Application, Request, current_request
from api.http.problems import abort
from api.passwords import hash_password, verify_password
from api.store import credentials, tokens_use
from api.store.credentials import Credentials
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.errors import NotFound, Unavailable, WrongPassword
from api.store.tokens import Scope
from api.store.tokens_use import TokenUser

REALM = "Pressroom"
TOKEN_PREFIX = "prt_"  # noqa: S105 (not a secret)

bearer = HTTPTokenAuth("Bearer", realm=REALM)
basic = HTTPBasicAuth(realm=REALM)


def new_token() -> str:
    """Return a token of 256 random bits, with a prefix that secret scanners can recognize."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def hash_token(token: str) -> bytes:
    """Return the hash that is stored. A random token needs neither salt nor a slow hash."""
    return hashlib.sha256(token.encode()).digest()


def verify_credentials(app: Application, username: str, password: str) -> Credentials:
    """Return the user's credentials; `WrongPassword`, whatever the reason, if they do not match.

    An outdated hash is replaced.
    """
    stored = _find_credentials(app, username)
    verified = verify_password(stored and stored.password_hash, password)
    if stored is None or not verified.matches:
        raise WrongPassword("The password is wrong.")
    if verified.is_outdated:
        password_hash = hash_password(password)
        with suppress(WrongPassword):
            return app.database.transact(lambda db: credentials.rehash(db, stored, password_hash))
        return verify_credentials(app, username, password)  # it was changed concurrently
    return stored


def _find_credentials(app: Application, username: str) -> Credentials | None:
    # The database might reject the text of an invalid username.
    if not re.fullmatch(constraints.USERNAME_PATTERN, username):
        return None
    with suppress(NotFound), app.database.read() as db:
        return credentials.get(db, username)
    return None


def basic_credentials(request: Request) -> tuple[str, str] | None:
    """Return the username and password of HTTP Basic; None for another scheme, and for bytes that are not ASCII."""
    sent = request.environ.get("HTTP_AUTHORIZATION", "")
    is_basic = sent.isascii() and sent[:6].lower() == "basic "
    credentials = basic.get_auth() if is_basic else None
    return (credentials.username or "", credentials.password or "") if credentials else None


def authenticate(request: Request, auth: HTTPTokenAuth, scope: Scope) -> None:
    """401 unless `auth` accepts the bearer token, 403 if that does not permit `scope`.

    `login_required` of flask-httpauth does the same as the first at ten times the cost.
    """
    if not has_valid_token(request, auth):
        auth.auth_error_callback(401)
        abort(401)
    require_scope(request, scope)


def has_valid_token(request: Request, auth: HTTPTokenAuth) -> bool:
    """Return whether the request has a bearer token that `auth` accepts."""
    scheme, _, token = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    token = token.strip(" \t")
    return scheme.lower() == "bearer" and token != "" and bool(auth.verify_token_callback(token))


def require_scope(request: Request, scope: Scope) -> None:
    """403 if the token can only read, and `scope` is `write`."""
    if scope == "write" and request.viewer and request.viewer.scope == "read":
        # RFC 6750, section 3.1.
        challenge = f'{bearer.authenticate_header()}, error="insufficient_scope", scope="write"'
        message = "This token can only read. Create one of scope `write` with your username and password."
        abort(403, message, code="insufficient-scope", headers={"WWW-Authenticate": challenge})


@bearer.verify_token
def _verify_token(token: str) -> TokenUser | None:
    if not token.startswith(TOKEN_PREFIX):
        return None
    request = current_request()
    request.token_hash = hash_token(token)
    with request.app.database.read() as db:
        user = tokens_use.find_user(db, request.token_hash)
    if user and not tokens_use.is_recently_touched(user):
        _touch_after_response(request.app.database, user.token_id)
    request.viewer = user
    return user


def authenticate_again(request: Request, db: Connection) -> None:
    """Read the user of the bearer token again, in the transaction of the change, which must be permitted still.

    A client may take a minute to send its body. The token stays valid until the transaction ends.
    """
    user = tokens_use.lock_and_find_user(db, request.token_hash)
    if user is None:
        reject_token()
    request.viewer = user
    require_scope(request, "write")


def _touch_after_response(database: Database, token_id: int) -> None:
    """Update the token's `last_used_at` when the response has been sent, unless another client is writing."""

    def touch() -> None:
        with suppress(Unavailable), database.write(wait=False) as db:
            tokens_use.touch(db, token_id)

    @after_this_request
    def _on_close(response: Response) -> Response:
        response.call_on_close(touch)
        return response


@bearer.error_handler
def reject_token(_status: int = 401) -> NoReturn:
    """401, with a challenge for a bearer token."""
    # RFC 6750, section 3: no error code for a request without credentials.
    error = ', error="invalid_token"' if current_request().has_credentials else ""
    abort(
        401,
        detail="Send a valid token as `Authorization: Bearer …`.",
        headers={"WWW-Authenticate": bearer.authenticate_header() + error},
    )


def reject_credentials(request: Request) -> NoReturn:
    """Reject the username and password.

    401 with a challenge for HTTP Basic, unless they are in the body: browsers open a dialog for such a challenge, and
    the script that sent the request waits for it.
    """
    if request.claimed_username is not None and request.is_anonymous:
        raise WrongPassword("Wrong username or password.")
    message = (
        "Wrong username or password, or not sent as HTTP Basic."
        if request.has_credentials
        else "Send a username and password, as HTTP Basic or in the body."
    )
    abort(401, message, headers={"WWW-Authenticate": basic.authenticate_header() + ', charset="UTF-8"'})
