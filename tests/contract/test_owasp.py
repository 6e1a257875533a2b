"""OWASP API Security Top 10 (2023): who may do what, and the ten risks one by one."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from werkzeug.test import TestResponse

from api import constraints
from api.http.application import Application
from tests.contract.catalogue import (
    BODIES,
    DOCUMENT,
    DRAFT,
    DRAFT_BY_SLUG,
    IDS,
    OPERATIONS,
    PERMISSIONS,
    QUERIES,
    READS,
    Permission,
    arrange,
    path_of,
)
from tests.support.clients import ANY_VERSION, PASSWORD, Client, basic_auth, signed_in_user, with_read_token
from tests.support.problems import assert_problem


class Clients(NamedTuple):
    """An anonymous client and three users, of whom ada owns the resources, and two with a token that can only read."""

    anyone: Client
    bob: Client
    ada: Client
    admin: Client
    ada_reader: Client
    admin_reader: Client


def clients(app: Application, *, arranged: bool = True) -> Clients:
    ada = signed_in_user(app, "ada")
    if arranged:
        arrange(ada)
    bob, admin = signed_in_user(app, "bob"), signed_in_user(app, "admin", role="admin")
    return Clients(Client(app), bob, ada, admin, with_read_token(ada), with_read_token(admin))


def send(client: Client, permission: Permission) -> TestResponse:
    operation = OPERATIONS[permission.operation]
    return client.send(
        operation.method, path_of(operation, **permission.ids), json=BODIES.get(operation.id), **ANY_VERSION
    )


def stored(there: Clients) -> list[Any]:
    """Return everything that ada can read, and her list of posts with drafts and bodies.

    Without `next_since`, which on PostgreSQL differs after each transaction, even one that wrote nothing.
    """
    paths = [path for path in READS if path not in ("/openapi.json", "/docs")]
    read = [there.ada.get(path).data for path in (*paths, "/posts?author=ada&expand=body")]
    return [re.sub(rb'"next_since":"[^"]*"', b"", data) for data in read]


def test_the_matrix_covers_every_operation() -> None:
    assert {permission.operation for permission in PERMISSIONS} == set(OPERATIONS)


def test_every_path_parameter_has_an_id() -> None:
    assert set(re.findall(r"{(\w+)}", "".join(DOCUMENT["paths"]))) == set(IDS)


@pytest.mark.parametrize("name", Clients._fields)
@pytest.mark.parametrize("permission", PERMISSIONS, ids=str)
def test_an_operation_is_allowed_to_these_clients(
    build: Callable[..., Application], permission: Permission, name: str
) -> None:
    there = clients(build(**permission.settings), arranged=permission.arranged)
    for client in (there.ada, there.ada_reader):
        client.get("/me")  # updates the token's last use, which then stays the same for a minute
    before = stored(there)
    response = send(getattr(there, name), permission)
    assert response.status_code == getattr(permission, name)
    if response.status_code >= 400:
        problem = assert_problem(response, response.status_code)
        if name.endswith("_reader") and response.status_code == 403:
            assert problem["code"] == "insufficient-scope"
            assert 'error="insufficient_scope", scope="write"' in response.headers["WWW-Authenticate"]
        assert stored(there) == before


def test_a_token_that_can_only_read_reads_what_its_user_reads_without_their_role(app: Application) -> None:
    there = clients(app)
    for client in there:
        client.get("/me")  # updates the token's last use, which then stays the same for a minute
    searches = ("/posts?q=t", "/posts?author=ada&q=t", "/posts?author=ada&q=t&tag=engines&expand=body,html")
    drafts = (f"/posts/{DRAFT['post_id']}", f"/users/ada/posts/{DRAFT_BY_SLUG['slug']}")
    for path in (*READS, *QUERIES, *drafts, *searches):
        read = [client.get(path) for client in (there.ada, there.ada_reader, there.bob, there.admin_reader)]
        if path.startswith("/tokens"):
            assert {response.status_code for response in (read[1], read[3])} == {403}
            continue
        assert (read[0].status_code, read[0].data) == (read[1].status_code, read[1].data)
        if path != "/me":
            assert (read[2].status_code, read[2].data) == (read[3].status_code, read[3].data)


def test_1_broken_object_level_authorization(app: Application) -> None:
    """In addition to the matrix: a client who tries all numbers cannot distinguish a draft from a missing post."""
    there = clients(app)
    draft, missing = there.bob.get("/posts/2"), there.bob.get("/posts/3")
    assert draft.text.replace("2", "3") == missing.text
    assert [post["id"] for post in (there.bob.get("/posts?author=ada").json or {})["items"]] == [1]


def test_2_broken_authentication(app: Application) -> None:
    """Unknown users and wrong passwords look the same; guessing is limited (tests/http/test_rate_limits.py)."""
    there = clients(app)
    wrong, unknown = (there.anyone.post("/tokens", headers=basic_auth(name, "wrong")) for name in ("ada", "eve"))
    assert wrong.data == unknown.data
    for response in (wrong, unknown):
        del response.headers["RateLimit"], response.headers["X-Request-ID"]  # they differ for any two requests
    assert wrong.headers == unknown.headers


UNASSIGNABLE = ("id", "role", "author", "author_id", "created_at", "updated_at", "revision", "password_hash", "user_id")


@pytest.mark.parametrize("operation_id", BODIES)
def test_3_broken_object_property_level_authorization(app: Application, operation_id: str) -> None:
    """Mass assignment: properties that clients may not set are rejected, even from an admin."""
    there = clients(app)
    operation = OPERATIONS[operation_id]
    headers = basic_auth("admin") if operation_id == "createToken" else {"If-Match": "*"}
    for name in UNASSIGNABLE:
        body = {**BODIES[operation_id], name: 1}
        response = there.admin.send(operation.method, path_of(operation), json=body, headers=headers)
        assert {error["pointer"] for error in assert_problem(response, 422)["errors"]} == {f"#/{name}"}


def test_3_every_operation_with_a_body_is_in_the_catalogue() -> None:
    with_body = {operation.id for operation in OPERATIONS.values() if "requestBody" in operation.description}
    assert with_body == set(BODIES)


def responses(there: Clients) -> Iterator[TestResponse]:
    """Yield the response of every operation to every client."""
    for permission in PERMISSIONS:
        for client in there:
            yield send(client, permission)


def test_3_no_secret_is_in_any_response(app: Application) -> None:
    there = clients(app)
    tokens = [client.token for client in there if client.token]
    for response in responses(there):
        text = response.text + str(response.headers)
        assert "argon2" not in text
        assert PASSWORD not in text or response.json == DOCUMENT
        assert not any(token in text for token in tokens)
        names = "password|password_hash|sha256" + ("" if response.request.path == "/me" else "|role")
        assert not re.search(rf'"({names})":', text) or response.json == DOCUMENT


def test_4_unrestricted_resource_consumption(app: Application) -> None:
    """Bodies, pages, nesting and numbers are bounded; so are writes (tests/http/test_rate_limits.py)."""
    there = clients(app)
    too_large = {"data": b" " * (constraints.REQUEST_BODY_MAX_BYTES + 1), "content_type": "application/json"}
    assert_problem(there.ada.send("POST", "/posts", **too_large), 413)
    assert_problem(there.anyone.get("/posts?limit=101"), 422)
    for body in (b"[" * 100_000, b'{"title": ' + b"1" * 5_000 + b"}"):
        assert_problem(there.ada.send("POST", "/posts", data=body, content_type="application/json"), 400)


def test_5_broken_function_level_authorization(app: Application) -> None:
    """In addition to the matrix: users cannot make themselves admins, and undocumented methods are 405."""
    there = clients(app)
    account = {"username": "eve", "password": PASSWORD, "role": "admin"}
    assert_problem(there.bob.post("/users", account), 422)
    assert_problem(there.bob.patch("/users/bob", {"role": "admin"}), 422)
    assert_problem(there.bob.patch("/users/ada", {"bio": "x"}), 403)
    for path, item in DOCUMENT["paths"].items():
        methods = {method.upper() for method in item.keys() - {"parameters"}}
        for method in {"POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT"} - methods:
            assert_problem(there.admin.send(method, path.format(**IDS), **ANY_VERSION), 405)


def test_6_unrestricted_access_to_sensitive_business_flows() -> None:
    """Every write is rate-limited, and the read that may take minutes."""
    for operation in OPERATIONS.values():
        is_limited = operation.method != "GET" or operation.id == "exportMe"
        assert ("429" in operation.description["responses"]) == is_limited, operation.path


def test_7_server_side_request_forgery_does_not_apply() -> None:
    """No body has a URL, so none is fetched."""
    bodies = [json.dumps(operation.description.get("requestBody", {})) for operation in OPERATIONS.values()]
    for name in re.findall(r"schemas/(\w+)", "".join(bodies)):
        assert not re.search(r'"format": "ur[il]', json.dumps(DOCUMENT["components"]["schemas"][name]))


def test_8_security_misconfiguration(app: Application) -> None:
    """No other origin, no sniffed type, no frame, no caching of private data, no stack trace."""
    assert not app.debug
    there = clients(app)
    for response in (*responses(there), there.anyone.get("/nothing"), there.anyone.get("/posts/x")):
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in response.headers
        assert "Traceback" not in response.text
    for path in ("/me", "/tokens", "/posts"):
        assert re.search("no-store|private", there.bob.get(path).headers["Cache-Control"])


def test_9_improper_inventory_management(app: Application) -> None:
    """There is one version. Served and documented operations are the same (test_document.py)."""
    assert not any(re.match(r"/(v[0-9]|api|internal|debug)", path) for path in DOCUMENT["paths"])
    assert len(DOCUMENT["servers"]) == 1


def test_10_unsafe_consumption_of_apis(build: Callable[..., Application]) -> None:
    """An unreachable Redis changes no response (tests/journeys/test_redis.py kills one)."""
    there = clients(build(redis_url="redis://127.0.0.1:1"))
    assert there.ada.post("/posts", BODIES["publishPost"]).status_code == 201
