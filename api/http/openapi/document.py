"""The OpenAPI 3.1 document, generated from the code that serves it."""

from functools import cache

import flask_smorest
import orjson
from flask import Flask

from api.http import problems
from api.http.openapi.components import NOT_MODIFIED_AT_OTHER_URL, PARAMETERS, SCHEMAS, UNSUPPORTED_PATCH
from api.http.openapi.headers import HEADERS, RATE_LIMIT_HEADERS, RESPONSE_HEADERS
from api.http.openapi.links import add_links
from api.http.openapi.plugin import OperationsPlugin
from api.http.openapi.schemas import OPENAPI_VERSION, SchemaPlugin
from api.http.statuses import STATUSES, Status
from api.json import JSONObject
from api.schemas.base import StrictSchema
from api.schemas.problems import Problem


class Api(flask_smorest.Api):
    """flask-smorest's API, without responses that are never sent. It describes operations and serves none."""

    ERROR_SCHEMA = Problem
    # With a `default` response, any status would conform.
    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: Flask, *, title: str, version: str, info: JSONObject) -> None:
        app.config.update(
            API_TITLE=title,
            API_VERSION=version,
            OPENAPI_VERSION=OPENAPI_VERSION,
            API_SPEC_OPTIONS={
                "info": info,
                "servers": [
                    {
                        "url": ".",
                        "description": (
                            "The server of this document, be it local, staging or production, under the path prefix "
                            "of a proxy if there is one."
                        ),
                        "x-internal": False,  # OWASP's rules require it
                    }
                ],
                "security": [],
            },
        )
        self._schema_plugin = SchemaPlugin()
        super().__init__(
            app,
            spec_kwargs={"marshmallow_plugin": self._schema_plugin, "extra_plugins": [OperationsPlugin()]},
        )
        self.spec.components.security_scheme(
            "bearer", {"type": "http", "scheme": "bearer", "description": "A bearer token."}
        )
        self.spec.components.security_scheme(
            "basic",
            {
                "type": "http",
                "scheme": "basic",
                "description": "Username and password, to create a token; they may be in the body instead.",
            },
        )

    @property
    def schemas(self) -> list[StrictSchema]:
        """An instance of every schema in the document."""
        return [schema for schema in self._schema_plugin.schemas() if isinstance(schema, StrictSchema)]

    @cache  # noqa: B019 (it lives as long as the process)
    def document(self) -> str:
        """The JSON text of the document; it is the same for the lifetime of the process."""
        document = self.spec.to_dict()
        add_links(document, self.schemas)
        return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()

    # flask-smorest calls these private methods to register its own components.

    def _register_responses(self) -> None:
        """Register the responses that operations share, and what they consist of."""
        components = self.spec.components
        for name, schema in SCHEMAS.items():
            components.schema(name, schema, lazy=True)
        for name, header in HEADERS.items():
            components.header(name, header, lazy=True)
        for code, status in STATUSES.items():
            response: JSONObject = {"description": status.description}
            response["headers"] = {**RESPONSE_HEADERS.get(code, {})}
            if code >= 400:
                response["content"] = {problems.MEDIA_TYPE: {"schema": Problem, "example": _example(code, status)}}
                response["headers"].update(RATE_LIMIT_HEADERS)
            components.response(status.component, response, lazy=True)
            if code == 304:
                headers = {**response["headers"], "Content-Location": "ContentLocation"}
                components.response(NOT_MODIFIED_AT_OTHER_URL, {**response, "headers": headers}, lazy=True)
            if code == 415:
                patch_headers = {**response["headers"], "Accept-Patch": "AcceptPatch"}
                components.response(UNSUPPORTED_PATCH, {**response, "headers": patch_headers}, lazy=True)

    def _register_etag_headers(self) -> None:
        """Register the parameters that operations share."""
        for name, parameter in PARAMETERS.items():
            self.spec.components.parameter(name, "header", parameter, lazy=True)

    def _register_pagination_header(self) -> None:
        """Register nothing: pages have cursors, not `X-Pagination`."""


def _example(code: int, status: Status) -> JSONObject:
    example: JSONObject = {
        "type": f"/problems/{status.code}",
        "title": status.title,
        "status": code,
        "detail": status.detail,
        "code": status.code,
    }
    if code == 422:
        example["errors"] = [{"detail": "Missing data for required field.", "pointer": "#/title"}]
    return example
