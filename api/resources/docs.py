"""`/docs` and `/openapi.json`: the document, to read and to try out."""

from importlib.resources import files
from pathlib import Path

import flask
from flask import Response
from flask_smorest.globals import current_api

from api.http.blueprint import Blueprint, Resource

_HERE = Path(__file__).parent / "swagger_ui"
_PAGE = (_HERE / "index.html").read_text()
# Swagger UI sets styles inline. It needs nothing else that is unsafe, and nothing from another host.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

blueprint = Blueprint("docs", "This document, to read and to try out.", database=False)
# Files, not operations: nginx may serve them as well.
swagger_ui = flask.Blueprint(
    "swagger_ui",
    __name__,
    static_folder=str(files("flask_swagger_ui") / "dist"),
    static_url_path="/docs/assets",
)
page = flask.Blueprint("page", __name__, static_folder=_HERE, static_url_path="/docs/page")


@blueprint.route("/docs")
class Docs(Resource):
    @blueprint.etag
    @blueprint.doc(operationId="readDocs")
    @blueprint.response(
        200,
        {"type": "string", "maxLength": 65536, "pattern": "^<!doctype html>", "description": "An HTML page."},
        content_type="text/html",
        description="Swagger UI.",
    )
    def get(self) -> Response:
        """Open Swagger UI.

        A page to read this document and to try every operation out. It loads nothing from other hosts.
        """
        return Response(_PAGE, mimetype="text/html", headers={"Content-Security-Policy": _POLICY})


@blueprint.route("/openapi.json")
class Document(Resource):
    @blueprint.etag
    @blueprint.doc(operationId="readDocument")
    @blueprint.response(
        200,
        {
            "type": "object",
            "description": "An OpenAPI 3.1 document.",
            "properties": {
                "openapi": {"type": "string", "const": "3.1.0", "examples": ["3.1.0"]},
                **{name: {"type": "object", "additionalProperties": True} for name in ("info", "paths", "components")},
            },
            "required": ["openapi", "info", "paths", "components"],
            "additionalProperties": True,
        },
        description="This document.",
    )
    def get(self) -> Response:
        """Read this document.

        What is served is what the project has committed, byte for byte.
        """
        return Response(current_api.document, mimetype="application/json")
