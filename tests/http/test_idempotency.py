"""Requests that clients may repeat safely.

POST /posts HTTP/1.1
Idempotency-Key: 8e03978e-40d5-43e8-bc93-6894a57f9324
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from api.http import idempotency as idempotency_http
from api.http.application import Application
from api.json import dumps
from api.store import idempotency
from api.store.errors import RequestInProgress
from tests.support.clients import Client
from tests.support.problems import assert_problem
from tests.support.rows import select_rows

POST = {"title": "t", "body": "b"}
VARYING = {"RateLimit", "X-Request-ID"}


def publish(client: Client, content: object = POST, key: str = "k", path: str = "/posts") -> TestResponse:
    return client.post(path, content, headers={"Idempotency-Key": key})


def count_posts(client: Client) -> int:
    return len((client.get("/posts?author=ada").json or {})["items"])


def test_a_repeated_request_is_performed_once_and_its_response_replayed(ada: Client) -> None:
    first = publish(ada)
    ada.patch("/posts/1", {"title": "changed since"})
    again = publish(ada)
    assert (again.status_code, again.data) == (first.status_code, first.data) == (201, first.data)
    assert {*again.headers.keys()} == {*first.headers.keys()}
    assert (again.headers["Location"], again.headers["ETag"]) == ("/posts/1", first.headers["ETag"])
    assert count_posts(ada) == 1


def test_the_etag_of_a_replayed_response_is_valid_until_the_post_is_changed(ada: Client) -> None:
    publish(ada)
    ada.patch("/users/ada", {"display_name": "renamed"})
    if_match = {"If-Match": publish(ada).headers["ETag"]}
    for title, status in (("once", 200), ("twice", 412)):
        assert ada.send("PATCH", "/posts/1", json={"title": title}, headers=if_match).status_code == status


LONG_TEXTS = ["x" * 256, 'ä\n\\"\x01\u2028😀' * 100, "null" * 100, " " * 300]


@pytest.mark.parametrize("text", LONG_TEXTS, ids=ascii)
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_long_text_is_replayed_byte_for_byte_even_if_the_post_has_been_changed_and_deleted(
    ada: Client, text: str, ensure_ascii: bool
) -> None:
    content = {"body": text, "tags": ["a"], "published_at": "2026-01-31T12:00:00+05:00", "title": text[:200]}
    request: Any = {
        "data": json.dumps(content, ensure_ascii=ensure_ascii).encode(),
        "content_type": "application/json",
        "headers": {"Idempotency-Key": "k"},
    }
    first = ada.send("POST", "/posts", **request)
    assert (first.status_code, (first.json or {})["body"]) == (201, text)
    for method in ("PATCH", "DELETE"):
        changed = ada.send(method, "/posts/1", json={"body": "changed"}, headers={"If-Match": "*"})
        assert changed.status_code < 300
        again = ada.send("POST", "/posts", **request)
        assert (again.status_code, again.data) == (201, first.data)
        assert {name: value for name, value in again.headers.items() if name not in VARYING} == {
            name: value for name, value in first.headers.items() if name not in VARYING
        }


@given(text=st.text(min_size=200, max_size=600).map(lambda text: text.replace("\0", "")).filter(bool))
def test_any_text_is_replayed_byte_for_byte(text: str) -> None:
    content = {"title": "t", "body": text}
    response = dumps({"id": 1, "title": "t", "body": text, "author": {"body": text}, "published_at": datetime.now(UTC)})
    stored, omitted = idempotency_http._omit(response, content)
    assert idempotency_http._restore(stored, omitted, content) == response
    assert bool(omitted) == (len(text) >= 256)


def test_a_stored_response_does_not_repeat_long_text_of_the_request(app: Application, ada: Client) -> None:
    publish(ada, {"title": "t", "body": "It weaves patterns. " * 1_000})
    with app.database.read() as db:
        [row] = select_rows(db, idempotency.keys.select())
    assert b"patterns" not in row.body
    assert len(row.body) < 500


def test_responses_that_version_0_1_0_stored_are_replayed(app: Application, ada: Client) -> None:
    content = {"title": "t", "body": "x" * 1_000}
    first = publish(ada, content)
    with app.database.write() as db:
        db.execute(idempotency.keys.update().values(omitted=sa.null(), body=first.data))
    assert publish(ada, content).data == first.data


def test_each_request_without_a_key_is_performed(ada: Client) -> None:
    assert ada.post("/posts", POST).json != ada.post("/posts", POST).json
    assert count_posts(ada) == 2


def test_a_key_cannot_be_reused_for_another_request(ada: Client) -> None:
    publish(ada)
    for content in ({**POST, "title": "other"}, {**POST, "tags": []}, dict(reversed(POST.items()))):
        detail = "This Idempotency-Key was sent with another request. Choose a new one for each request."
        assert_problem(publish(ada, content), 422, detail=detail)
    assert_problem(publish(ada, path="/posts?x=1"), 422)
    assert count_posts(ada) == 1


def test_keys_of_different_users_are_independent(ada: Client, bob: Client) -> None:
    assert (publish(ada).json or {})["id"] != (publish(bob).json or {})["id"]


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 256, "\x7f", "a\tb", "one,another"])
def test_malformed_keys_are_rejected(ada: Client, key: str) -> None:
    assert_problem(publish(ada, key=key), 400)
    assert count_posts(ada) == 0


@pytest.mark.parametrize("key", ["!", '"8e03978e-40d5-43e8-bc93-6894a57f9324"', "~" * 255])
def test_keys_of_visible_characters_are_accepted(ada: Client, key: str) -> None:
    assert publish(ada, key=key).data == publish(ada, key=key).data
    assert count_posts(ada) == 1


def test_a_rejected_request_leaves_its_key_unused(ada: Client) -> None:
    assert_problem(publish(ada, {**POST, "title": ""}), 422)
    assert publish(ada).status_code == 201


def test_a_failed_request_leaves_its_key_unused(app: Application, ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    app.config["PROPAGATE_EXCEPTIONS"] = False
    with monkeypatch.context() as context:
        context.setattr(idempotency, "store", fail)
        assert_problem(publish(ada), 500)
    assert count_posts(ada) == 0
    assert publish(ada).status_code == 201


def test_authentication_precedes_the_replay(ada: Client, anyone: Client) -> None:
    publish(ada)
    assert_problem(publish(anyone), 401)


def test_a_request_in_progress_is_a_conflict_with_retry_after(ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_progress(*_: object, **__: object) -> None:
        raise RequestInProgress("The first request is in progress.")

    monkeypatch.setattr(idempotency, "claim", in_progress)
    response = publish(ada)
    assert_problem(response, 409, detail="The first request is in progress.")
    assert response.headers["Retry-After"] == "1"
