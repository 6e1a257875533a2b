"""Flask's `int` and `string` URL converters, made strict, so that each resource has exactly one URL."""

from flask import Flask
from werkzeug.routing import IntegerConverter, Map, UnicodeConverter

from api import constraints


class StrictIntegerConverter(IntegerConverter):
    """`int`: 1 to 2^53 - 1 in its one decimal form; `/items/0001` and other digits are 404."""

    regex = "[1-9][0-9]{0,15}"

    def __init__(self, map: Map) -> None:  # noqa: A002 (Werkzeug's name)
        super().__init__(map, min=1, max=constraints.ID_MAX)


class StrictStringConverter(UnicodeConverter):
    """`string`: any text segment without control characters; the look-up says whether it names a resource."""

    def __init__(self, map: Map) -> None:  # noqa: A002 (Werkzeug's name)
        super().__init__(map)
        # On the instance, because Werkzeug's constructor sets it there.
        self.regex = constraints.PATH_SEGMENT_PATTERN


def init_app(app: Flask) -> None:
    """Use these converters in the routes of `app`."""
    app.url_map.merge_slashes = False
    app.url_map.converters.update(int=StrictIntegerConverter, string=StrictStringConverter)
