"""Errors as problem details (RFC 9457)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NoReturn
from urllib.parse import quote

from flask import Flask, Response, current_app, has_request_context, request
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from api import constraints, metrics
from api.http.problem_types import PROBLEM_TYPES
from api.http.responses import READ_METHODS, json_response
from api.http.statuses import STATUSES, Status
from api.http.store_errors import CODE_OF, HEADERS_OF, STATUS_OF
from api.schemas.problems import flatten_messages
from api.store.errors import DatabaseNeedsRepair, DiskFull, QuotaExceeded, StoreError, Unavailable

MEDIA_TYPE = "application/problem+json"


def init_app(app: Flask) -> None:
    """Translate errors of Werkzeug and of the store."""
    app.register_error_handler(HTTPException, _from_http_exception)
    app.register_error_handler(StoreError, _from_store_error)


class HTTPProblem(HTTPException):
    """An HTTP error with problem details."""

    code: int

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        messages: Mapping[str, object] | None = None,
    ) -> None:
        """`messages` are marshmallow's: `{"json" or "query": {name: … [text, …]}}`."""
        super().__init__()
        self.code = status  # Werkzeug's name
        self.problem_code = code
        self.detail = detail
        self.headers = headers or {}
        self.messages = messages or {}


def abort(
    status: int,
    detail: str | None = None,
    *,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
    messages: Mapping[str, object] | None = None,
) -> NoReturn:
    """Raise `HTTPProblem`."""
    raise HTTPProblem(status, detail, code=code, headers=headers, messages=messages)


def _from_http_exception(error: HTTPException) -> Response:
    """Return the problem details of an HTTP error, with its header fields, such as `Allow`."""
    headers = [(name, value) for name, value in error.get_headers() if name != "Content-Type"]
    if not isinstance(error, HTTPProblem):
        return problem_response(error.code or 500, headers=headers)
    errors = list(islice(_errors(error.messages), constraints.ERRORS_MAX_ITEMS))
    return problem_response(
        error.code, error.detail, code=error.problem_code, headers=[*headers, *error.headers.items()], errors=errors
    )


def problem_response(
    status: int,
    detail: str | None = None,
    *,
    code: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    errors: Sequence[object] = (),
) -> Response:
    """Return problem details; `detail` and `code` default to those of the status."""
    about = STATUSES.get(status) or Status(HTTP_STATUS_CODES[status], "", f"{HTTP_STATUS_CODES[status]}.")
    code = code or about.code
    problem = {
        "type": f"{request.root_path if has_request_context() else ''}/problems/{code}",
        "title": PROBLEM_TYPES[code].title if code in PROBLEM_TYPES else about.title,
        "status": status,
        # It may repeat parts of the path, of which each character may have been escaped.
        "detail": (detail or about.detail)[: constraints.DETAIL_MAX_LENGTH],
        "code": code,
    }
    response = json_response({**problem, "errors": errors} if errors else problem, status, media_type=MEDIA_TYPE)
    response.headers.extend(headers)
    return response


def _from_store_error(error: StoreError) -> Response:
    if isinstance(error, Unavailable):
        metrics.DATABASE_ERRORS.inc()
        if error.__cause__ or error.reason:
            current_app.logger.error("%s", error.message_for_operators)
        if isinstance(error, DiskFull) and request.method in READ_METHODS:
            # 507 is for what a request would store; a read can need space too, for SQLite's index of the log.
            error = DatabaseNeedsRepair(str(error))
    elif isinstance(error, QuotaExceeded):
        metrics.RATE_LIMITED.labels("tokens-per-user").inc()
    bases = type(error).__mro__
    status = next(STATUS_OF[base] for base in bases if base in STATUS_OF)
    code = next((CODE_OF[base] for base in bases if base in CODE_OF), None)
    headers = next((HEADERS_OF[base] for base in bases if base in HEADERS_OF), {})
    return problem_response(status, str(error), code=code, headers=headers.items())


def _errors(messages: Mapping[str, object]) -> Iterator[dict[str, str]]:
    """Yield an error for each text in marshmallow's messages."""
    for location, nested in messages.items():
        for path, detail in flatten_messages(nested):
            if location == "json":
                # RFC 6901, section 6.
                escaped = (quote(part.replace("~", "~0").replace("/", "~1"), safe="~") for part in path)
                yield {"detail": detail, "pointer": "#" + "".join(f"/{part}" for part in escaped)}
            else:
                yield {"detail": detail, "parameter": "/".join(path)}
