"""`/docs` and `/openapi.json`."""

from importlib.resources import files
from pathlib import Path

import flask
from flask import Response

from api.http.application import Request
from api.http.operation import Blueprint, Resource

_SWAGGER_UI = Path(__file__).parent / "swagger_ui"
_PAGE = (_SWAGGER_UI / "index.html").read_text()
# Swagger UI sets inline styles. It needs nothing else that is unsafe, and nothing from other hosts.
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

blueprint = Blueprint("docs", "The documentation.", database=False)
# Static files, not operations: nginx may serve them as well.
swagger_ui = flask.Blueprint(
    "swagger_ui",
    __name__,
    static_folder=str(files("flask_swagger_ui") / "dist"),
    static_url_path="/docs/assets",
)
page = flask.Blueprint("page", __name__, static_folder=_SWAGGER_UI, static_url_path="/docs/page")
_IGNORED_FIELDS = ("HTTP_RANGE", "HTTP_IF_MATCH", "HTTP_IF_UNMODIFIED_SINCE")


@swagger_ui.before_request
@page.before_request
def _ignore_ranges_and_if_match() -> None:
    # Werkzeug would send 412 with the file, and evaluate ranges before `If-None-Match` (RFC 9110, section 13.2.2).
    for name in _IGNORED_FIELDS:
        flask.request.environ.pop(name, None)


@blueprint.route("/docs")
class Docs(Resource):
    @blueprint.operation(
        "readDocs",
        returns={
            "type": "string",
            "maxLength": 65536,
            "pattern": "^<!doctype html>",
            "description": "An HTML page.",
            "examples": ["<!doctype html><title>Pressroom</title>"],
        },
        content_type="text/html",
        conditional=True,
        description="Swagger UI.",
    )
    def get(self, request: Request) -> Response:
        """Open Swagger UI.

        A page to read the OpenAPI document and to try every operation. It loads nothing from other hosts.
        """
        return Response(_PAGE, mimetype="text/html", headers={"Content-Security-Policy": _CONTENT_SECURITY_POLICY})


@blueprint.route("/openapi.json")
class Document(Resource):
    @blueprint.operation(
        "readDocument",
        returns="Document",
        conditional=True,
        description="The OpenAPI document.",
    )
    def get(self, request: Request) -> Response:
        """Read the OpenAPI document.

        It equals the committed `openapi/openapi.json` byte for byte.
        """
        return Response(request.app.openapi_document(), mimetype="application/json")
