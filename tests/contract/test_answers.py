"""Every answer that the document names is given, is as it says, and shows nothing that it does not name."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import schemathesis
from schemathesis.specs.openapi import checks
from werkzeug.test import TestResponse

from api import constraints
from api.http.application import Application
from api.settings import Settings
from api.store.engine.database import Database
from api.store.errors import RequestInProgress
from tests.contract.lint import findings
from tests.contract.test_owasp import CONTENT, OPERATIONS, POST
from tests.support.clients import Client, basic_auth, signed_in_user
from tests.support.paths import PROJECT_ROOT

schema = schemathesis.openapi.from_path(PROJECT_ROOT / "openapi" / "openapi.json")
schema.config.update(base_url="http://localhost")
CONFORMANCE = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
# Fields of every answer, which the document need not name.
COMMON = {
    *("Content-Type", "Content-Length", "Cache-Control", "Vary", "Content-Security-Policy", "X-Content-Type-Options"),
    "X-Request-ID",
}
DOCUMENTED = [
    (name, int(status)) for name, (_, _, operation) in OPERATIONS.items() for status in operation["responses"]
]
FOUND = {"username": "ada", "post_id": 1, "token_id": 1}
JSON = {"content_type": "application/json"}

# What is other than in a request that is granted.
CHANGES: dict[int, dict[str, Any]] = {
    304: {"headers": {"If-None-Match": "*"}},
    400: {"environ_overrides": {"HTTP_HOST": ""}},
    401: {"headers": {"Authorization": "Bearer x"}},
    403: {"signed_by": "bob"},
    404: {"ids": {"username": "nobody", "post_id": 9, "token_id": 9}},
    412: {"headers": {"If-Match": '"x"'}},
    413: {"json": None, "data": b" " * (constraints.REQUEST_BODY_MAX_BYTES + 1), **JSON},
    415: {"json": None, "data": b"x", "content_type": "text/plain"},
    422: {"query": "?x=1"},
    428: {"headers": {"If-Match": None}},
    429: {"query": "?x=1"},
}
OTHER_CHANGES: dict[tuple[str, int], dict[str, Any]] = {
    ("changePassword", 403): {"json": {**CONTENT["changePassword"], "current_password": "wrong"}},
    ("publishPost", 409): {"headers": {"Idempotency-Key": "k"}},
    ("registerUser", 409): {"json": {**CONTENT["registerUser"], "username": "ada"}},
}


def ask(
    client: Client,
    name: str,
    *,
    ids: Mapping[str, object] = FOUND,
    query: str = "",
    headers: Mapping[str, str | None] = {},
    **content: Any,
) -> TestResponse:
    method, path, _ = OPERATIONS[name]
    credentials = basic_auth(client.username) if name == "createToken" else {}
    fields = {key: value for key, value in {"If-Match": "*", **credentials, **headers}.items() if value}
    return client.send(method, path.format(**ids) + query, headers=fields, **{"json": CONTENT.get(name), **content})


@pytest.mark.parametrize(("name", "status"), DOCUMENTED)
def test_every_documented_answer_is_given(
    build: Callable[..., Application], monkeypatch: pytest.MonkeyPatch, name: str, status: int
) -> None:
    app = build(registration="closed" if (name, status) == ("registerUser", 403) else "open")
    clients = {username: signed_in_user(app, username) for username in ("ada", "bob")}
    if (name, status) != ("removeUser", 204):
        clients["ada"].post("/posts", POST)
    changes = {**CHANGES.get(status, {}), **OTHER_CHANGES.get((name, status), {})}
    client = clients[changes.pop("signed_by", "ada")]
    match status:
        case 409 if name == "publishPost":
            # PostgreSQL's alone, after a wait: tests/store/test_idempotency.py has the real one.
            monkeypatch.setattr(
                "api.store.idempotency.claim", raising(RequestInProgress("Another request is in progress."))
            )
        case 429:
            for _ in range(300):  # the most that a limit allows
                ask(client, name, **changes)
        case 500:
            monkeypatch.setattr("api.http.blueprint.refuse_query", raising(ZeroDivisionError()))
        case 503:
            app.database = Database(Settings(database_url="sqlite:////nowhere/pressroom.sqlite"))

    answer = ask(client, name, **changes)

    assert answer.status_code == status
    answer.request.host = "localhost"  # schemathesis wants to know a URL also of a request without a host
    schema.find_operation_by_id(name).Case(path_parameters=FOUND).validate_response(answer, checks=CONFORMANCE)
    operation = OPERATIONS[name][2]
    named = resolved(operation["responses"][str(status)]).get("headers", {}).keys()
    assert set(answer.headers.keys()) - COMMON <= named
    assert findings(answer) == []
    # What is read may be kept, by the reader alone if the reader told a name, and is asked for anew each time.
    read = status in {200, 304} and "ETag" in named and OPERATIONS[name][0] == "GET"
    assert answer.headers["Cache-Control"] == ("no-cache, private" if read else "no-store")
    if status == 401:
        scheme = answer.headers["WWW-Authenticate"].partition(" ")[0].lower()
        assert any(scheme in way for way in operation["security"])
    assert answer.headers.get("Vary") == ("Authorization" if operation["security"] and status < 400 else None)


def raising(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def resolved(response: Any) -> Any:
    name = response.get("$ref", "").rpartition("/")[2]
    return schema.raw_schema["components"]["responses"][name] if name else response
