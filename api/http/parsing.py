"""Request bodies and queries, parsed as the OpenAPI document describes them."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import Any, NoReturn, TypeAlias
from urllib.parse import parse_qsl

from marshmallow import Schema, ValidationError

from api import constraints
from api.http.application import Request
from api.http.problems import HTTPProblem, abort
from api.http.store_errors import RETRY_AFTER
from api.json import InvalidJSON, TooManyValues, loads

Values: TypeAlias = Mapping[str, Any]
"""Validated input."""
LARGE_BODY_BYTES = 256 * 1024
LARGE_BODY_WAIT_SECONDS = 0.5
"""Longest wait for others' large bodies; then the client gets 503. Each waiting request occupies a worker thread."""
_large_body = threading.Lock()
"""One large body is parsed at a time: in eight threads at once, they would take eight times the time and memory."""
# RFC 9110, section 15.5.16.
_ACCEPTED = {"Accept": "application/json", "Accept-Encoding": "identity"}


def parse_body(request: Request, schema: Schema, *, is_required: bool) -> Values:
    """Return the validated body; 400, 413, 415 or 422 for an invalid one. An optional one may be null.

    503 if the process parses too many large bodies at once.
    """
    raw = _read_body(request)
    with _one_at_a_time() if len(raw) > LARGE_BODY_BYTES else nullcontext():
        try:
            return _load(raw, schema, is_required=is_required)
        except InvalidJSON as error:
            problem = HTTPProblem(400, f"The body is not valid JSON: {error}.")
        except TooManyValues:
            problem = HTTPProblem(422, messages={"json": {"_schema": ["Too many values."]}})
        except ValidationError as error:
            problem = HTTPProblem(422, messages={"json": error.messages})
            error.__traceback__ = None  # its frames refer to it: the parsed body would stay until a garbage collection
    raise problem  # outside the handlers, because the frames of the errors refer to the parsed body


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    if not _large_body.acquire(timeout=LARGE_BODY_WAIT_SECONDS):
        message = "Too many large bodies at once. Try again after `Retry-After` seconds."
        abort(503, message, headers={"Retry-After": str(RETRY_AFTER)})
    try:
        yield
    finally:
        _large_body.release()


def _load(raw: bytes, schema: Schema, *, is_required: bool) -> Values:
    value = loads(raw) if raw else {}
    return schema.load({} if value is None and not is_required else value)  # type: ignore[no-any-return] # not many


def parse_query(request: Request, schema: Schema) -> Values:
    """Return the validated query; 422 for an invalid one."""
    try:
        values, request.is_query_normal = _parse_query_string(schema, request.query_string)
    except ValidationError as error:
        _reject(query=error.messages)
    return values


def reject_query(request: Request) -> NoReturn:
    """422 for parameters of an operation that has none."""
    pairs = split_query(request.query_string)
    _reject(query={name: ["Unknown parameter."] for name, _ in pairs} | _empty_pairs(request.query_string))


def split_query(query_string: bytes) -> list[tuple[str, str]]:
    """Return the names and values in a query; 400 for bytes that are not ASCII (RFC 3986, section 2)."""
    if not query_string.isascii():
        abort(400, "The request is malformed: the query has bytes that are not ASCII. Percent-encode them.")
    # As Werkzeug does for `request.args`.
    return parse_qsl(query_string.decode(), keep_blank_values=True, errors="werkzeug.url_quote")


def _read_body(request: Request) -> bytes:
    """Return the body, which is JSON by its media type, or nothing."""
    raw, length = request.get_data(), request.content_length or 0
    # Werkzeug rejects a Content-Length that is too large, but truncates a chunked body.
    if len(raw) > constraints.REQUEST_BODY_MAX_BYTES:
        abort(413)
    # gunicorn does not report that the client closed the connection early.
    if len(raw) < length:
        abort(400, "The body ends before its Content-Length.")
    if "HTTP_CONTENT_RANGE" in request.environ and request.method == "PUT":  # RFC 9110, section 14.5
        abort(400, "Send the complete body, without Content-Range.")
    if not raw and not request.mimetype:
        return b""
    if request.environ.get("CONTENT_TYPE") != "application/json" and not _is_json(request):
        abort(415, headers=_accepted(request))
    if request.environ.get("HTTP_CONTENT_ENCODING", "").strip().lower() not in {"", "identity"}:
        abort(415, "Send the body without a Content-Encoding.", headers=_accepted(request))
    # It may be empty: generated clients send the type even if they omit an optional body.
    return raw


def _accepted(request: Request) -> Mapping[str, str]:
    # RFC 5789, section 2.2.
    return {**_ACCEPTED, "Accept-Patch": "application/json"} if request.method == "PATCH" else _ACCEPTED


def _is_json(request: Request) -> bool:
    return request.mimetype == "application/json" and request.mimetype_params.get("charset", "utf-8").lower() == "utf-8"


@lru_cache(maxsize=1024)
def _parse_query_string(schema: Schema, query_string: bytes) -> tuple[Values, bool]:
    """Return the values, and whether texts are what was sent, and not normalised."""
    pairs = split_query(query_string)
    parameters, errors = dict(pairs), _empty_pairs(query_string)
    if len(parameters) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        errors |= {name: ["Given more than once."] for name, count in counts.items() if count > 1}
    if errors:
        raise ValidationError(errors)
    values = schema.load(parameters)
    texts = ((values.get(name), sent) for name, sent in parameters.items())
    return values, all(text == sent for text, sent in texts if isinstance(text, str))


def _empty_pairs(query_string: bytes) -> dict[str, list[str]]:
    """Return the errors of `&limit=1` and `limit=1&&cursor=…`, which Python's parser ignores."""
    has_empty_pair = query_string and b"" in query_string.split(b"&")
    return {"": ["Empty parameter. Remove the superfluous `&`."]} if has_empty_pair else {}


def _reject(**messages: object) -> NoReturn:
    abort(422, messages=messages)
