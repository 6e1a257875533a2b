"""Input, read as the document says it is."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, cast

import flask_smorest
from flask_smorest import abort
from marshmallow import Schema, ValidationError

from api import constraints
from api.http.application import Request, asked
from api.http.json import InvalidJSON, loads
from api.http.openapi.operations import document_as

# RFC 9110, section 15.5.16.
_ACCEPTED = {"Accept": "application/json", "Accept-Encoding": "identity"}


def refuse_query() -> None:
    """422 for a query string that the operation has not read: it would not mean anything."""
    request = asked()
    if request.query_string and not request.query_is_read:
        abort(422, messages={"query": {name: ["Unknown parameter."] for name in request.args}})


class ArgumentsMixin(flask_smorest.Blueprint):
    """Reads the arguments of operations, without webargs' readiness to take one thing for another."""

    def arguments(self, schema: Schema, *, location: str = "json", **documentation: Any) -> Callable[..., Any]:
        """Give the operation what `schema` makes of the body or the query; 422 for what it refuses."""
        documented = super().arguments(schema, location=location, **documentation)
        read = {"json": _body, "query": _query}[location]

        def decorator(func: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(func)
            def wrapper(*args: object, **kwargs: object) -> Any:
                try:
                    content = read(schema)
                except ValidationError as error:
                    abort(422, messages={location: error.messages})
                return func(*args, content, **kwargs)

            return document_as(documented(func), wrapper)

        return decorator


def _body(schema: Schema) -> Any:
    return schema.load(_json())


def _json() -> Any:
    """The body's value; an empty object if there is none, even if the type that it would have is sent."""
    request = asked()
    raw = request.get_data()
    # Werkzeug refuses a length that is announced; of a chunked body it leaves out what is too much.
    if len(raw) > constraints.REQUEST_BODY_MAX_BYTES:
        abort(413)
    # The server stops at the end of the connection, wherever that is.
    if len(raw) < (request.content_length or 0):
        abort(400, message="The body ends before its Content-Length.")
    if not raw and not request.mimetype:
        return {}
    if request.content_type != "application/json" and not _is_json(request):
        abort(415, headers=_ACCEPTED)
    if request.environ.get("HTTP_CONTENT_ENCODING", "").strip().lower() not in {"", "identity"}:
        abort(415, message="Send the body as it is, without a `Content-Encoding`.", headers=_ACCEPTED)
    # Generated clients send the type also where they leave out a body that may be left out.
    if not raw:
        return {}
    try:
        return loads(raw)
    except InvalidJSON as error:
        abort(400, message=f"The body is not usable as JSON: {error}.")


def _is_json(request: Request) -> bool:
    return request.mimetype == "application/json" and request.mimetype_params.get("charset", "utf-8").lower() == "utf-8"


def _query(schema: Schema) -> dict[str, Any]:
    request = asked()
    request.query_is_read = True
    return {**_read_query(schema, request.query_string)}


@lru_cache(maxsize=1024)
def _read_query(schema: Schema, _query_string: bytes) -> dict[str, Any]:
    """The query's values, each given once. The same query is read once: no schema of one looks at the clock."""
    parameters = asked().args
    for name, values in parameters.lists():
        if len(values) > 1:
            raise ValidationError({name: ["Given more than once."]})
    return cast("dict[str, Any]", schema.load(parameters.to_dict()))
