"""The examples of the OpenAPI document are responses that come, and agree with the examples of requests."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from api.http.application import Application
from api.store import posts, users
from tests.contract.catalogue import (
    ADMIN_OPERATIONS,
    DOCUMENT,
    FAILURES,
    IDS,
    OPERATIONS,
    Operation,
    arrange,
    path_of,
)
from tests.support.clients import Client, signed_in_user

SCHEMAS = DOCUMENT["components"]["schemas"]
EXAMPLES = {
    operation.id: schema["examples"][0]
    for operation in OPERATIONS.values()
    if "requestBody" in operation.description
    for schema in [
        SCHEMAS[
            operation.description["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        ]
    ]
}
"""The example of the request body of each operation that has one."""
CHOSEN = {"id", "token", "revision", "created_at", "updated_at", "published_at", "liked_at", "next_cursor"}
"""Properties of which the server chooses the value."""


def example_of(operation: Operation, status: int) -> Any:
    """Return the example of a response; None if it has no JSON."""
    for type_, content in operation.description["responses"][str(status)].get("content", {}).items():
        if "$ref" in content["schema"] and type_ != "text/html":
            schema = SCHEMAS[content["schema"]["$ref"].rpartition("/")[2]]
            return content["example"] if "example" in content else schema["examples"][0]
    return None


def comparable(value: Any) -> Any:
    """Return the value without what the server chooses; the lifetime of a token instead of its end."""
    if isinstance(value, str):
        return re.sub(r"/\d+", "/1", value)
    if not isinstance(value, dict):
        return value
    result = {name: comparable(each) for name, each in value.items() if name not in CHOSEN or each is None}
    if "expires_at" in value:
        created, expires = (datetime.fromisoformat(value[name]) for name in ("created_at", "expires_at"))
        result["expires_at"] = expires - created
    return result


def names_in(value: Any, place: str = "") -> Iterator[str]:
    """Yield the path of each property, of a list those of its first item."""
    if isinstance(value, list):
        yield from names_in(value[0], place) if value else ()
    elif isinstance(value, dict):
        for name, each in value.items():
            yield f"{place}/{name}"
            # The properties of metadata are the client's.
            if name != "metadata":
                yield from names_in(each, f"{place}/{name}")


def test_the_example_of_a_request_gets_the_example_of_its_response(build: Callable[..., Application]) -> None:
    """In the order in which a reader of `/docs` may try them."""
    app = build()
    compared = {"changePassword"}  # has no content in its response

    def send(client: Client, operation_id: str, status: int, **headers: str) -> Any:
        operation = OPERATIONS[operation_id]
        path = operation.path.format(**IDS)
        response = client.send(operation.method, path, json=EXAMPLES[operation_id], headers=headers)
        assert response.status_code == status, (operation_id, response.text)
        assert comparable(response.json) == comparable(example_of(operation, status)), operation_id
        compared.add(operation_id)
        return response.json

    anyone = Client(app)
    send(anyone, "registerUser", 201)
    ada = anyone.with_token(send(anyone, "createToken", 201)["token"])
    any_version = {"If-Match": "*"}
    send(ada, "publishPost", 201)
    send(ada, "createComment", 201)
    send(ada, "reviseComment", 200, **any_version)
    # The examples of posts, other than that of `publishPost`, have a slug and metadata.
    named = SCHEMAS["Post"]["examples"][0]
    assert ada.patch("/posts/1", {name: named[name] for name in ("slug", "metadata")}).json == ada.get("/posts/1").json
    assert comparable(ada.get("/posts/1").json) == comparable(named)
    send(ada, "revisePost", 200, **any_version)
    assert ada.delete("/posts/1").status_code == 204
    send(ada, "putPost", 201, **{"If-None-Match": "*"})
    send(ada, "putPost", 200, **any_version)
    send(ada, "reviseUser", 200, **any_version)

    assert compared == EXAMPLES.keys()


READS = [
    operation
    for operation in OPERATIONS.values()
    if operation.method == "GET" and example_of(operation, 200) and operation.id != "readDocument"
]


@pytest.mark.parametrize("operation", READS, ids=lambda operation: operation.id)
def test_the_example_of_a_read_has_the_properties_of_the_response(
    build: Callable[..., Application], operation: Operation
) -> None:
    app = build()
    ada = signed_in_user(app, "ada")
    arrange(ada)
    client = signed_in_user(app, "admin", role="admin") if operation.id in ADMIN_OPERATIONS else ada
    match operation.id:
        case "listSuspensions":
            assert client.send("PUT", path_of(OPERATIONS["suspendUser"])).status_code == 204
        case "readTimeline":
            with app.database.write() as db:
                posts.publish(db, author_id=users.get(db, "grace").id, title="t", body="b", tags=["engines"])

    response = client.get(path_of(operation, **FAILURES.get((operation.id, 200), {}).get("ids", {})))

    assert response.status_code == 200
    # Absent on the last page of a JSON Feed.
    assert {*names_in(response.json)} == {*names_in(example_of(operation, 200))} - {"/next_url"}
