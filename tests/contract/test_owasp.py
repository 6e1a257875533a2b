"""OWASP API Security Top 10 (2023): who may do what, and the ten risks one by one."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from werkzeug.test import TestResponse

from api import constraints
from api.http.application import Application
from tests.support.clients import ANY_VERSION, PASSWORD, Client, basic_auth, signed_in_user
from tests.support.problems import assert_problem

DOCUMENT = json.loads((Path(__file__).parents[2] / "openapi" / "openapi.json").read_text())
OPERATIONS: dict[str, tuple[str, str, Any]] = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method != "parameters"
}
POST = {"title": "t", "body": "b"}
CONTENT: dict[str, dict[str, Any]] = {
    "registerUser": {"username": "eve", "password": PASSWORD},
    "reviseUser": {"bio": "new"},
    "publishPost": POST,
    "revisePost": {"title": "new"},
    "createToken": {},
    "changePassword": {"current_password": PASSWORD, "new_password": PASSWORD[::-1]},
}


class World(NamedTuple):
    """What is there: ada, with post 1, draft 2 and token 1, or without posts; and three others who ask for it."""

    anyone: Client
    another: Client
    owner: Client
    admin: Client


class Case(NamedTuple):
    """An operation on what is the owner's, with the expected status for each who asks."""

    operation: str
    anyone: int
    another: int
    owner: int
    admin: int
    post_id: int = 1
    registration: str = "open"
    posts: bool = True


# What is public, what is one's own, what is the owner's and the admins', and what is the owner's alone.
MATRIX = [
    *(
        Case(operation, 200, 200, 200, 200)
        for operation in (
            "readRoot",
            "readAbout",
            "readLiveness",
            "readReadiness",
            "readMetrics",
            "readDocs",
            "readDocument",
            "listUsers",
            "readUser",
            "listPosts",
            "readPost",
        )
    ),
    Case("registerUser", 201, 201, 201, 201),
    Case("registerUser", 401, 403, 403, 201, registration="closed"),
    Case("readMe", 401, 200, 200, 200),
    Case("changePassword", 401, 204, 204, 204),
    Case("listTokens", 401, 200, 200, 200),
    Case("createToken", 401, 401, 401, 401),  # a token is no password
    Case("publishPost", 401, 201, 201, 201),
    Case("reviseUser", 401, 403, 200, 200),
    Case("removeUser", 401, 403, 409, 409),
    Case("removeUser", 401, 403, 204, 204, posts=False),
    Case("revisePost", 401, 403, 200, 200),
    Case("removePost", 401, 403, 204, 204),
    Case("readPost", 404, 404, 200, 200, post_id=2),
    Case("revisePost", 401, 404, 200, 200, post_id=2),
    Case("removePost", 401, 404, 204, 204, post_id=2),
    Case("readToken", 401, 404, 200, 404),
    Case("revokeToken", 401, 404, 204, 404),
]


def world(app: Application, *, posts: bool = True) -> World:
    owner = signed_in_user(app, "ada")
    if posts:
        for published_at in ("2026-01-31T12:00:00Z", None):
            assert owner.post("/posts", {**POST, "published_at": published_at}).status_code == 201
    return World(Client(app), signed_in_user(app, "bob"), owner, signed_in_user(app, "admin", role="admin"))


def send(client: Client, operation: str, post_id: int = 1) -> TestResponse:
    method, path, _ = OPERATIONS[operation]
    url = path.format(username="ada", post_id=post_id, token_id=1)
    return client.send(method, url, json=CONTENT.get(operation), **ANY_VERSION)


def kept(there: World) -> list[Any]:
    """Everything that can be read of ada's."""
    return [there.owner.get(path).json for path in ("/users", "/posts?author=ada&expand=body", "/tokens")]


def test_the_matrix_covers_every_operation() -> None:
    assert {case.operation for case in MATRIX} == set(OPERATIONS)


@pytest.mark.parametrize("who", World._fields)
@pytest.mark.parametrize("case", MATRIX, ids=lambda case: f"{case.operation}-{case.post_id}-{case.registration}")
def test_who_may_do_what(build: Callable[..., Application], case: Case, who: str) -> None:
    there = world(build(registration=case.registration), posts=case.posts)
    there.owner.get("/me")  # so that the use of the token is known, and stays as it is
    before = kept(there)
    answer = send(getattr(there, who), case.operation, case.post_id)
    assert answer.status_code == getattr(case, who)
    if answer.status_code >= 400:
        assert_problem(answer, answer.status_code)
        assert kept(there) == before


def test_1_broken_object_level_authorization(app: Application) -> None:
    """Beside the matrix: who counts through all numbers learns nothing of drafts, not even that they are there."""
    there = world(app)
    draft, nothing = there.another.get("/posts/2"), there.another.get("/posts/3")
    assert draft.text.replace("2", "3") == nothing.text
    assert [post["id"] for post in (there.another.get("/posts?author=ada").json or {})["items"]] == [1]


def test_2_broken_authentication(app: Application) -> None:
    """An unknown user and a wrong password are the same; guessing is limited (tests/http/test_rate_limits.py)."""
    there = world(app)
    wrong, unknown = (there.anyone.post("/tokens", headers=basic_auth(name, "wrong")) for name in ("ada", "nobody"))
    assert wrong.data == unknown.data
    for answer in (wrong, unknown):
        del answer.headers["RateLimit"], answer.headers["X-Request-ID"]  # which differ for any two
    assert wrong.headers == unknown.headers


UNASSIGNABLE = ("id", "role", "author", "author_id", "created_at", "updated_at", "version", "password_hash", "user_id")


@pytest.mark.parametrize("operation", CONTENT)
def test_3_broken_object_property_level_authorization(app: Application, operation: str) -> None:
    """Mass assignment: what is not the client's to say is refused, even if an admin says it."""
    there = world(app)
    method, path, _ = OPERATIONS[operation]
    headers = basic_auth("admin") if operation == "createToken" else {"If-Match": "*"}
    for name in UNASSIGNABLE:
        content = {**CONTENT[operation], name: 1}
        answer = there.admin.send(method, path.format(username="ada", post_id=1), json=content, headers=headers)
        assert {error["pointer"] for error in assert_problem(answer, 422)["errors"]} == {f"#/{name}"}


def test_3_every_operation_with_a_body_is_among_them() -> None:
    assert {name for name, (_, _, operation) in OPERATIONS.items() if "requestBody" in operation} == set(CONTENT)


def answers(there: World) -> Iterator[TestResponse]:
    """To everybody, from every operation."""
    for case in MATRIX:
        for client in there:
            yield send(client, case.operation, case.post_id)


def test_3_no_secret_is_in_any_answer(app: Application) -> None:
    there = world(app)
    tokens = [client.token for client in there if client.token]
    for answer in answers(there):
        told = answer.text + str(answer.headers)
        assert "argon2" not in told
        assert PASSWORD not in told or answer.json == DOCUMENT
        assert not any(token in told for token in tokens)
        assert not re.search(r'"(password|password_hash|sha256|role)":', told) or answer.json == DOCUMENT


def test_4_unrestricted_resource_consumption(app: Application) -> None:
    """Bodies, pages, nesting and numbers are bounded; so is how often one writes (tests/http/test_rate_limits.py)."""
    there = world(app)
    too_much = {"data": b" " * (constraints.REQUEST_BODY_MAX_BYTES + 1), "content_type": "application/json"}
    assert_problem(there.owner.send("POST", "/posts", **too_much), 413)
    assert_problem(there.anyone.get("/posts?limit=101"), 422)
    for body in (b"[" * 100_000, b'{"title": ' + b"1" * 5_000 + b"}"):
        assert_problem(there.owner.send("POST", "/posts", data=body, content_type="application/json"), 400)


def test_5_broken_function_level_authorization(app: Application) -> None:
    """Beside the matrix: nobody makes themselves an admin, and no method is there that the document does not name."""
    there = world(app)
    account = {"username": "eve", "password": PASSWORD, "role": "admin"}
    assert_problem(there.another.post("/users", account), 422)
    assert_problem(there.another.patch("/users/bob", {"role": "admin"}), 422)
    assert_problem(there.another.patch("/users/ada", {"bio": "x"}), 403)
    paths = {
        path: {method.upper() for method in item.keys() - {"parameters"}} for path, item in DOCUMENT["paths"].items()
    }
    for path, methods in paths.items():
        for method in {"POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT"} - methods:
            answer = there.admin.send(method, path.format(username="ada", post_id=1, token_id=1), **ANY_VERSION)
            assert_problem(answer, 405)


def test_6_unrestricted_access_to_sensitive_business_flows() -> None:
    """Whatever makes or changes something is limited."""
    for method, path, operation in OPERATIONS.values():
        assert ("429" in operation["responses"]) == (method != "GET"), path


def test_7_server_side_request_forgery_does_not_apply() -> None:
    """No URL is taken from a client, so none is fetched."""
    bodies = [
        json.dumps(operation["requestBody"]) for _, _, operation in OPERATIONS.values() if "requestBody" in operation
    ]
    for name in re.findall(r"schemas/(\w+)", "".join(bodies)):
        assert not re.search(r'"format": "ur[il]', json.dumps(DOCUMENT["components"]["schemas"][name]))


def test_8_security_misconfiguration(app: Application) -> None:
    """No other origin, no guessed type, no frame, no cache of what is one's own, no trace of the inside."""
    assert not app.debug
    there = world(app)
    for answer in (*answers(there), there.anyone.get("/nothing"), there.anyone.get("/posts/x")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Traceback" not in answer.text
    for path in ("/me", "/tokens", "/posts"):
        assert re.search("no-store|private", there.another.get(path).headers["Cache-Control"])


def test_9_improper_inventory_management(app: Application) -> None:
    """There is one version. What is served and what is documented are equal sets (test_document.py)."""
    assert not any(re.match(r"/(v[0-9]|api|internal|debug)", path) for path in DOCUMENT["paths"])
    assert len(DOCUMENT["servers"]) == 1


def test_10_unsafe_consumption_of_apis(build: Callable[..., Application]) -> None:
    """A Redis that is not there changes no answer (tests/journeys/test_redis.py kills one)."""
    there = world(build(redis_url="redis://127.0.0.1:1"))
    assert send(there.owner, "publishPost").status_code == 201
