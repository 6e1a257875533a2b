"""Flask's JSON."""

from flask.json.provider import JSONProvider

from api import json
from api.http.responses import BufferedResponse, json_response


class StrictJSONProvider(JSONProvider):
    """Parses and serializes JSON as the rest of the API does."""

    def loads(self, s: str | bytes, **_: object) -> object:
        """Parse JSON."""
        return json.loads(s.encode() if isinstance(s, str) else s)

    def dumps(self, obj: object, **_: object) -> str:
        """Serialize a value."""
        return json.dumps(obj).decode()

    def response(self, *args: object, **kwargs: object) -> BufferedResponse:
        """Return a JSON response."""
        return json_response(self._prepare_response_obj(args, kwargs))
