"""The OpenAPI document is the committed one, valid, closed and bounded, and describes what is served."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from api import constraints
from api.http.application import Application
from api.http.openapi.plugin import OperationsPlugin
from tests.support.clients import Client
from tests.support.document import METHODS, is_valid, media_types, operations, resolve, schemas, schemas_in

DOCUMENT_PATH = Path(__file__).parents[2] / "openapi" / "openapi.json"
WITHOUT_ETAG = {"/health/live", "/health/ready", "/metrics", "/me/export"}
STATIC_FILES = {"/docs/assets/<path:filename>", "/docs/page/<path:filename>"}


@pytest.fixture
def document() -> Any:
    return json.loads(DOCUMENT_PATH.read_text())


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


def test_the_descriptions_have_the_limit_of_what_one_request_changes(document: Any) -> None:
    limit = f"{constraints.CONTENT_MAX_CHARACTERS:,}"
    found = {
        each["operationId"] for _, _, each in operations(document) if limit in " ".join(each["description"].split())
    }
    assert found >= {"removePost", "removeUser", "suspendUser"}


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


def evaluate(expression: str, body: Any) -> object:
    """Evaluate a runtime expression (OpenAPI, section 4.8.20.3) for the body and the ETag of a response."""
    if expression == "$response.header.ETag":
        return '"etag"'
    value = body
    for token in expression.removeprefix("$response.body#/").split("/"):
        value = value[int(token) if isinstance(value, list) else token]
    return value


def urls_in(body: Any) -> Iterator[str]:
    """Yield every URL of this API in a JSON value; of a list, those of its first item."""
    if isinstance(body, list):
        yield from urls_in(body[0])
    elif isinstance(body, dict):
        for name, value in body.items():
            if isinstance(value, dict | list):
                yield from urls_in(value)
            # Those in feeds are absolute, because they are of a site of its own.
            elif (name in {"url", "type"} or name.endswith("_url")) and not str(value).startswith("https:"):
                yield value


def linked_urls(document: Any, response: Any, body: Any) -> set[tuple[str, str]]:
    """Return the methods and URLs of the requests to which a response with such a body links."""
    found = {each["operationId"]: (path, method, each) for path, method, each in operations(document)}
    requests = set()
    for name, link in response.get("links", {}).items():
        path, method, operation = found[link["operationId"]]
        declared = {
            each["name"]: each for each in (resolve(document, each) for each in operation.get("parameters", []))
        }
        values = {
            key.removeprefix("header."): (
                declared[key]["example"] if each == f"$request.path.{key}" else evaluate(each, body)
            )
            for key, each in link["parameters"].items()
        }
        for key, value in values.items():
            assert is_valid(document, declared[key]["schema"], value), (name, key, value)
        missing = {key for key, each in declared.items() if each.get("required")} - values.keys()
        assert missing == set(), (name, missing)
        query = urlencode({key: value for key, value in values.items() if declared[key]["in"] == "query"})
        requests.add((method, path.format(**values) + f"?{query}" * bool(query)))
    return requests


def test_every_response_links_to_what_it_names(document: Any) -> None:
    """Each URL in a body to what reads it, a page to the next one.

    The URL of the body itself to all of its operations, and to the lists of what belongs to it.

    A response with the URL of the body in Content-Location links to the operations at the requested URL, too. One
    without ETag links to no change that needs it.
    """
    count = 0
    for path, method, operation in operations(document):
        for response in (resolve(document, each) for each in operation["responses"].values()):
            for content in response.get("content", {}).values():
                body = (
                    content["example"] if "example" in content else resolve(document, content["schema"])["examples"][0]
                )
                if isinstance(body, str) or "openapi" in body:
                    continue
                requests = linked_urls(document, response, body)
                assert {("get", url) for url in urls_in(body)} <= requests, (method, path, requests)
                if url := body.get("url"):
                    methods = linked_methods(document, own_path(document, url), response)
                    assert {(each, url) for each in methods} <= requests, (method, path, requests)
                    lists = {("get", f"{url}/{each}") for each in lists_at(document, own_path(document, url))}
                    assert lists <= requests, (method, path, requests)
                if "Content-Location" in response.get("headers", {}):
                    parameters = [resolve(document, each) for each in operation["parameters"]]
                    example = {each["name"]: each.get("example") for each in parameters}
                    methods = linked_methods(document, path, response)
                    assert {(each, path.format(**example)) for each in methods} <= requests, path
                if cursor := body.get("next_cursor"):
                    parameters = [resolve(document, each) for each in operation.get("parameters", [])]
                    example = {each["name"]: each.get("example") for each in parameters}
                    assert ("get", f"{path.format(**example)}?cursor={cursor}") in requests, path
                count += len(requests)
    assert count


def linked_methods(document: Any, path: str, response: Any) -> set[str]:
    """Return the methods at a path to whose operations a response can link."""
    return {
        method
        for each, method, operation in operations(document)
        if each == path
        and (
            "ETag" in response.get("headers", {})
            or "If-Match" not in {resolve(document, parameter)["name"] for parameter in operation.get("parameters", [])}
        )
    }


def lists_at(document: Any, path: str) -> set[str]:
    """Return the last segments of the lists below a path."""
    lists = {each for each, _, operation in operations(document) if operation["operationId"].startswith("list")}
    return {match[1] for each in lists if (match := re.fullmatch(re.escape(path) + r"/(\w+)", each))}


def test_a_post_and_a_user_link_to_their_lists(document: Any) -> None:
    posts, users = (lists_at(document, path) for path in ("/posts/{post_id}", "/users/{username}"))
    assert posts == {"comments", "likes"}
    assert users == {"followers", "following", "likes"}
    responses = document["paths"]["/posts"]["post"]["responses"]
    assert {"listComments", "listLikers"} <= responses["201"]["links"].keys()


def own_path(document: Any, url: str) -> str:
    """Return the path of the URL of a resource."""
    templates = ((path, re.sub(r"{\w+}", "[^/]+", path)) for path in document["paths"])
    [path] = [path for path, template in templates if re.fullmatch(template, url) and "{" in path]
    return str(path)


def test_every_schema_is_closed_and_bounded(document: Any) -> None:
    for path, schema in schemas(document):
        types = {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
        if "object" in types and not path.startswith("/components/schemas/Document"):
            assert schema["additionalProperties"] is False or {"propertyNames", "maxProperties"} <= schema.keys(), path
        if "array" in types:
            assert "maxItems" in schema, path
        if "integer" in types:
            assert {"minimum", "maximum", "format"} <= schema.keys(), path
        # Lists of entity tags are opaque (RFC 9110, section 13.1), and what follows `not` is not a value.
        if "string" in types and "/parameters/IF_" not in path and not path.endswith("/not"):
            assert {"maxLength", "enum", "const"} & schema.keys() or schema["format"] == "date-time", path


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
        # Every write is rate-limited, and the only read that may take minutes.
        assert ("429" in statuses) == (method != "get" or path == "/me/export")
        assert ("404" in statuses) == ("{" in path)
        assert ("304" in statuses) == (method == "get" and path not in WITHOUT_ETAG)
        assert "400" in statuses
        for status in ("413", "415"):
            assert (status in statuses) == ("requestBody" in operation)


def test_no_datetime_has_a_keyword_for_text(document: Any) -> None:
    """Clients read it as a datetime, to which a pattern or a length cannot be applied."""
    datetimes = [(path, schema) for path, schema in schemas(document) if schema.get("format") == "date-time"]
    assert datetimes
    for path, schema in datetimes:
        assert not schema.keys() & {"pattern", "minLength", "maxLength"}, path


def test_datetimes_in_requests_exclude_years_that_are_rejected(document: Any) -> None:
    sent = [(place, schema) for place, schema in schemas_in(document, requests=True) if "date-time" in schema.values()]
    assert sent
    for place, schema in sent:
        assert is_valid(document, schema, "2026-01-31T12:00:00Z"), place
        for year in ("0000", "0999", "9000", "9999"):
            assert not is_valid(document, schema, f"{year}-01-31T12:00:00Z"), place


def test_only_requests_restrict_what_no_client_needs_to_check(document: Any) -> None:
    """Clients would read `uniqueItems` as a set without order, and `not` as a type of its own."""
    responses = schemas_in(document, requests=False)
    assert responses
    for place, schema in responses:
        assert not schema.keys() & {"uniqueItems", "not"}, place
    assert any("not" in schema for _, schema in schemas_in(document, requests=True))


def test_every_pattern_means_the_same_in_every_language(document: Any) -> None:
    """Anchored, and without what RE2, PCRE or a language's escapes lack: `\\u0000`, look-around, classes by letter."""
    patterns = {schema["pattern"] for _, schema in schemas(document) if "pattern" in schema}
    assert patterns
    for pattern in patterns:
        assert pattern.startswith("^"), pattern
        assert not re.search(r"\\[^\\x\-./]|\\x(?![0-9a-f]{2})|\(\?|[*+?}]\+|\[:|&&", pattern), pattern
        re.compile(pattern)


def test_no_two_schemas_have_the_same_name_in_a_client(document: Any) -> None:
    """Go has a constructor `NewX` and a type `NullableX` for each X; other languages ignore case."""
    names = document["components"]["schemas"].keys()
    derived = [*names, *(f"{prefix}{name}" for prefix in ("New", "Nullable") for name in names)]
    assert {name for name, count in Counter(map(str.lower, derived)).items() if count > 1} == set()
    # Types of the standard libraries, and of the clients themselves.
    taken = "class date datetime error exception file function list map model none number object string type"
    assert {name.lower() for name in names} & set(taken.split()) == set()


def test_every_object_schema_has_a_name(document: Any) -> None:
    """Otherwise each generator makes one up, such as `ReadDocument200Response`."""
    for path, schema in schemas(document):
        named = re.fullmatch(r"/components/schemas/\w+", path)
        assert named or "properties" not in schema, path
        assert named or schema["type"] != "object" or path.startswith("/components/schemas/Document/"), path


def test_every_operation_declares_the_parameters_of_its_path_first_and_in_their_order(document: Any) -> None:
    """Generators make arguments of them in this order, and some ignore those that a path declares for all methods."""
    for path, item in document["paths"].items():
        assert item.keys() <= METHODS, path
    for path, method, operation in operations(document):
        names = re.findall(r"{(\w+)}", path)
        parameters = [resolve(document, parameter) for parameter in operation.get("parameters", [])]
        assert [parameter["name"] for parameter in parameters[: len(names)]] == names, (method, path)
        assert [parameter["in"] == "path" for parameter in parameters] == [
            index < len(names) for index, _ in enumerate(parameters)
        ], (method, path)


def test_no_response_has_an_enum_of_one_value(document: Any) -> None:
    """It would become a class; a `const` does not. A parameter's may get more values."""
    for place, schema in schemas_in(document, requests=False):
        assert len(schema.get("enum", "--")) > 1, place


def test_every_media_type_has_a_valid_example(document: Any) -> None:
    found = list(media_types(document))
    assert found
    for place, media_type in found:
        schema = resolve(document, media_type["schema"])
        examples = [media_type["example"]] if "example" in media_type else schema["examples"]
        for example in examples:
            assert is_valid(document, media_type["schema"], example), place


def test_no_two_properties_of_a_schema_have_the_same_description(document: Any) -> None:
    for name, schema in document["components"]["schemas"].items():
        descriptions = Counter(each.get("description") for each in schema.get("properties", {"": {}}).values())
        assert descriptions.most_common(1)[0][1] == 1, (name, descriptions)


def test_passwords_have_different_examples(document: Any) -> None:
    """Forms are filled in with them: the new password would be the current one."""
    for name, schema in document["components"]["schemas"].items():
        passwords = [each["examples"] for each in schema.get("properties", {}).values() if each.get("writeOnly")]
        assert all(passwords.count(example) == 1 for example in passwords), name


def test_no_optional_parameter_has_an_example_that_changes_what_a_read_returns(document: Any) -> None:
    """Some renderers send every example: an entity tag or a cursor, which is valid for one list at one time."""
    for place, _, operation in operations(document):
        for parameter in (resolve(document, each) for each in operation.get("parameters", [])):
            if parameter["name"] in {"If-None-Match", "Idempotency-Key", "cursor"}:
                assert not {"example", "examples"} & (parameter.keys() | parameter["schema"].keys()), place


LARGE = {"body", "html", "metadata"}
"""Properties of items whose size the store bounds on a page."""


def max_bytes(schema: Any, document: Any) -> int:
    """Return how many bytes of JSON a value of the schema can take, without its large properties."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return max(max_bytes(each, document) for each in schema["anyOf"])
    if "properties" in schema:
        kept = schema["properties"].items()
        return sum(len(name) + 4 + max_bytes(each, document) for name, each in kept if name not in LARGE)
    if "items" in schema:
        return int(schema["maxItems"]) * (max_bytes(schema["items"], document) + 1) + 2
    if "const" in schema or "enum" in schema:
        return max(len(json.dumps(value)) for value in schema.get("enum", [schema.get("const")]))
    if "string" not in schema["type"]:
        return 20
    # A URL is ASCII, other characters may become `\\u0001`; a datetime, which has no length, takes less than 40 bytes.
    return int(schema.get("maxLength", 40)) * (1 if schema.get("format") == "uri-reference" else 6) + 2


def test_a_page_of_the_largest_items_is_bounded(document: Any) -> None:
    schemas_by_name = document["components"]["schemas"].items()
    sizes = {name: max_bytes(each, document) for name, each in schemas_by_name if name.endswith("Page")}
    assert sizes
    assert max(sizes.values()) <= constraints.PAGE_MAX_BYTES


def test_no_schema_has_a_keyword_that_generators_cannot_read(document: Any) -> None:
    unread = {"dependentSchemas", "if", "then", "else", "contains", "prefixItems", "patternProperties"}
    unread |= {"unevaluatedItems", "unevaluatedProperties", "$defs", "$dynamicRef", "$id", "nullable"}
    for name, schema in document["components"]["schemas"].items():
        assert not unread & schema.keys(), name
    for path, schema in schemas(document):
        assert not unread & schema.keys(), path
        # They make a map of text, whatever its names.
        assert "propertyNames" not in schema or schema["additionalProperties"]["type"] == "string", path
