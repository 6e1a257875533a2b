"""What apispec gets wrong for OpenAPI 3.1, and what every operation of a kind can answer."""

from collections.abc import Callable
from typing import Any, cast

from apispec import BasePlugin
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from flask import Response
from marshmallow import Schema, fields, missing

from api.http.statuses import STATUSES

_ORDER = (
    "operationId",
    "tags",
    "summary",
    "description",
    "security",
    "parameters",
    "requestBody",
    "responses",
)


def documented(view: Callable[..., Response], **facts: object) -> Callable[..., Response]:
    """The view, with what a decorator has to say of it to `Blueprint`'s `_prepare_…_doc`, as flask-smorest's own do."""
    view._apidoc = {**getattr(view, "_apidoc", {}), **facts}  # type: ignore[attr-defined] # not of every function
    return view


def document_as(described: Any, view: Callable[..., Any]) -> Callable[..., Any]:
    """The view, described as flask-smorest has described a wrapper of it, whose work it does otherwise."""
    return documented(view, **described._apidoc)


class Converter(OpenAPIConverter):
    """Schemas as JSON Schema: closed, and with an example, made of their fields' examples if they have none."""

    def schema2jsonschema(self, schema: Schema) -> dict[str, Any]:
        """As apispec has it, and what it leaves out."""
        described: dict[str, Any] = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call] # half typed
        # apispec drops this as soon as there is a description.
        described["additionalProperties"] = False
        described.update(getattr(schema.Meta, "json_schema", {}))
        described["examples"] = [example(schema)]
        return described


def example(schema: Schema) -> dict[str, Any]:
    """An object of that schema: its own example, or one made of the first example of each field that has one."""
    if own := getattr(schema.Meta, "json_schema", {}).get("examples"):
        return cast("dict[str, Any]", own[0])
    told = ((name, _example(field)) for name, field in schema.fields.items())
    return {name: value for name, value in told if value is not missing}


def _example(field: fields.Field[Any]) -> Any:
    if isinstance(field, fields.Nested):
        return example(field.schema)
    if isinstance(field, fields.List) and isinstance(field.inner, fields.Nested):
        return [example(field.inner.schema)]
    if examples := field.metadata.get("examples"):
        return examples[0]
    return None if field.allow_none else missing


class Marshmallow(MarshmallowPlugin):
    """Schemas under the names of their classes."""

    Converter = Converter

    def __init__(self) -> None:
        super().__init__(
            schema_name_resolver=lambda schema: (schema if isinstance(schema, type) else type(schema)).__name__
        )


class Operations(BasePlugin):
    """Completes each operation with the answers that every operation of its kind can give."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    def operation_helper(self, path: str | None = None, operations: Any = None, **_: Any) -> None:
        """Complete the operations at `path`; TypeError for one that is not described."""
        for method, operation in (operations or {}).items():
            name = operation.get("operationId")
            if name in self._ids or not all(map(operation.get, ("operationId", "summary", "description"))):
                raise TypeError(
                    f"{method.upper()} {path}: give it an operationId of its own, a summary and a description."
                )
            self._ids.add(name)
            self._complete(str(path), operation)
            ordered = {key: operation[key] for key in _ORDER if key in operation}
            operation.clear()
            operation.update(ordered)

    @staticmethod
    def _complete(path: str, operation: dict[str, Any]) -> None:
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
        for status in sorted(responses):
            # flask-smorest names the ones that it adds after Python's own list, which changes.
            described = responses.pop(status)
            responses[status] = STATUSES[status].component if isinstance(described, str) else described
