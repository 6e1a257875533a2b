"""Operations in the OpenAPI document. All uses of flask-smorest's private names are in this package."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import flask_smorest
from apispec import BasePlugin

from api.http.declaration import Operation
from api.http.openapi.components import NOT_MODIFIED_AT_OTHER_URL, RATE_LIMIT_HEADERS, UNSUPPORTED_PATCH
from api.http.openapi.schemas import path_parameter
from api.http.statuses import STATUSES
from api.json import JSONObject
from api.schemas.compiled import AnyField
from api.schemas.pages import PageSchema

_KEY_ORDER = (
    "operationId",
    "tags",
    "summary",
    "description",
    "security",
    "parameters",
    "requestBody",
    "responses",
)

Decorator = Callable[[Any], Any]


class DocumentedBlueprint(flask_smorest.Blueprint):
    """flask-smorest's blueprint, which documents operations as they are declared."""

    def __init__(self, name: str, description: str, *, url_prefix: str | None = None, database: bool = True) -> None:
        """Make a blueprint; `database` tells whether its operations need the database and so may be 503 or 507."""
        super().__init__(name, name, url_prefix=url_prefix, description=description)
        self._database = database
        # There is no public way to document what flask-smorest has no decorator for.
        self._prepare_doc_cbks.append(self._prepare_operation_doc)

    def route(self, rule: str, **parameters: AnyField) -> Decorator:
        """Register a resource. Each path parameter is a field, which documents it: `item_id=Id()`."""
        decorator: Decorator = super().route(
            rule, parameters=[path_parameter(name, field) for name, field in parameters.items()]
        )
        return decorator

    def document(self, handler: Callable[..., object], view: Any, operation: Operation) -> None:
        """Describe `view` as flask-smorest's decorators describe `handler`; they are not used to serve it."""
        view.operation = operation
        documented = self._document_success(handler, operation)
        if operation.query:
            documented = super().arguments(operation.query, location="query")(documented)
        if operation.body:
            documented = super().arguments(operation.body, required=operation.body_required)(documented)
        documented = super().doc(operationId=operation.operation_id)(documented)
        scheme = operation.auth and operation.auth.scheme.lower()
        view._apidoc = {
            **documented._apidoc,
            "etag": operation.conditional and not operation.creates_or_replaces,
            "creates_or_replaces": operation.creates_or_replaces,
            "content_location": operation.content_location,
            "security": [{scheme: []}, *([{}] if operation.anonymous else [])] if scheme else [],
            "limits": [limit.description for limit in operation.limits],
            "idempotent": operation.idempotent,
            "metered": operation.is_metered,
            "raises": operation.raises,
            "is_read": operation.method == "get",
        }

    def _document_success(self, handler: Callable[..., object], operation: Operation) -> Any:
        """Describe the successful responses."""
        headers = {"Location": "Location"} if operation.status == 201 else {}
        if isinstance(operation.returns, PageSchema):
            headers["Link"] = "Link"
        if operation.content_location:
            headers["Content-Location"] = "ContentLocation"
        response: JSONObject = {"description": operation.description, "content_type": operation.content_type}
        documented = super().response(operation.status, operation.returns, headers=headers or None, **response)(handler)
        if operation.creates_or_replaces:
            headers = {"Location": "Location", **headers}
            created = super().alt_response(
                201, schema=operation.returns, headers=headers, description="It has been created.", success=True
            )
            documented = created(documented)
        return documented

    def _prepare_operation_doc(self, doc: JSONObject, doc_info: JSONObject, **_: object) -> JSONObject:
        """Add to an operation what flask-smorest has no decorator for."""
        doc["security"] = doc_info["security"]
        statuses = {*doc_info["raises"]}
        if doc_info["creates_or_replaces"]:
            doc.setdefault("parameters", []).extend(["IF_MATCH_OR_NONE", "IF_NONE_MATCH_ANY"])
            statuses |= {412, 428}
        if self._database:
            statuses |= {503} if doc_info["is_read"] else {503, 507}
        if doc_info["idempotent"]:
            doc.setdefault("parameters", []).append("IDEMPOTENCY_KEY")
            statuses.add(409)
        if {"bearer": []} in doc["security"] and {} in doc["security"]:
            doc_info["docstring"]["description"] += "\n\nAuthentication is optional."
        if limits := doc_info["limits"]:
            quotas = ", and by the daily quotas of the account" if doc_info["metered"] else ""
            doc_info["docstring"]["description"] += f"\n\nLimited to {', '.join(limits)}{quotas}."
            for status in doc_info["success_status_codes"]:
                doc["responses"][status].setdefault("headers", {}).update(RATE_LIMIT_HEADERS)
            statuses.add(429)
        for status in statuses:
            doc["responses"][status] = STATUSES[status].component
        return doc


class OperationsPlugin(BasePlugin):
    """Adds to each operation the responses that every operation of its kind can have."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    def path_helper(
        self,
        path: str | None = None,
        operations: dict[str, JSONObject] | None = None,
        parameters: list[JSONObject] | None = None,
        **_: object,
    ) -> None:
        """Move the parameters of the path into its operations, as their first: many generators misread them there."""
        if not parameters:
            return
        for operation in (operations or {}).values():
            operation["parameters"] = [*deepcopy(parameters), *operation.get("parameters", [])]
        parameters.clear()

    def operation_helper(
        self, path: str | None = None, operations: dict[str, JSONObject] | None = None, **_: object
    ) -> None:
        """Complete the operations at `path`; `TypeError` for one without an id, summary or description."""
        for method, operation in (operations or {}).items():
            operation_id = operation.get("operationId", "")
            if operation_id in self._ids or not all(map(operation.get, ("operationId", "summary", "description"))):
                raise TypeError(f"{method.upper()} {path} needs a unique operationId, a summary and a description.")
            self._ids.add(operation_id)
            self._add_responses(str(path), method, operation)
            ordered = {key: operation[key] for key in _KEY_ORDER if key in operation}
            operation.clear()
            operation.update(ordered)

    @staticmethod
    def _add_responses(path: str, method: str, operation: JSONObject) -> None:
        responses = operation["responses"]
        statuses = {400, 422, 500}
        if operation["security"]:
            statuses.add(401)
        if "{" in path:
            statuses.add(404)
        if "requestBody" in operation:
            statuses |= {413, 415}
        for status in statuses:
            responses.setdefault(status, "")
        components = {code: status.component for code, status in STATUSES.items()}
        if method == "patch":
            components[415] = UNSUPPORTED_PATCH
        if "Content-Location" in responses[min(responses, key=int)].get("headers", {}):
            components[304] = NOT_MODIFIED_AT_OTHER_URL
        for status in sorted(responses):
            # flask-smorest names shared responses by Python's list of statuses, which changes with its version.
            response = responses.pop(status)
            responses[status] = components[status] if isinstance(response, str) else response
