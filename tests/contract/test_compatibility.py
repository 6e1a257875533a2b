"""No change of the OpenAPI document breaks clients of the last release unless the version allows it."""

import copy
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.compatibility import breaking_changes
from tests.support.paths import PROJECT_ROOT

Mutation = Callable[[Any], None]


@pytest.fixture
def document() -> Any:
    return json.loads((PROJECT_ROOT / "openapi" / "openapi.json").read_text())


def major_and_minor(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")[:2]))


def next_breaking_version(version: str) -> tuple[int, int]:
    """Return the lowest major and minor version that may break clients of `version` (SemVer, items 4 and 8)."""
    major, minor = major_and_minor(version)
    return (major + 1, 0) if major else (0, minor + 1)


def describe_violation(released: Any, document: Any) -> str:
    """Describe breaking changes that the document's version does not allow; empty if there are none."""
    was, now = released["info"]["version"], document["info"]["version"]
    needed = next_breaking_version(was)
    changes = breaking_changes(released, document)
    if not changes or major_and_minor(now) >= needed:
        return ""
    return (
        f"These changes break clients of {was}, which version {now} does not allow:\n- "
        + "\n- ".join(changes)
        + "\nUndo them, or raise `version` in pyproject.toml to "
        + f"{needed[0]}.{needed[1]}.0 and run `make openapi`."
    )


def test_the_released_document_has_the_digest_in_the_changelog() -> None:
    released = (PROJECT_ROOT / "openapi" / "released.json").read_bytes()
    version, digest = json.loads(released)["info"]["version"], hashlib.sha256(released).hexdigest()
    heading = rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d\n\nIts document has the SHA-256 `{digest}`\.$"
    assert re.search(heading, (PROJECT_ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE), digest


def test_no_change_since_the_last_release_breaks_clients_unless_the_version_allows_it(document: Any) -> None:
    released = json.loads((PROJECT_ROOT / "openapi" / "released.json").read_text())
    if violation := describe_violation(released, document):
        pytest.fail(violation, pytrace=False)


@pytest.mark.parametrize(
    ("was", "now", "allowed"),
    [
        ("0.1.0", "0.1.0", False),
        ("0.1.0", "0.1.1", False),
        ("0.1.3", "0.2.0", True),
        ("0.1.3", "0.2.0rc1", True),
        ("0.9.0", "0.10.0", True),
        ("0.1.0", "1.0.0", True),
        ("1.2.0", "1.3.0", False),
        ("1.2.0", "2.0.0", True),
    ],
)
def test_a_breaking_change_needs_a_new_minor_version_before_1_0_0_and_a_new_major_version_after_it(
    document: Any, was: str, now: str, allowed: bool
) -> None:
    released = copy.deepcopy(document)
    released["info"]["version"], document["info"]["version"] = was, now
    assert describe_violation(released, document) == ""
    del document["paths"]["/me"]
    assert (describe_violation(released, document) == "") is allowed


def test_a_violation_names_the_change_and_the_version_it_needs(document: Any) -> None:
    released = copy.deepcopy(document)
    released["info"]["version"] = document["info"]["version"] = "0.1.0"
    put("components schemas Post properties title maxLength", 300)(document)
    assert describe_violation(released, document) == (
        "These changes break clients of 0.1.0, which version 0.1.0 does not allow:\n"
        "- Post title, in responses: maxLength was 200, is 300\n"
        "Undo them, or raise `version` in pyproject.toml to 0.2.0 and run `make openapi`."
    )


# Mutations of the document, at a path of keys; a key of a list is an item or the `name` of an item.


def find(document: Any, path: str) -> tuple[Any, Any]:
    """Return the object or list that contains the end of the path, and its key there."""
    *steps, last = path.split()
    for step in steps:
        document = document[key(document, step)]
    return document, key(document, last)


def key(container: Any, name: str) -> Any:
    if isinstance(container, dict):
        return name
    return next(
        index for index, item in enumerate(container) if name in (item, isinstance(item, dict) and item["name"])
    )


def drop(path: str) -> Mutation:
    def mutate(document: Any) -> None:
        container, last = find(document, path)
        del container[last]

    return mutate


def put(path: str, value: Any) -> Mutation:
    def mutate(document: Any) -> None:
        container, last = find(document, path)
        container[last] = value

    return mutate


def add(path: str, value: Any) -> Mutation:
    def mutate(document: Any) -> None:
        container, last = find(document, path)
        container[last].append(value)

    return mutate


def rename(path: str, new: str) -> Mutation:
    def mutate(document: Any) -> None:
        container, last = find(document, path)
        container[new] = container.pop(last)

    return mutate


def rename_component(kind: str, name: str, new: str) -> Mutation:
    def mutate(document: Any) -> None:
        rename(f"components {kind} {name}", new)(document)
        document |= json.loads(json.dumps(document).replace(f'components/{kind}/{name}"', f'components/{kind}/{new}"'))

    return mutate


LIST = "paths /posts get"
PUBLISH = "paths /posts post"
CREATED = f"{PUBLISH} responses 201"
CREATE = "components schemas PostCreate"
POST = "components schemas Post"
STATUS = "components schemas Live properties status"
USERNAME_IN_PATH = "paths /users/{username} get parameters username schema"
TEXT = {"type": "string", "maxLength": 10}
OPTIONAL = {"in": "query", "name": "new", "schema": TEXT, "required": False}
REQUIRED = OPTIONAL | {"required": True}

BREAKING = {
    # Operations, and the names that generated clients take from them
    "a path is removed": drop("paths /me"),
    "a path is moved": rename("paths /me", "/myself"),
    "a new path shadows that of a user": put(
        "paths /users/search", {"get": {"operationId": "searchUsers", "tags": ["users"]}}
    ),
    "a path parameter is renamed": rename("paths /users/{username}", "/users/{name}"),
    "an operation is removed": drop("paths /posts/{post_id} patch"),
    "an operationId is renamed": put(f"{LIST} operationId", "findPosts"),
    "the first tag changes": put(f"{LIST} tags", ["reading"]),
    "a server changes": put("servers", [{"url": "/v2"}]),
    # Credentials
    "a public operation requires credentials": put("paths /users get security", [{"bearer": []}]),
    "an operation with optional credentials requires them": put(f"{LIST} security", [{"bearer": []}]),
    "an operation requires other credentials": put("paths /me get security", [{"basic": []}]),
    "an operation requires two kinds of credentials": put("paths /me get security", [{"basic": [], "bearer": []}]),
    "credentials are sent in another way": put("components securitySchemes bearer", {"type": "apiKey", "in": "header"}),
    # Parameters
    "a required query parameter is added": add(f"{LIST} parameters", REQUIRED),
    "a required header is added": add(f"{LIST} parameters", REQUIRED | {"in": "header"}),
    "an optional query parameter is removed": drop(f"{LIST} parameters tag"),
    "a query parameter becomes required": put(f"{LIST} parameters tag required", True),
    "a header in a component becomes required": put("components parameters IDEMPOTENCY_KEY required", True),
    "a query parameter's default changes": put(f"{LIST} parameters limit schema default", 50),
    "a query parameter's default is removed": drop(f"{LIST} parameters limit schema default"),
    "a query parameter's minimum is raised": put(f"{LIST} parameters limit schema minimum", 2),
    "a query parameter's maximum is lowered": put(f"{LIST} parameters limit schema maximum", 50),
    "a query parameter's value is removed": put(f"{LIST} parameters expand schema enum", ["author"]),
    "a path parameter's pattern changes": put(f"{USERNAME_IN_PATH} pattern", "^[a-z]{2,39}$"),
    "a path parameter's maxLength is lowered": put(f"{USERNAME_IN_PATH} maxLength", 20),
    "a header's maxLength in a component is lowered": put("components parameters IDEMPOTENCY_KEY schema maxLength", 36),
    "a header gets a maxLength": put("components parameters IF_MATCH schema maxLength", 100),
    # Request bodies
    "a body becomes required": put("paths /tokens post requestBody required", True),
    "a body is removed": drop("paths /tokens post requestBody"),
    "a body's media type changes": rename(f"{PUBLISH} requestBody content application/json", "application/xml"),
    "a required property is added": lambda document: (
        put(f"{CREATE} properties summary", TEXT)(document),
        add(f"{CREATE} required", "summary")(document),
    ),
    "a property of requests becomes required": add(f"{CREATE} required", "tags"),
    "a property of requests is removed": drop(f"{CREATE} properties tags"),
    "a default in requests changes": put(f"{CREATE} properties tags default", ["news"]),
    "an optional property of requests gets a default": put("components schemas PostPatch properties tags default", []),
    "a type in requests changes": put(f"{CREATE} properties title type", "integer"),
    "a type in requests is excluded": put(f"{CREATE} properties published_at not", {"type": ["null"]}),
    "values in requests are excluded": put(f"{CREATE} properties title not", {"pattern": "^A"}),
    "a property of requests is no longer nullable": put(f"{CREATE} properties published_at type", "string"),
    "a maxLength in requests is lowered": put(f"{CREATE} properties title maxLength", 100),
    "a minLength in requests is raised": put(f"{CREATE} properties title minLength", 2),
    "a pattern in requests changes": put(f"{CREATE} properties title pattern", "^[A-Z]"),
    "a property of requests gets an enum": put(f"{CREATE} properties title enum", ["News"]),
    "a format in requests changes": put(f"{CREATE} properties published_at format", "date"),
    "a maxItems in requests is lowered": put(f"{CREATE} properties tags maxItems", 5),
    "a maxLength of items in requests is lowered": put(f"{CREATE} properties tags items maxLength", 20),
    "a minProperties in requests is raised": put("components schemas PostPatch minProperties", 2),
    "an unknown keyword is added": put(f"{CREATE} not", {"required": ["tags"]}),
    # Responses
    "a success status changes": rename(f"{PUBLISH} responses 201", "200"),
    "a success status is added": put(f"{PUBLISH} responses 202", {"description": "Later."}),
    "a redirection is added": put(f"{LIST} responses 301", {"description": "Moved."}),
    "an error status is removed": drop(f"{PUBLISH} responses 409"),
    "a response's media type changes": rename(f"{CREATED} content application/json", "application/hal+json"),
    "an error's media type changes": rename(
        "components responses NotFound content application/problem+json", "application/json"
    ),
    "a response's body is removed": drop(f"{CREATED} content"),
    "a response's header is removed": drop(f"{CREATED} headers Location"),
    "an error's header is removed": drop("components responses TooManyRequests headers Retry-After"),
    "a response's header becomes optional": put("components headers Location required", False),
    "a response's header may be longer": put("components headers Location schema maxLength", 4096),
    "a response's link is removed": drop(f"{CREATED} links readPost"),
    "a response's link changes": put(f"{CREATED} links readPost operationId", "readUser"),
    "a property of responses is removed": drop(f"{POST} properties author"),
    "an optional property of responses is removed": drop("components schemas PostSummary properties body"),
    "a property of responses becomes optional": drop(f"{POST} required author"),
    "a property without a schema becomes optional in responses": drop("components schemas Document required info"),
    "a property of responses becomes nullable": put(f"{POST} properties title type", ["string", "null"]),
    "a type in responses changes": put(f"{POST} properties id type", "string"),
    "a type in responses is removed": drop(f"{POST} properties id type"),
    "a const in responses becomes an enum": lambda document: (
        drop(f"{STATUS} const")(document),
        put(f"{STATUS} enum", ["live", "tired"])(document),
    ),
    "a const in responses is removed": drop(f"{STATUS} const"),
    "a maxLength in responses is raised": put(f"{POST} properties title maxLength", 300),
    "a minimum in responses is lowered": put(f"{POST} properties id minimum", 0),
    "a maxLength in responses is removed": drop(f"{POST} properties title maxLength"),
    "a pattern in responses changes": put(f"{POST} properties title pattern", "^.*$"),
    "a pattern in responses is removed": drop(f"{POST} properties title pattern"),
    "a property of responses gets a format": put(f"{POST} properties title format", "uuid"),
    "a maxItems in responses is raised": put(f"{POST} properties tags maxItems", 20),
    "a nested property of responses is removed": drop("components schemas Author properties display_name"),
    "a property of errors is removed": drop("components schemas Problem properties detail"),
    "a title, after which generated clients name a type, changes": put("components schemas Post title", "Article"),
    "a schema is renamed": rename_component("schemas", "Author", "Person"),
}

COMPATIBLE = {
    # Texts for people
    "a description changes": put(f"{LIST} description", "Posts."),
    "the description of a property named description changes": put(
        "components schemas About properties description description", "What it does."
    ),
    "an example changes": put(f"{POST} properties title examples", ["Engines"]),
    "an operation is deprecated": put(f"{LIST} deprecated", True),
    "a second tag is added": add(f"{LIST} tags", "reading"),
    # Additions
    "a path is added": put("paths /labels", {"get": {"operationId": "listLabels", "tags": ["posts"], "responses": {}}}),
    "a path is added beside one that takes integers only": put(
        "paths /posts/search", {"get": {"operationId": "searchPosts", "tags": ["posts"]}}
    ),
    "an operation is added": put("paths /me delete", {"operationId": "removeMe", "tags": ["me"], "responses": {}}),
    "a server is added": add("servers", {"url": "/v1"}),
    "an optional query parameter is added": add(f"{LIST} parameters", OPTIONAL),
    "an optional header is added": add(f"{LIST} parameters", OPTIONAL | {"in": "header"}),
    "an optional property is added to requests": put(f"{CREATE} properties summary", TEXT),
    "a media type is added to requests": put(f"{PUBLISH} requestBody content application/cbor", {"schema": {}}),
    "an optional property is added to responses": put(f"{POST} properties summary", TEXT),
    "a required property is added to responses": lambda document: (
        put(f"{POST} properties summary", TEXT)(document),
        add(f"{POST} required", "summary")(document),
    ),
    "a header is added to responses": put(f"{CREATED} headers Content-Language", {"schema": TEXT, "required": True}),
    "a media type is added to responses": put(f"{CREATED} content application/cbor", {"schema": {}}),
    "a recursive property is added to responses": put(
        f"{POST} properties reply", {"$ref": "#/components/schemas/Post"}
    ),
    "an optional parameter with a media type is added": add(
        f"{LIST} parameters", {"in": "query", "name": "filter", "content": {"application/json": {"schema": {}}}}
    ),
    "a link is added": put(f"{CREATED} links listPosts", {"operationId": "listPosts"}),
    "an error is added": put(f"{LIST} responses 429", {"$ref": "#/components/responses/TooManyRequests"}),
    "a schema is added": put("components schemas Tag", {"type": "object"}),
    # Requests that need less
    "an operation becomes public": put("paths /me get security", []),
    "an operation accepts other credentials too": add("paths /me get security", {"basic": []}),
    "a required header becomes optional": put("components parameters IF_MATCH required", False),
    "a required property of requests becomes optional": drop(f"{CREATE} required body"),
    "a required property of requests becomes optional with a default": lambda document: (
        drop(f"{CREATE} required body")(document),
        put(f"{CREATE} properties body default", "")(document),
    ),
    "a body becomes optional": put(f"{PUBLISH} requestBody required", False),
    "a parameter's maximum is raised": put(f"{LIST} parameters limit schema maximum", 200),
    "a value is added to a parameter's enum": add(f"{LIST} parameters expand schema enum", "author"),
    "a path parameter's pattern is removed": drop(f"{USERNAME_IN_PATH} pattern"),
    "a maxLength in requests is raised": put(f"{CREATE} properties title maxLength", 300),
    "a maxLength in requests is removed": drop(f"{CREATE} properties title maxLength"),
    "a property of requests becomes nullable": put(f"{CREATE} properties title type", ["string", "null"]),
    "a property of requests becomes nullable in other words": lambda document: (
        drop(f"{CREATE} properties title type")(document),
        put(f"{CREATE} properties title not", {"type": ["array", "boolean", "number", "object"]})(document),
    ),
    "a pattern in requests is removed": drop(f"{CREATE} properties title pattern"),
    "a maxItems in requests is raised": put(f"{CREATE} properties tags maxItems", 20),
    "unknown properties of requests become allowed": put(f"{CREATE} additionalProperties", True),
    # Responses that promise more
    "an optional property of responses becomes required": add("components schemas PostSummary required", "body"),
    "a property of responses is no longer nullable": put(f"{POST} properties published_at type", "string"),
    "a maxLength in responses is lowered": put(f"{POST} properties title maxLength", 100),
    "a response's header gets a minLength": put("components headers Location schema minLength", 1),
    "a property of responses gets a const": put(f"{POST} properties title const", "Notes"),
    "a property of responses gets an enum in place of bounds": put(
        f"{POST} properties title", {"type": "string", "enum": ["Notes"]}
    ),
    "a maxItems in responses is lowered": put(f"{POST} properties tags maxItems", 5),
    "a response's header becomes required": put("components headers Link required", True),
    # Changes that no client sees
    "a response is renamed": rename_component("responses", "NotFound", "Missing"),
    "a parameter's component is renamed": rename_component("parameters", "IF_MATCH", "IfMatch"),
    "the order of operations changes": rename("paths /me", "/me"),
}


@pytest.mark.parametrize("mutation", BREAKING.values(), ids=BREAKING)
def test_breaking_changes_are_reported(document: Any, mutation: Mutation) -> None:
    released = copy.deepcopy(document)
    mutation(document)
    assert breaking_changes(released, document)


@pytest.mark.parametrize("mutation", COMPATIBLE.values(), ids=COMPATIBLE)
def test_compatible_changes_are_not_reported(document: Any, mutation: Mutation) -> None:
    released = copy.deepcopy(document)
    mutation(document)
    assert json.dumps(document) != json.dumps(released)
    assert breaking_changes(released, document) == []


@pytest.mark.parametrize(("bound", "side"), [(50, "requests"), (500, "responses")])
def test_a_bound_of_a_schema_in_requests_and_responses_may_neither_fall_nor_rise(
    document: Any, bound: int, side: str
) -> None:
    put(f"{PUBLISH} requestBody content application/json schema", {"$ref": "#/components/schemas/Post"})(document)
    released = copy.deepcopy(document)
    put(f"{POST} properties title maxLength", bound)(document)
    assert breaking_changes(released, document) == [f"Post title, in {side}: maxLength was 200, is {bound}"]


def test_unique_items_may_be_removed_from_requests(document: Any) -> None:
    released = copy.deepcopy(document)
    put(f"{CREATE} properties tags uniqueItems", True)(released)
    assert breaking_changes(released, document) == []


@pytest.mark.parametrize(("keyword", "value"), [("enum", ["a"]), ("uniqueItems", True)])
def test_a_keyword_that_no_response_has_may_not_be_removed_from_one(document: Any, keyword: str, value: Any) -> None:
    released = copy.deepcopy(document)
    put(f"{POST} properties tags {keyword}", value)(released)
    assert breaking_changes(released, document) == [f"Post tags, in responses: {keyword} was {value}, is None"]
