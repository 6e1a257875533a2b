"""The OpenAPI document is the committed one, valid, closed and bounded, and describes what is served."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.http.application import Application
from api.http.openapi.operations import OperationsPlugin
from tests.support.clients import Client

DOCUMENT_PATH = Path(__file__).parents[2] / "openapi" / "openapi.json"
WITHOUT_ETAG = {"/health/live", "/health/ready", "/metrics"}
STATIC_FILES = {"/docs/assets/<path:filename>", "/docs/page/<path:filename>"}
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def document() -> Any:
    return json.loads(DOCUMENT_PATH.read_text())


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield the path, method and description of every operation."""
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            yield path, method, item[method]


def schemas(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every schema in a part of the document, with its path."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from schemas(item, f"{path}/{index}")
    elif isinstance(node, dict):
        if "type" in node and "/example" not in path and not path.startswith("/components/securitySchemes"):
            yield path, node
        for name, value in node.items():
            yield from schemas(value, f"{path}/{name}")


def test_the_served_document_is_the_committed_one(anyone: Client) -> None:
    assert anyone.get("/openapi.json").data == DOCUMENT_PATH.read_bytes()


def test_the_document_is_valid_openapi(document: Any) -> None:
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


def test_the_documented_operations_are_the_routes_that_are_served(app: Application, document: Any) -> None:
    routes = {
        (rule.rule.replace("<int:", "{").replace("<string:", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule not in STATIC_FILES
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == {(path, method) for path, method, _ in operations(document)}


def test_every_operation_and_parameter_is_described(document: Any) -> None:
    for _, _, operation in operations(document):
        assert all(operation[name] for name in ("operationId", "summary", "description", "tags", "responses"))
        assert "security" in operation
        assert "default" not in operation["responses"]
        for parameter in operation.get("parameters", []):
            assert "$ref" in parameter or parameter["description"]


@pytest.mark.parametrize("missing", ["operationId", "summary", "description"])
def test_an_operation_without_a_description_is_a_type_error(missing: str) -> None:
    described = {"operationId": "x", "summary": "x", "description": "x"}
    with pytest.raises(TypeError, match="GET /x needs a unique operationId, a summary and a description"):
        OperationsPlugin().operation_helper("/x", {"get": {**described, missing: ""}})


def test_operation_ids_are_unique(document: Any) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))


def test_every_201_response_links_to_operations_on_the_new_resource(document: Any) -> None:
    ids = {operation["operationId"] for _, _, operation in operations(document)}
    created = [operation["responses"]["201"] for _, method, operation in operations(document) if method == "post"]
    assert created
    for response in created:
        assert response["links"].keys() <= ids
        assert "Location" in response["headers"]


def test_every_schema_is_closed_and_bounded(document: Any) -> None:
    for path, schema in schemas(document):
        types = {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
        if "object" in types and not path.startswith("/paths//openapi.json"):
            assert schema["additionalProperties"] is False, path
        if "array" in types:
            assert "maxItems" in schema, path
        if "integer" in types:
            assert {"minimum", "maximum", "format"} <= schema.keys(), path
        if "string" in types and "/parameters/IF_" not in path:
            assert {"maxLength", "enum", "const"} & schema.keys(), path


def test_every_schema_has_valid_examples(document: Any) -> None:
    for name, schema in document["components"]["schemas"].items():
        validator = Draft202012Validator(
            {"$ref": f"#/components/schemas/{name}", "components": document["components"]},
            format_checker=FormatChecker(),
        )
        assert schema["examples"]
        for example in schema["examples"]:
            validator.validate(example)


def test_swagger_ui_fills_in_no_optional_parameter(document: Any) -> None:
    """It takes examples beside a parameter's schema, not those in the schema."""
    items = list(document["paths"].values())
    parents = [value for item in items for value in (item, *item.values()) if "parameters" in value]
    parameters = [parameter for parent in parents for parameter in parent["parameters"]]
    for parameter in [*parameters, *document["components"]["parameters"].values()]:
        assert parameter.get("required") or not parameter.keys() & {"example", "examples"}, parameter


def test_each_operation_documents_the_statuses_of_its_kind(document: Any) -> None:
    for path, method, operation in operations(document):
        statuses = set(operation["responses"])
        assert "500" in statuses
        assert ("401" in statuses) == bool(operation["security"])
        # Every write is rate-limited, and no read is.
        assert ("429" in statuses) == (method != "get")
        assert ("404" in statuses) == ("{" in path)
        assert ("304" in statuses) == (method == "get" and path not in WITHOUT_ETAG)
        assert "400" in statuses
        for status in ("413", "415"):
            assert (status in statuses) == ("requestBody" in operation)
