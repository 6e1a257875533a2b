"""No change of the document breaks a client of the last release unless the version says so."""

import copy
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.compatibility import breaks
from tests.support.paths import PROJECT_ROOT

Mutation = Callable[[Any], None]


@pytest.fixture
def document() -> Any:
    return json.loads((PROJECT_ROOT / "openapi" / "openapi.json").read_text())


def major_and_minor(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")[:2]))


def next_breaking(version: str) -> tuple[int, int]:
    """The lowest major and minor that may break the promises of `version` (SemVer, items 4 and 8)."""
    major, minor = major_and_minor(version)
    return (major + 1, 0) if major else (0, minor + 1)


def complaint(released: Any, document: Any) -> str:
    """What to tell who changed the document; nothing if they may."""
    was, now = released["info"]["version"], document["info"]["version"]
    needed = next_breaking(was)
    broken = breaks(released, document)
    if not broken or major_and_minor(now) >= needed:
        return ""
    return (
        f"This breaks clients of {was}, and {now} does not say so:\n- "
        + "\n- ".join(broken)
        + "\nKeep what was and add to it, or raise `version` in pyproject.toml to "
        + f"{needed[0]}.{needed[1]}.0 and run `make openapi`."
    )


def test_what_was_released_stays_as_it_was() -> None:
    """The changelog names the digest of the last release's document."""
    released = (PROJECT_ROOT / "openapi" / "released.json").read_bytes()
    version, digest = json.loads(released)["info"]["version"], hashlib.sha256(released).hexdigest()
    heading = rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d\n\nIts document has the SHA-256 `{digest}`\.$"
    assert re.search(heading, (PROJECT_ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE), digest


def test_nothing_breaks_unless_the_version_says_so(document: Any) -> None:
    released = json.loads((PROJECT_ROOT / "openapi" / "released.json").read_text())
    if told := complaint(released, document):
        pytest.fail(told, pytrace=False)


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
def test_a_break_needs_a_new_minor_before_1_0_0_and_a_new_major_after_it(
    document: Any, was: str, now: str, allowed: bool
) -> None:
    released = copy.deepcopy(document)
    released["info"]["version"], document["info"]["version"] = was, now
    assert complaint(released, document) == ""
    del document["paths"]["/me"]
    assert (complaint(released, document) == "") is allowed


def test_the_complaint_says_what_breaks_and_what_to_do(document: Any) -> None:
    released = copy.deepcopy(document)
    released["info"]["version"] = document["info"]["version"] = "0.1.0"
    put("components schemas Post properties title maxLength", 300)(document)
    assert complaint(released, document) == (
        "This breaks clients of 0.1.0, and 0.1.0 does not say so:\n"
        "- Post title, in responses: maxLength was 200, is 300\n"
        "Keep what was and add to it, or raise `version` in pyproject.toml to 0.2.0 and run `make openapi`."
    )


# The verdicts: what a path of names leads to is changed, and items of lists are found by their name.


def find(document: Any, path: str) -> tuple[Any, Any]:
    """What holds the end of the path, and the key that it has there."""
    *steps, last = path.split()
    for step in steps:
        document = document[key(document, step)]
    return document, key(document, last)


def key(inside: Any, name: str) -> Any:
    if isinstance(inside, dict):
        return name
    return next(place for place, each in enumerate(inside) if name in (each, isinstance(each, dict) and each["name"]))


def drop(path: str) -> Mutation:
    def mutate(document: Any) -> None:
        inside, last = find(document, path)
        del inside[last]

    return mutate


def put(path: str, value: Any) -> Mutation:
    def mutate(document: Any) -> None:
        inside, last = find(document, path)
        inside[last] = value

    return mutate


def add(path: str, value: Any) -> Mutation:
    def mutate(document: Any) -> None:
        inside, last = find(document, path)
        inside[last].append(value)

    return mutate


def rename(path: str, name: str) -> Mutation:
    def mutate(document: Any) -> None:
        inside, last = find(document, path)
        inside[name] = inside.pop(last)

    return mutate


def rename_component(kind: str, name: str, new: str) -> Mutation:
    def mutate(document: Any) -> None:
        rename(f"components {kind} {name}", new)(document)
        document |= json.loads(json.dumps(document).replace(f'components/{kind}/{name}"', f'components/{kind}/{new}"'))

    return mutate


LIST = "paths /posts get"
PUBLISH = "paths /posts post"
CREATED = f"{PUBLISH} responses 201"
SENT = "components schemas PostCreate"
READ = "components schemas Post"
NAME_IN_PATH = "paths /users/{username} parameters username schema"
TEXT = {"type": "string", "maxLength": 10}
OPTIONAL = {"in": "query", "name": "q", "schema": TEXT, "required": False}
REQUIRED = OPTIONAL | {"required": True}

BREAKING = {
    # Operations, and the names that generated clients give them
    "a path is gone": drop("paths /me"),
    "a path has moved": rename("paths /me", "/myself"),
    "a new path takes a user's": put("paths /users/search", {"get": {"operationId": "searchUsers", "tags": ["users"]}}),
    "a path parameter is renamed": rename("paths /users/{username}", "/users/{name}"),
    "an operation is gone": drop("paths /posts/{post_id} patch"),
    "an operationId is renamed": put(f"{LIST} operationId", "findPosts"),
    "the first tag is another": put(f"{LIST} tags", ["reading"]),
    "a server is another": put("servers", [{"url": "/v2"}]),
    # Credentials
    "a public operation wants them": put("paths /users get security", [{"bearer": []}]),
    "the anonymous are shut out": put(f"{LIST} security", [{"bearer": []}]),
    "an operation wants others": put("paths /me get security", [{"basic": []}]),
    "an operation wants two at once": put("paths /me get security", [{"basic": [], "bearer": []}]),
    "they are sent in another way": put("components securitySchemes bearer", {"type": "apiKey", "in": "header"}),
    # Parameters
    "a required query parameter is new": add(f"{LIST} parameters", REQUIRED),
    "a required header is new": add(f"{LIST} parameters", REQUIRED | {"in": "header"}),
    "an optional query parameter is gone": drop(f"{LIST} parameters tag"),
    "a query parameter is now required": put(f"{LIST} parameters tag required", True),
    "a header in a component is now required": put("components parameters IDEMPOTENCY_KEY required", True),
    "a query parameter's default is another": put(f"{LIST} parameters limit schema default", 50),
    "a query parameter's default is gone": drop(f"{LIST} parameters limit schema default"),
    "a query parameter's minimum is raised": put(f"{LIST} parameters limit schema minimum", 2),
    "a query parameter's maximum is lowered": put(f"{LIST} parameters limit schema maximum", 50),
    "a query parameter's value is gone": put(f"{LIST} parameters expand schema enum", ["author"]),
    "a path parameter's pattern is another": put(f"{NAME_IN_PATH} pattern", "^[a-z]{2,39}$"),
    "a path parameter's maxLength is lowered": put(f"{NAME_IN_PATH} maxLength", 20),
    "a header in a component is shorter": put("components parameters IDEMPOTENCY_KEY schema maxLength", 36),
    "a header without a bound gets one": put("components parameters IF_MATCH schema maxLength", 100),
    # What is sent
    "a body is now required": put("paths /tokens post requestBody required", True),
    "a body is no longer taken": drop("paths /tokens post requestBody"),
    "a body's media type is another": rename(f"{PUBLISH} requestBody content application/json", "application/xml"),
    "a required member is new": lambda document: (
        put(f"{SENT} properties summary", TEXT)(document),
        add(f"{SENT} required", "summary")(document),
    ),
    "a sent member is now required": add(f"{SENT} required", "tags"),
    "a sent member is gone": drop(f"{SENT} properties tags"),
    "a sent member's default is another": put(f"{SENT} properties tags default", ["news"]),
    "a member that may be left out gets a default": put("components schemas PostPatch properties tags default", []),
    "a sent member's type is another": put(f"{SENT} properties title type", "integer"),
    "a sent member may not be null any more": put(f"{SENT} properties published_at type", "string"),
    "a sent member's maxLength is lowered": put(f"{SENT} properties title maxLength", 100),
    "a sent member's minLength is raised": put(f"{SENT} properties title minLength", 2),
    "a sent member's pattern is another": put(f"{SENT} properties title pattern", "^[A-Z]"),
    "a sent member gets an enum": put(f"{SENT} properties title enum", ["News"]),
    "a sent member's format is another": put(f"{SENT} properties published_at format", "date"),
    "a sent list's maxItems is lowered": put(f"{SENT} properties tags maxItems", 5),
    "a sent list's items are shorter": put(f"{SENT} properties tags items maxLength", 20),
    "more members must be sent": put("components schemas PostPatch minProperties", 2),
    "a keyword that this does not know": put(f"{SENT} not", {"required": ["tags"]}),
    # What is answered
    "a success has another status": rename(f"{PUBLISH} responses 201", "200"),
    "a success has one more status": put(f"{PUBLISH} responses 202", {"description": "Later."}),
    "a redirection is new": put(f"{LIST} responses 301", {"description": "RetryOnPrimary."}),
    "an error's status is gone": drop(f"{PUBLISH} responses 409"),
    "an answer's media type is another": rename(f"{CREATED} content application/json", "application/hal+json"),
    "an error's media type is another": rename(
        "components responses NotFound content application/problem+json", "application/json"
    ),
    "an answer has no body any more": drop(f"{CREATED} content"),
    "an answer's header is gone": drop(f"{CREATED} headers Location"),
    "an error's header is gone": drop("components responses TooManyRequests headers Retry-After"),
    "an answer's header may be missing": put("components headers Location required", False),
    "an answer's header may be longer": put("components headers Location schema maxLength", 4096),
    "an answer's link is gone": drop(f"{CREATED} links readPost"),
    "an answer's link leads elsewhere": put(f"{CREATED} links readPost operationId", "readUser"),
    "a read member is gone": drop(f"{READ} properties author"),
    "an optional read member is gone": drop("components schemas PostSummary properties body"),
    "a read member may be missing": drop(f"{READ} required author"),
    "an undescribed member may be missing": drop(
        "paths /openapi.json get responses 200 content application/json schema required info"
    ),
    "a read member may be null": put(f"{READ} properties title type", ["string", "null"]),
    "a read member's type is another": put(f"{READ} properties id type", "string"),
    "a read member has no type any more": drop(f"{READ} properties id type"),
    "a read member's enum is extended": put("components schemas Live properties status enum", ["live", "tired"]),
    "a read member's enum is gone": drop("components schemas Live properties status enum"),
    "a read member may be longer": put(f"{READ} properties title maxLength", 300),
    "a read member may be smaller": put(f"{READ} properties id minimum", 0),
    "a read member has no bound any more": drop(f"{READ} properties title maxLength"),
    "a read member's pattern is another": put(f"{READ} properties title pattern", "^.*$"),
    "a read member's pattern is gone": drop(f"{READ} properties title pattern"),
    "a read member gets a format": put(f"{READ} properties title format", "uuid"),
    "a read list may be longer": put(f"{READ} properties tags maxItems", 20),
    "a read list may repeat itself": drop(f"{READ} properties tags uniqueItems"),
    "a member of a member is gone": drop("components schemas Author properties display_name"),
    "an error's member is gone": drop("components schemas Problem properties detail"),
    "a title, which generated clients name a type after": put("components schemas Post title", "Article"),
    "a schema is renamed": rename_component("schemas", "Author", "Person"),
}

HARMLESS = {
    # For people
    "a description is another": put(f"{LIST} description", "Posts."),
    "a member named description is described anew": put(
        "components schemas About properties description description", "What it does."
    ),
    "an example is another": put(f"{READ} properties title examples", ["Engines"]),
    "an operation is deprecated": put(f"{LIST} deprecated", True),
    "a second tag": add(f"{LIST} tags", "reading"),
    # What grows
    "a new path": put("paths /tags", {"get": {"operationId": "listTags", "tags": ["posts"], "responses": {}}}),
    "a new path beside numbers": put("paths /posts/search", {"get": {"operationId": "searchPosts", "tags": ["posts"]}}),
    "a new operation": put("paths /me delete", {"operationId": "removeMe", "tags": ["me"], "responses": {}}),
    "a new server": add("servers", {"url": "/v1"}),
    "a new optional query parameter": add(f"{LIST} parameters", OPTIONAL),
    "a new optional header": add(f"{LIST} parameters", OPTIONAL | {"in": "header"}),
    "a new optional member to send": put(f"{SENT} properties summary", TEXT),
    "a new media type to send": put(f"{PUBLISH} requestBody content application/cbor", {"schema": {}}),
    "a new member to read": put(f"{READ} properties summary", TEXT),
    "a new member that is always there": lambda document: (
        put(f"{READ} properties summary", TEXT)(document),
        add(f"{READ} required", "summary")(document),
    ),
    "a new header to read": put(f"{CREATED} headers Content-Language", {"schema": TEXT, "required": True}),
    "a new media type to read": put(f"{CREATED} content application/cbor", {"schema": {}}),
    "a new member of its own kind": put(f"{READ} properties reply", {"$ref": "#/components/schemas/Post"}),
    "a new parameter with a media type": add(
        f"{LIST} parameters", {"in": "query", "name": "filter", "content": {"application/json": {"schema": {}}}}
    ),
    "a new link": put(f"{CREATED} links listPosts", {"operationId": "listPosts"}),
    "a new error": put(f"{LIST} responses 429", {"$ref": "#/components/responses/TooManyRequests"}),
    "a new schema": put("components schemas Tag", {"type": "object"}),
    # What asks for less
    "an operation becomes public": put("paths /me get security", []),
    "an operation takes other credentials too": add("paths /me get security", {"basic": []}),
    "a required header becomes optional": put("components parameters IF_MATCH required", False),
    "a required member becomes optional": drop(f"{SENT} required body"),
    "a required member becomes optional, with a default": lambda document: (
        drop(f"{SENT} required body")(document),
        put(f"{SENT} properties body default", "")(document),
    ),
    "a body becomes optional": put(f"{PUBLISH} requestBody required", False),
    "a parameter takes more": put(f"{LIST} parameters limit schema maximum", 200),
    "a parameter takes one more value": add(f"{LIST} parameters expand schema enum", "author"),
    "a path parameter takes more": drop(f"{NAME_IN_PATH} pattern"),
    "a sent member may be longer": put(f"{SENT} properties title maxLength", 300),
    "a sent member has no bound any more": drop(f"{SENT} properties title maxLength"),
    "a sent member may be null": put(f"{SENT} properties title type", ["string", "null"]),
    "a sent member has no pattern any more": drop(f"{SENT} properties title pattern"),
    "a sent list may be longer": put(f"{SENT} properties tags maxItems", 20),
    "unknown members are taken": put(f"{SENT} additionalProperties", True),
    # What promises more
    "a read member is always there": add("components schemas PostSummary required", "body"),
    "a read member is never null": put(f"{READ} properties published_at type", "string"),
    "a read member is shorter": put(f"{READ} properties title maxLength", 100),
    "a read member gets a bound": put("components headers Location schema minLength", 1),
    "a read member has one value": put(f"{READ} properties title const", "Notes"),
    "a read member has one value, and no bounds any more": put(
        f"{READ} properties title", {"type": "string", "enum": ["Notes"]}
    ),
    "a read list is shorter": put(f"{READ} properties tags maxItems", 5),
    "a header is always there": put("components headers Link required", True),
    # What no client sees
    "a response is renamed": rename_component("responses", "NotFound", "Missing"),
    "a parameter's component is renamed": rename_component("parameters", "IF_MATCH", "IfMatch"),
    "operations stand in another order": rename("paths /me", "/me"),
}


@pytest.mark.parametrize("mutation", BREAKING.values(), ids=BREAKING)
def test_it_breaks(document: Any, mutation: Mutation) -> None:
    released = copy.deepcopy(document)
    mutation(document)
    assert breaks(released, document)


@pytest.mark.parametrize("mutation", HARMLESS.values(), ids=HARMLESS)
def test_it_is_harmless(document: Any, mutation: Mutation) -> None:
    released = copy.deepcopy(document)
    mutation(document)
    assert json.dumps(document) != json.dumps(released)
    assert breaks(released, document) == []


@pytest.mark.parametrize(("bound", "side"), [(50, "requests"), (500, "responses")])
def test_a_schema_that_is_sent_and_read_may_neither_shrink_nor_grow(document: Any, bound: int, side: str) -> None:
    put(f"{PUBLISH} requestBody content application/json schema", {"$ref": "#/components/schemas/Post"})(document)
    released = copy.deepcopy(document)
    put(f"{READ} properties title maxLength", bound)(document)
    assert breaks(released, document) == [f"Post title, in {side}: maxLength was 200, is {bound}"]
