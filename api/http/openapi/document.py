"""The document: OpenAPI 3.1, generated from the code that serves."""

from functools import cached_property
from importlib.metadata import version
from typing import Any

import flask_smorest
from flask import Flask, Response, json
from werkzeug.exceptions import HTTPException

from api.http import problems
from api.http.openapi.components import COUNTED, HEADERS, HEADERS_OF, PARAMETERS
from api.http.openapi.operations import Marshmallow, Operations
from api.http.statuses import STATUSES, Status
from api.schemas.problems import Problem

TITLE = "Pressroom"
VERSION = version("pressroom")
DESCRIPTION = """\
What is published can be read by anyone. To write, register with `POST /users`, get a token with `POST /tokens` (HTTP
Basic), and send it as `Authorization: Bearer …`.

Requests may be repeated when their answer is lost: a change that names the `ETag` of what it changes in `If-Match` is
not done twice (`*` names any), and a post that is sent again with the same `Idempotency-Key` is published once. Signing
in, registering and writing are limited; 429 says when to try again.

What you read with a token is as it is now. Without one, what is new is found at once by its URL, while lists and
changes may be a few seconds late.

Times are in UTC, URLs are paths relative to the host that was asked, and lists are paged by cursor with the newest
first. Every error is a problem (RFC 9457) whose `detail` says what to do, but for messages that are no HTTP or too long
for it, which the server refuses in its own words. Whatever can be read answers `HEAD`; `OPTIONS` tells the methods.
Every answer but those has an `X-Request-ID`, by which the operator finds it in the log; it is yours if you send one of
8 to 64 letters, digits, `.`, `_` and `-`.
"""


class Api(flask_smorest.Api):
    """flask-smorest's API, speaking problem details, and documenting nothing that is not answered."""

    ERROR_SCHEMA = Problem
    # A `default` response would make any status conform.
    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: Flask) -> None:
        app.config.update(
            API_TITLE=TITLE,
            API_VERSION=VERSION,
            OPENAPI_VERSION="3.1.0",
            API_SPEC_OPTIONS={
                "info": {
                    "summary": "A publishing back end: users and posts over JSON.",
                    "description": DESCRIPTION,
                    "license": {"name": "MIT", "identifier": "MIT"},
                },
                "servers": [
                    {
                        "url": ".",
                        "description": (
                            "Where this document is served, be it local, staging or production, "
                            "with the prefix of a proxy if it has one."
                        ),
                        "x-internal": False,  # what OWASP's rules ask of every server
                    }
                ],
                "security": [],
            },
        )
        super().__init__(app, spec_kwargs={"marshmallow_plugin": Marshmallow(), "extra_plugins": [Operations()]})
        self.spec.components.security_scheme(
            "bearer", {"type": "http", "scheme": "bearer", "description": "A token from `POST /tokens`."}
        )
        self.spec.components.security_scheme(
            "basic",
            {"type": "http", "scheme": "basic", "description": "Username and password, to get a token."},
        )

    @cached_property
    def document(self) -> str:
        """The text of the document, which does not change while the process lives."""
        return f"{json.dumps(self.spec.to_dict(), indent=2)}\n"

    def handle_http_exception(self, error: HTTPException) -> Response:
        """Translate what Werkzeug raises."""
        return problems.answer(error)

    def _register_responses(self) -> None:
        """Name the answers that operations share."""
        components = self.spec.components
        for name, header in HEADERS.items():
            components.header(name, header, lazy=True)
        for code, status in STATUSES.items():
            response: dict[str, Any] = {"description": status.description}
            response["headers"] = {**HEADERS_OF.get(code, {})}
            if code >= 400:
                response["content"] = {problems.MEDIA_TYPE: {"schema": Problem, "example": _example(code, status)}}
                response["headers"].update(COUNTED)
            components.response(status.component, response, lazy=True)

    def _register_etag_headers(self) -> None:
        """Name the header fields that operations share."""
        for name, parameter in PARAMETERS.items():
            self.spec.components.parameter(name, "header", parameter, lazy=True)

    def _register_pagination_header(self) -> None:
        """Nothing: pages are told by cursors, not by `X-Pagination`."""


def _example(code: int, status: Status) -> dict[str, Any]:
    example: dict[str, Any] = {
        "type": "about:blank",
        "title": status.title,
        "status": code,
        "detail": status.detail,
    }
    if code == 422:
        example["errors"] = [{"detail": "Missing data for required field.", "pointer": "#/title"}]
    return example
