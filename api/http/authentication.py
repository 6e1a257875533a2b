"""Who asks: HTTP Basic to get a token (RFC 7617), the bearer token from then on (RFC 6750)."""

import hashlib
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

from flask import Response, after_this_request, request
from flask_httpauth import HTTPAuth, HTTPBasicAuth, HTTPTokenAuth
from flask_smorest import abort

from api.http import passwords
from api.http.application import asked, current_application
from api.http.openapi.operations import documented
from api.store import tokens
from api.store.engine.connections import Row
from api.store.engine.database import Database
from api.store.errors import Unavailable, WrongPassword

REALM = "Pressroom"
PREFIX = "prt_"

bearer = HTTPTokenAuth("Bearer", realm=REALM)
basic = HTTPBasicAuth(realm=REALM)


def new_token() -> str:
    """A token of 256 random bits, with a prefix that scanners for leaked secrets can look for."""
    return PREFIX + secrets.token_urlsafe(32)


def sha256(token: str) -> bytes:
    """What is kept of a token. The token is random, so this needs neither salt nor patience."""
    return hashlib.sha256(token.encode()).digest()


@bearer.verify_token
def _by_token(token: str) -> Row | None:
    if not token.startswith(PREFIX):
        return None
    with current_application().database.read() as db:
        user = tokens.find_user(db, sha256(token))
    if user and not tokens.is_recently_touched(user):
        _note_use(current_application().database, user.token_id)
    asked().user = user
    return user


def _note_use(kept: Database, token_id: int) -> None:
    """Write down that the token is used: when the answer has left, and only if nobody else is writing."""

    def note() -> None:
        with suppress(Unavailable), kept.write(wait=False) as db:
            tokens.touch(db, token_id)

    @after_this_request
    def _when_answered(response: Response) -> Response:
        response.call_on_close(note)
        return response


@basic.verify_password
def _by_password(username: str, password: str) -> Row | None:
    with suppress(WrongPassword):
        asked().user = passwords.verify(username, password)
    return viewer()


@bearer.error_handler
def _no_token(_status: int) -> None:
    # RFC 6750, section 3: no error code for those who did not try.
    tried = ', error="invalid_token"' if "Authorization" in request.headers else ""
    abort(
        401,
        message="Send a live token as `Authorization: Bearer …`; POST /tokens makes one.",
        headers={"WWW-Authenticate": bearer.authenticate_header() + tried},
    )


@basic.error_handler
def refuse_password(_status: int = 401) -> Any:
    """401, with the challenge of HTTP Basic."""
    tried = "Authorization" in request.headers
    abort(
        401,
        message=(
            "The username or password is wrong, or not sent as HTTP Basic."
            if tried
            else "Send the username and password of a user by HTTP Basic."
        ),
        headers={"WWW-Authenticate": basic.authenticate_header() + ', charset="UTF-8"'},
    )


class AuthenticationMixin:
    """Adds to a blueprint the judgement of who asks."""

    @staticmethod
    def authenticated(auth: HTTPAuth, *, optional: bool = False) -> Callable[..., Any]:
        """Let nobody pass but users who prove it by `auth`; if `optional`, those too who do not even try.

        It stands outermost: 401 comes before 415, 422 and whatever else there is to say to strangers.
        """

        def decorator(func: Callable[..., Response]) -> Callable[..., Response]:
            required = auth.login_required(func)

            @wraps(func)
            def wrapper(*args: object, **kwargs: object) -> Response:
                anonymous = optional and "HTTP_AUTHORIZATION" not in asked().environ
                response: Response = (func if anonymous else required)(*args, **kwargs)
                response.headers.add("Vary", "Authorization")
                return response

            return documented(wrapper, security=[*([{}] if optional else []), {auth.scheme.lower(): []}])

        return decorator

    @staticmethod
    def _prepare_authentication_doc(doc: dict[str, Any], doc_info: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**doc, "security": doc_info.get("security", [])}


def user() -> Row:
    """The user who asks, where only users pass."""
    proven: Row = asked().user
    return proven


def viewer() -> Row | None:
    """The user who asks, None for strangers."""
    proven: Row | None = asked().user
    return proven
