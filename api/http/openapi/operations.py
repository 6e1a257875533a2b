"""Operations in the OpenAPI document. All uses of flask-smorest's private names are in this package."""

from collections.abc import Callable
from typing import Any

import flask_smorest

from api.http.declaration import Operation
from api.http.openapi.headers import RATE_LIMIT_HEADERS
from api.http.openapi.schemas import example_of, path_parameter
from api.http.statuses import STATUSES
from api.json import JSONObject
from api.schemas.base import StrictSchema
from api.schemas.compiled import AnyField
from api.schemas.pages import PageSchema

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
            "scope": operation.scope,
            "is_read": operation.method == "get",
        }

    def _document_success(self, handler: Callable[..., object], operation: Operation) -> Any:
        """Describe the successful responses."""
        headers = {"Location": "Location"} if operation.status == 201 else {}
        if isinstance(operation.returns, PageSchema):
            headers["Link"] = "Link"
        if operation.content_location:
            headers["Content-Location"] = "ContentLocation"
        if operation.download:
            headers["Content-Disposition"] = "ContentDisposition"
        example = _example(operation)
        response: JSONObject = {
            "description": operation.description,
            "content_type": operation.content_type,
            "example": example,
        }
        documented = super().response(operation.status, operation.returns, headers=headers or None, **response)(handler)
        if operation.creates_or_replaces:
            headers = {"Location": "Location", **headers}
            created = super().alt_response(
                201,
                schema=operation.returns,
                headers=headers,
                description="It has been created.",
                example=example,
                success=True,
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
        if {"bearer": []} in doc["security"] and doc_info["scope"] == "write":
            doc_info["docstring"]["description"] += "\n\nA token of scope `read` is not enough."
            statuses.add(403)
        if limits := doc_info["limits"]:
            quotas = ", and by the daily quotas of the account" if doc_info["metered"] else ""
            doc_info["docstring"]["description"] += f"\n\nLimited to {', '.join(limits)}{quotas}."
            for status in doc_info["success_status_codes"]:
                doc["responses"][status].setdefault("headers", {}).update(RATE_LIMIT_HEADERS)
            statuses.add(429)
        for status in statuses:
            doc["responses"][status] = STATUSES[status].component
        return doc


def _example(operation: Operation) -> JSONObject | None:
    """Return an example of the response to the example of the body; None if it is that of the schema."""
    if not isinstance(operation.returns, StrictSchema):
        return None
    usual = example_of(operation.returns)
    changed = {**(example_of(operation.body) if operation.body else {}), **operation.example}
    example = {name: changed.get(name, value) for name, value in usual.items()}
    return example if example != usual else None
