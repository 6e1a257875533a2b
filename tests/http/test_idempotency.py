"""Requests that may be repeated.

POST /posts HTTP/1.1
Idempotency-Key: 8e03978e-40d5-43e8-bc93-6894a57f9324
"""

import pytest
from werkzeug.test import TestResponse

from api.http.application import Application
from api.store import idempotency, posts_tags
from api.store.errors import RequestInProgress
from tests.support.clients import Client
from tests.support.problems import assert_problem

POST = {"title": "t", "body": "b"}


def publish(client: Client, content: object = POST, key: str = "k", path: str = "/posts") -> TestResponse:
    return client.post(path, content, headers={"Idempotency-Key": key})


def kept(client: Client) -> int:
    return len((client.get("/posts?author=ada").json or {})["items"])


def test_a_repeated_request_is_answered_again_and_done_once(ada: Client) -> None:
    first = publish(ada)
    ada.patch("/posts/1", {"title": "changed since"})
    again = publish(ada)
    assert (again.status_code, again.data) == (first.status_code, first.data) == (201, first.data)
    assert {*again.headers.keys()} == {*first.headers.keys()}
    assert (again.headers["Location"], again.headers["ETag"]) == ("/posts/1", first.headers["ETag"])
    assert kept(ada) == 1


def test_without_a_key_each_request_is_another(ada: Client) -> None:
    assert ada.post("/posts", POST).json != ada.post("/posts", POST).json
    assert kept(ada) == 2


def test_another_request_needs_another_key(ada: Client) -> None:
    publish(ada)
    for content in ({**POST, "title": "other"}, {**POST, "tags": []}, dict(reversed(POST.items()))):
        detail = "This Idempotency-Key was sent with another request. Choose a new one for each request."
        assert_problem(publish(ada, content), 422, detail=detail)
    assert_problem(publish(ada, path="/posts?x=1"), 422)
    assert kept(ada) == 1


def test_the_same_key_of_somebody_else_is_another(ada: Client, bob: Client) -> None:
    assert (publish(ada).json or {})["id"] != (publish(bob).json or {})["id"]


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 256, "\x7f", "a\tb", "one,another"])
def test_a_malformed_key_is_refused(ada: Client, key: str) -> None:
    assert_problem(publish(ada, key=key), 400)
    assert kept(ada) == 0


@pytest.mark.parametrize("key", ["!", '"8e03978e-40d5-43e8-bc93-6894a57f9324"', "~" * 255])
def test_any_visible_characters_make_a_key(ada: Client, key: str) -> None:
    assert publish(ada, key=key).data == publish(ada, key=key).data
    assert kept(ada) == 1


def test_what_was_refused_leaves_its_key_free(ada: Client) -> None:
    assert_problem(publish(ada, {**POST, "title": ""}), 422)
    assert publish(ada).status_code == 201


def test_what_failed_leaves_its_key_free(app: Application, ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    app.config["PROPAGATE_EXCEPTIONS"] = False
    with monkeypatch.context() as failing:
        failing.setattr(posts_tags, "add", fail)
        assert_problem(publish(ada), 500)
    assert kept(ada) == 0
    assert publish(ada).status_code == 201


def test_who_asks_is_judged_first(ada: Client, anyone: Client) -> None:
    publish(ada)
    assert_problem(publish(anyone), 401)


def test_one_in_progress_says_when_to_try_again(ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_progress(*_: object, **__: object) -> None:
        raise RequestInProgress("The first request is in progress.")

    monkeypatch.setattr(idempotency, "claim", in_progress)
    response = publish(ada)
    assert_problem(response, 409, detail="The first request is in progress.")
    assert response.headers["Retry-After"] == "1"
