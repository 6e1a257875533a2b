"""Each resource has exactly one URL: converters under Flask's own names, and what Werkzeug would overlook."""

from typing import Any

from flask import Flask, request
from flask_smorest import Api
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.routing import IntegerConverter, Map, UnicodeConverter

from api import limits


class Id(IntegerConverter):
    """`int`: 1 to 2^53 - 1 in its one decimal form, so neither `/posts/0001` nor one in other digits is found."""

    regex = "[1-9][0-9]{0,15}"

    def __init__(self, map: Map) -> None:  # noqa: A002 (Werkzeug's name)
        super().__init__(map, min=1, max=limits.MAX_ID)


class Name(UnicodeConverter):
    """`string`: a username."""

    def __init__(self, map: Map) -> None:  # noqa: A002 (Werkzeug's name)
        super().__init__(map)
        self.regex = limits.USERNAME


def init_app(app: Flask, api: Api) -> None:
    """Use these converters in routes, and say in the document what they accept."""
    app.url_map.merge_slashes = False
    app.before_request(_refuse_other_urls)
    app.url_map.converters.update(int=Id, string=Name)
    api.register_converter(Id, _id_schema)
    api.register_converter(Name, _name_schema)


def _refuse_other_urls() -> None:
    """400 without a host (RFC 9112, section 3.2); 404 for `//posts` and `/posts%2F1`, which Werkzeug and WSGI alter."""
    environ = request.environ
    if not request.host or (environ["SERVER_PROTOCOL"] == "HTTP/1.1" and not environ.get("HTTP_HOST")):
        raise BadRequest
    path, raw = environ["PATH_INFO"], environ.get("RAW_URI") or environ.get("REQUEST_URI", "")
    if path.startswith("//") or "%2f" in raw.partition("?")[0].lower():
        raise NotFound


def _id_schema(converter: Id) -> dict[str, Any]:
    return {"type": "integer", "format": "int64", "minimum": converter.min, "maximum": converter.max}


def _name_schema(converter: Name) -> dict[str, Any]:
    return {
        "type": "string",
        "minLength": limits.USERNAME_MIN,
        "maxLength": limits.USERNAME_MAX,
        "pattern": f"^{converter.regex}$",
    }
