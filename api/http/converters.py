"""Each resource has exactly one URL: converters under Flask's own names."""

from typing import Any

from flask import Flask
from flask_smorest import Api
from werkzeug.routing import IntegerConverter, Map, UnicodeConverter

from api import constraints


class Id(IntegerConverter):
    """`int`: 1 to 2^53 - 1 in its one decimal form, so neither `/posts/0001` nor one in other digits is found."""

    regex = "[1-9][0-9]{0,15}"

    def __init__(self, map: Map) -> None:  # noqa: A002 (Werkzeug's name)
        super().__init__(map, min=1, max=constraints.ID_MAX)


class Name(UnicodeConverter):
    """`string`: a username."""

    def __init__(self, map: Map) -> None:  # noqa: A002 (Werkzeug's name)
        super().__init__(map)
        self.regex = constraints.USERNAME_PATTERN


def init_app(app: Flask, api: Api) -> None:
    """Use these converters in routes, and say in the document what they accept."""
    app.url_map.merge_slashes = False
    app.url_map.converters.update(int=Id, string=Name)
    api.register_converter(Id, _id_schema)
    api.register_converter(Name, _name_schema)


def _id_schema(converter: Id) -> dict[str, Any]:
    return {"type": "integer", "format": "int64", "minimum": converter.min, "maximum": converter.max}


def _name_schema(converter: Name) -> dict[str, Any]:
    return {
        "type": "string",
        "minLength": constraints.USERNAME_MIN_LENGTH,
        "maxLength": constraints.USERNAME_MAX_LENGTH,
        "pattern": f"^{converter.regex}$",
    }
