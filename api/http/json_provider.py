"""Flask's JSON."""

from typing import Any

import orjson
from flask.json.provider import JSONProvider

from api import json
from api.http.responses import BufferedResponse, json_response


class StrictJSONProvider(JSONProvider):
    """Parses and serializes JSON as the rest of the API does."""

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Parse JSON."""
        return json.loads(s.encode() if isinstance(s, str) else s)

    def dumps(self, obj: Any, **options: Any) -> str:
        """Serialize a value, indented if `indent` is given."""
        indent = orjson.OPT_INDENT_2 if options.get("indent") else 0
        return orjson.dumps(obj, option=orjson.OPT_UTC_Z | indent).decode()

    def response(self, *args: Any, **kwargs: Any) -> BufferedResponse:
        """Return a JSON response."""
        return json_response(self._prepare_response_obj(args, kwargs))
