"""Schemas and path parameters as JSON Schema, where apispec's own differ from OpenAPI 3.1."""

import inspect
from typing import cast

from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema, fields, missing

from api.json import JSONObject
from api.schemas.compiled import AnyField
from api.schemas.fields import Constant
from api.schemas.maps import TextMap

OPENAPI_VERSION = "3.1.0"


class Converter(OpenAPIConverter):
    """Converts schemas to JSON Schema: closed, with the class docstring as description, and with an example."""

    def field2choices(self, field: AnyField, **_: object) -> JSONObject:
        """Return the only value or the possible values of `field`."""
        choices: JSONObject = super().field2choices(field)
        return {"const": choices["enum"][0]} if isinstance(field, Constant) else choices

    def field2property(self, field: AnyField) -> JSONObject:
        """Return the JSON Schema of `field`; of a map, a reference to it."""
        described: JSONObject = super().field2property(field)
        return self._reference(field, described) if isinstance(field, TextMap) else described

    def _reference(self, field: TextMap, described: JSONObject) -> JSONObject:
        """Make a component of a map, unless there is one, and return a reference to it."""
        if field.component not in self.spec.components.schemas:
            component = {
                "type": "object",
                "propertyNames": self.field2property(field.names),
                "additionalProperties": self.field2property(field.texts),
                "maxProperties": field.maximum,
                "description": field.metadata["description"],
                "examples": field.metadata["examples"],
            }
            self.spec.components.schema(field.component, component)
        reference = {"$ref": f"#/components/schemas/{field.component}"}
        return {"description": described["description"], **reference}

    def schema2jsonschema(self, schema: Schema) -> JSONObject:
        """Return the JSON Schema of `schema`."""
        described: JSONObject = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call] # half typed
        described.pop("additionalProperties", None)
        described["description"] = inspect.getdoc(type(schema))
        described["additionalProperties"] = False
        if getattr(schema.Meta, "allow_null", False):
            # `type: [object, null]` would be a union in generated clients, which Python's cannot leave out.
            del described["type"]
            described["not"] = {"type": ["array", "boolean", "number", "string"]}
        described.update(getattr(schema.Meta, "json_schema", {}))
        described["examples"] = [example_of(schema)]
        return described


def example_of(schema: Schema) -> JSONObject:
    """Return the schema's own example, or one made of the first example of each field."""
    if own := getattr(schema.Meta, "json_schema", {}).get("examples"):
        return cast("JSONObject", own[0])
    omitted = getattr(schema.Meta, "not_in_example", ())
    examples = ((name, _field_example(field)) for name, field in schema.fields.items() if name not in omitted)
    return {name: example for name, example in examples if example is not missing}


def _field_example(field: AnyField) -> object:
    if isinstance(field, fields.Nested):
        return example_of(field.schema)
    if isinstance(field, fields.List) and isinstance(field.inner, fields.Nested):
        return [example_of(field.inner.schema)]
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


def path_parameter(name: str, field: AnyField) -> JSONObject:
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
