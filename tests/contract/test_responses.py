"""Every documented response is sent, conforms to the OpenAPI document, and has no undocumented header field."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import schemathesis
from schemathesis.specs.openapi import checks
from werkzeug.test import TestResponse

from api import constraints, sync_tokens
from api.http.application import Application
from api.settings import Settings
from api.store import usage
from api.store.engine.database import Database
from api.store.errors import DiskFull, RequestInProgress
from tests.contract.catalogue import (
    ABSENT_IDS,
    ADMIN_OPERATIONS,
    BODIES,
    FAILURES,
    IDS,
    OPERATIONS,
    PERMISSIONS,
    Operation,
    Permission,
    arrange,
    path_of,
)
from tests.contract.lint import findings
from tests.support.clients import Client, basic_auth, signed_in_user, with_read_token
from tests.support.paths import PROJECT_ROOT

schema = schemathesis.openapi.from_path(PROJECT_ROOT / "openapi" / "openapi.json")
schema.config.update(base_url="http://localhost")
CONFORMANCE = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
# Header fields of every response, which need not be documented.
COMMON = {
    *("Content-Type", "Content-Length", "Cache-Control", "Vary", "Content-Security-Policy", "X-Content-Type-Options"),
    "X-Request-ID",
}
DOCUMENTED = [
    (operation.id, int(status)) for operation in OPERATIONS.values() for status in operation.description["responses"]
]
JSON = {"content_type": "application/json"}

# How a request differs from a successful one to get a status.
CHANGES: dict[int, dict[str, Any]] = {
    304: {"headers": {"If-None-Match": "*"}},
    400: {"environ_overrides": {"HTTP_HOST": "a b"}},
    401: {"headers": {"Authorization": "Bearer x"}},
    403: {"username": "reader"},
    404: {"ids": ABSENT_IDS},
    410: {"query": f"?since={sync_tokens.encode(sync_tokens.EXAMPLE)}"},
    412: {"headers": {"If-Match": '"x"'}},
    413: {"json": None, "data": b" " * (constraints.REQUEST_BODY_MAX_BYTES + 1), **JSON},
    415: {"json": None, "data": b"x", "content_type": "text/plain"},
    422: {"query": "?x=1"},
    428: {"headers": {"If-Match": None}},
    429: {"query": "?x=1"},
}


def send(
    client: Client,
    operation_id: str,
    *,
    ids: Mapping[str, object] = IDS,
    query: str = "",
    headers: Mapping[str, str | None] = {},
    **content: Any,
) -> TestResponse:
    operation = OPERATIONS[operation_id]
    credentials = basic_auth(client.username) if operation_id == "createToken" else {}
    fields = {key: value for key, value in {"If-Match": "*", **credentials, **headers}.items() if value}
    body = {"json": BODIES.get(operation_id), **content}
    return client.send(operation.method, path_of(operation, **ids) + query, headers=fields, **body)


@pytest.mark.parametrize(("operation_id", "status"), DOCUMENTED)
def test_a_documented_response_is_sent(
    build: Callable[..., Application], monkeypatch: pytest.MonkeyPatch, operation_id: str, status: int
) -> None:
    app = build()
    ada = signed_in_user(app, "ada")
    admin = signed_in_user(app, "admin", role="admin")
    clients = {"ada": ada, "reader": with_read_token(ada), "anyone": Client(app), "admin": admin}
    if (operation_id, status) != ("removeUser", 204):
        arrange(ada)
    changes = {**CHANGES.get(status, {}), **FAILURES.get((operation_id, status), {})}
    client = clients[changes.pop("username", "admin" if operation_id in ADMIN_OPERATIONS else "ada")]
    match status:
        case 409 if "Idempotency-Key" in changes.get("headers", {}):
            # On PostgreSQL only, and after a timeout: tests/store/test_idempotency.py has the real one.
            monkeypatch.setattr("api.store.idempotency.claim", raising(RequestInProgress("It is in progress.")))
        case 409 if operation_id == "removePost":
            monkeypatch.setattr(constraints, "COMMENTS_MAX_REMOVED", 0)
        case 409 if operation_id == "unsuspendUser":
            send(client, "suspendUser")
            monkeypatch.setattr(constraints, "CONTENT_MAX_POSTS", 0)
        case 429:
            for _ in range(300):  # the highest limit
                send(client, operation_id, **changes)
        case 500:
            monkeypatch.setattr("api.http.views.in_transaction", raising(ZeroDivisionError()))
        case 503:
            app.database.close()
            app.database = Database(Settings(database_url="sqlite:////nowhere/pressroom.sqlite"))
        case 507:
            # tests/faults/test_sqlite.py fills a disk.
            monkeypatch.setattr("api.http.views.in_transaction", raising(DiskFull("There is no space left.")))

    response = send(client, operation_id, **changes)

    assert response.status_code == status
    response.request.host = "localhost"  # schemathesis needs a URL even for a request without a host
    schema.find_operation_by_id(operation_id).Case(path_parameters={**IDS}).validate_response(
        response, checks=CONFORMANCE
    )
    operation = OPERATIONS[operation_id]
    documented = resolved(operation.description["responses"][str(status)]).get("headers", {}).keys()
    assert set(response.headers.keys()) - COMMON <= documented
    assert findings(response) == []
    if status == 415:
        assert ("Accept-Patch" in response.headers) == (operation.method == "PATCH")
    # The OpenAPI document leaves the form to RFC 3339, because clients could not apply a pattern to a datetime.
    for datetime in re.findall(r'_at":"([^"]*)"', response.text):
        assert re.fullmatch(r"[1-8][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?Z", datetime)
    # A read may be stored, but only by this client, because it was authenticated.
    is_read = status in {200, 304} and "ETag" in documented and operation.method == "GET"
    assert response.headers["Cache-Control"] == ("no-cache, private" if is_read else "no-store")
    security = operation.description["security"]
    if status == 401:
        scheme = response.headers["WWW-Authenticate"].partition(" ")[0].lower()
        assert any(scheme in requirement for requirement in security)
    assert response.headers.get("Vary") == ("Authorization" if (security or is_read) and status < 400 else None)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_options_lists_the_methods_and_the_media_type_of_patches(
    build: Callable[..., Application], operation: Operation
) -> None:
    """RFC 5789, section 3.1."""
    headers = Client(build()).send("OPTIONS", path_of(operation)).headers
    methods = {other.method for other in OPERATIONS.values() if other.path == operation.path}
    expected = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    assert set(headers["Allow"].split(", ")) == expected
    assert headers.get("Accept-Patch") == ("application/json" if "PATCH" in methods else None)


@pytest.mark.parametrize(
    ("operation_id", "quota", "status"),
    [
        ("publishPost", {"posts_per_day": 1}, 429),
        ("revisePost", {"megabytes_per_day": 1}, 429),
        ("createToken", {"tokens_per_user": 1}, 403),
    ],
)
def test_an_exceeded_quota_is_sent_as_documented(
    build: Callable[..., Application], operation_id: str, quota: dict[str, int], status: int
) -> None:
    app = build(**quota)
    ada = signed_in_user(app, "ada")
    ada.post("/posts", BODIES["publishPost"])
    if operation_id == "revisePost":
        with app.database.write() as db:
            usage.add(db, user_id=1, posts=0, size=2**20)

    response = send(ada, operation_id)

    assert response.status_code == status
    assert (response.json or {})["code"] == "quota-exceeded"
    schema.find_operation_by_id(operation_id).Case(path_parameters={**IDS}).validate_response(
        response, checks=CONFORMANCE
    )
    documented = resolved(OPERATIONS[operation_id].description["responses"][str(status)])["headers"].keys()
    assert set(response.headers.keys()) - COMMON <= documented
    assert findings(response) == []


FORBIDDEN = [each for each in PERMISSIONS if each.bob == 403]


@pytest.mark.parametrize("permission", FORBIDDEN, ids=str)
def test_what_is_forbidden_to_another_user_is_sent_as_documented(
    build: Callable[..., Application], permission: Permission
) -> None:
    app = build(**permission.settings)
    arrange(signed_in_user(app, "ada"))

    response = send(signed_in_user(app, "bob"), permission.operation, ids={**IDS, **permission.ids})

    assert response.status_code == 403
    schema.find_operation_by_id(permission.operation).Case(path_parameters={**IDS}).validate_response(
        response, checks=CONFORMANCE
    )
    assert findings(response) == []


def raising(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def resolved(response: Any) -> Any:
    name = response.get("$ref", "").rpartition("/")[2]
    return schema.raw_schema["components"]["responses"][name] if name else response
