"""Input, read as the document says it is."""

from typing import Any

from flask import Request, g, request
from flask_smorest import abort
from marshmallow import RAISE, Schema, ValidationError, missing
from webargs.flaskparser import FlaskParser

from api import limits
from api.http.json import BadJSON, loads


def refuse_query() -> None:
    """422 for a query string that the operation has not read: it would not mean anything."""
    if request.query_string and "query_is_read" not in g:
        abort(422, messages={"query": {name: ["Unknown parameter."] for name in request.args}})


# RFC 9110, section 15.5.16.
_ACCEPTED = {"Accept": "application/json", "Accept-Encoding": "identity"}


class StrictParser(FlaskParser):
    """webargs, without its readiness to take one thing for another."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": RAISE}

    def load_json(self, req: Request, schema: Schema) -> Any:
        """The body's value; `missing` if there is none, even if the type that it would have is sent."""
        raw = req.get_data()
        # Werkzeug refuses a length that is announced; of a chunked body it leaves out what is too much.
        if len(raw) > limits.REQUEST_BODY:
            abort(413)
        # The server stops at the end of the connection, wherever that is.
        if len(raw) < (req.content_length or 0):
            abort(400, message="The body ends before its Content-Length.")
        if not raw and not req.mimetype:
            return missing
        if req.mimetype != "application/json" or req.mimetype_params.get("charset", "utf-8").lower() != "utf-8":
            abort(415, headers=_ACCEPTED)
        if req.headers.get("Content-Encoding", "").strip().lower() not in {"", "identity"}:
            abort(415, message="Send the body as it is, without a `Content-Encoding`.", headers=_ACCEPTED)
        # Generated clients send the type also where they leave out a body that may be left out.
        if not raw:
            return missing
        try:
            return loads(raw)
        except BadJSON as error:
            abort(400, message=f"The body is not usable as JSON: {error}.")

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        """The query's values, each given once."""
        g.query_is_read = True
        for name, values in req.args.lists():
            if len(values) > 1:
                raise ValidationError({name: ["Given more than once."]})
        return super().load_querystring(req, schema)
