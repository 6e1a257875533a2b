"""The document: committed, served and true."""

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

COMMITTED = Path(__file__).parents[2] / "openapi" / "openapi.json"
UNCACHED = {"/health/live", "/health/ready", "/metrics"}
FILES = {"/docs/assets/<path:filename>", "/docs/page/<path:filename>"}
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def document() -> Any:
    return json.loads(COMMITTED.read_text())


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            yield path, method, item[method]


def schemas(inside: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every schema of the document with its path."""
    if isinstance(inside, list):
        for number, each in enumerate(inside):
            yield from schemas(each, f"{path}/{number}")
    elif isinstance(inside, dict):
        if "type" in inside and "/example" not in path and not path.startswith("/components/securitySchemes"):
            yield path, inside
        for name, each in inside.items():
            yield from schemas(each, f"{path}/{name}")


def test_what_is_served_is_what_is_committed(anyone: Client) -> None:
    assert anyone.get("/openapi.json").data == COMMITTED.read_bytes()


def test_it_is_valid(document: Any) -> None:
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


def test_routes_and_operations_are_the_same(app: Application, document: Any) -> None:
    routes = {
        (rule.rule.replace("<int:", "{").replace("<string:", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule not in FILES
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == {(path, method) for path, method, _ in operations(document)}


def test_every_operation_is_described(document: Any) -> None:
    for _, _, operation in operations(document):
        assert all(operation[name] for name in ("operationId", "summary", "description", "tags", "responses"))
        assert "security" in operation
        assert "default" not in operation["responses"]
        for parameter in operation.get("parameters", []):
            assert "$ref" in parameter or parameter["description"]


@pytest.mark.parametrize("missing", ["operationId", "summary", "description"])
def test_an_operation_that_is_not_described_stops_the_start(missing: str) -> None:
    described = {"operationId": "x", "summary": "x", "description": "x"}
    with pytest.raises(TypeError, match="GET /x needs a unique operationId, a summary and a description"):
        OperationsPlugin().operation_helper("/x", {"get": {**described, missing: ""}})


def test_operation_ids_are_distinct(document: Any) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))


def test_every_creation_links_to_what_can_be_done_next(document: Any) -> None:
    ids = {operation["operationId"] for _, _, operation in operations(document)}
    created = [operation["responses"]["201"] for _, method, operation in operations(document) if method == "post"]
    assert len(created) == 3
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


def test_every_shape_has_an_example_that_fits(document: Any) -> None:
    for name, schema in document["components"]["schemas"].items():
        validator = Draft202012Validator(
            {"$ref": f"#/components/schemas/{name}", "components": document["components"]},
            format_checker=FormatChecker(),
        )
        assert schema["examples"]
        for example in schema["examples"]:
            validator.validate(example)


def test_a_first_try_sends_nothing_that_is_optional(document: Any) -> None:
    """Swagger UI fills in the examples beside a parameter's schema, not those in it."""
    items = list(document["paths"].values())
    told = [
        one for item in items for each in (item, *item.values()) if "parameters" in each for one in each["parameters"]
    ]
    for parameter in [*told, *document["components"]["parameters"].values()]:
        assert parameter.get("required") or not parameter.keys() & {"example", "examples"}, parameter


def test_statuses_are_those_of_its_kind(document: Any) -> None:
    for path, method, operation in operations(document):
        statuses = set(operation["responses"])
        assert "500" in statuses
        assert ("401" in statuses) == bool(operation["security"])
        # Whatever changes something is limited, and no read pays for it.
        assert ("429" in statuses) == (method != "get")
        assert ("404" in statuses) == ("{" in path)
        assert ("304" in statuses) == (method == "get" and path not in UNCACHED)
        assert "400" in statuses
        for status in ("413", "415"):
            assert (status in statuses) == ("requestBody" in operation)
