"""Schemas and path parameters as JSON Schema, where apispec's own differ from OpenAPI 3.1."""

import inspect
from typing import Any, cast

from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema, fields, missing

OPENAPI_VERSION = "3.1.0"


class Converter(OpenAPIConverter):
    """Converts schemas to JSON Schema: closed, with the class docstring as description, and with an example."""

    def schema2jsonschema(self, schema: Schema) -> dict[str, Any]:
        """Return the JSON Schema of `schema`."""
        described: dict[str, Any] = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call] # half typed
        described.pop("additionalProperties", None)
        described["description"] = inspect.getdoc(type(schema))
        described["additionalProperties"] = False
        described.update(getattr(schema.Meta, "json_schema", {}))
        described["examples"] = [_example(schema)]
        return described


def _example(schema: Schema) -> dict[str, Any]:
    """Return the schema's own example, or one made of the first example of each field."""
    if own := getattr(schema.Meta, "json_schema", {}).get("examples"):
        return cast("dict[str, Any]", own[0])
    examples = ((name, _field_example(field)) for name, field in schema.fields.items())
    return {name: example for name, example in examples if example is not missing}


def _field_example(field: fields.Field[Any]) -> Any:
    if isinstance(field, fields.Nested):
        return _example(field.schema)
    if isinstance(field, fields.List) and isinstance(field.inner, fields.Nested):
        return [_example(field.inner.schema)]
    if examples := field.metadata.get("examples"):
        return examples[0]
    return None if field.allow_none else missing


def _component_name(schema: type[Schema] | Schema) -> str:
    return (schema if isinstance(schema, type) else type(schema)).__name__


class SchemaPlugin(MarshmallowPlugin):
    """apispec's plugin with this converter; a component has the name of its class."""

    Converter = Converter

    def __init__(self) -> None:
        super().__init__(schema_name_resolver=_component_name)

    def schemas(self) -> list[Schema]:
        """Return an instance of every schema in the document."""
        converter = cast("OpenAPIConverter", self.converter)
        return [cast("type[Schema]", key[0])() for key in converter.refs]


_converter = Converter(OPENAPI_VERSION, _component_name, spec=None)  # type: ignore[arg-type] # fields need no spec


def path_parameter(name: str, field: fields.Field[Any]) -> dict[str, Any]:
    """Return the description of a path parameter that is such a field."""
    schema = _converter.field2property(field)
    description, [example, *_] = schema.pop("description"), schema.pop("examples")
    return {
        "in": "path",
        "name": name,
        "description": description,
        "example": example,
        "required": True,
        "schema": schema,
    }
