"""Every refusal, translated once into problem details (RFC 9457)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, current_app
from gunicorn.http.errors import NoMoreData, ParseException
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from api import metrics
from api.http import json
from api.http.statuses import STATUSES, Status
from api.schemas.problems import flatten_messages
from api.store.errors import (
    Conflict,
    Forbidden,
    IdempotencyKeyReused,
    NotFound,
    PreconditionFailed,
    RequestInProgress,
    StoreError,
    Unauthenticated,
    Unavailable,
    UserHasPosts,
    UsernameTaken,
    WrongPassword,
)

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 100


# A test proves that every refusal of the store stands here.
REFUSALS: dict[type[StoreError], int] = {
    NotFound: 404,
    Forbidden: 403,
    Unauthenticated: 401,
    WrongPassword: 403,
    PreconditionFailed: 412,
    Conflict: 409,
    UsernameTaken: 409,
    UserHasPosts: 409,
    RequestInProgress: 409,
    IdempotencyKeyReused: 422,
    Unavailable: 503,
}
RETRY_AFTER = 1
"""Seconds after which a temporary refusal may be over."""
_LATER = {"Retry-After": str(RETRY_AFTER)}
_HEADERS = {
    Unauthenticated: {"WWW-Authenticate": 'Bearer realm="Pressroom"'},
    RequestInProgress: _LATER,
    Unavailable: _LATER,
}


def init_app(app: Flask) -> None:
    """Translate what the store and the server raise. `Api` hands over what Werkzeug raises."""
    app.register_error_handler(StoreError, _refused)
    # Werkzeug would call a chunked body that cannot be read our failure.
    app.register_error_handler(ParseException, _unreadable)
    app.register_error_handler(NoMoreData, _unreadable)


def answer(error: HTTPException) -> Response:
    """The problem details of an HTTP error, with the header fields that it asks for, such as `Allow`.

    `flask_smorest.abort` leaves in `error.data` what there is to say.
    """
    data = getattr(error, "data", {})
    own = [(name, value) for name, value in error.get_headers() if name != "Content-Type"]
    given = (data.get("headers") or {}).items()
    errors = islice(_errors(data.get("messages", {})), MAX_ERRORS)
    return _problem(error.code or 500, data.get("message"), headers=[*own, *given], errors=list(errors))


def _problem(
    code: int,
    detail: str | None = None,
    *,
    headers: Iterable[tuple[str, str]] = (),
    errors: Sequence[object] = (),
) -> Response:
    status = STATUSES.get(code) or Status(HTTP_STATUS_CODES[code], "", f"{HTTP_STATUS_CODES[code]}.")
    problem = {
        "type": "about:blank",
        "title": status.title,
        "status": code,
        "detail": detail or status.detail,
    }
    response = json.answer({**problem, "errors": errors} if errors else problem, code, media_type=MEDIA_TYPE)
    response.headers.extend(headers)
    return response


def _refused(error: StoreError) -> Response:
    if isinstance(error, Unavailable):
        metrics.DATABASE_ERRORS.inc()
        if error.__cause__:
            current_app.logger.error("%s (%s)", error, error.__cause__)
    return _problem(REFUSALS[type(error)], str(error), headers=_HEADERS.get(type(error), {}).items())


def _unreadable(_error: Exception) -> Response:
    detail = "The body is not chunked as RFC 9112 says. Mend its framing."
    return _problem(400, detail, headers=[("Connection", "close")])


def _errors(messages: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Webargs' messages, `{location: {name: … [text, …]}}`, one by one."""
    for location, inside in messages.items():
        for path, detail in flatten_messages(inside):
            if location == "json":
                # RFC 6901, section 6.
                escaped = (quote(part.replace("~", "~0").replace("/", "~1"), safe="~") for part in path)
                yield {"detail": detail, "pointer": "#" + "".join(f"/{part}" for part in escaped)}
            else:
                yield {"detail": detail, "parameter": "/".join(path)}
