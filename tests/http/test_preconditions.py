"""Conditional reads (RFC 9110, section 13)."""

import pytest

from tests.conftest import Client

READS = [
    "/",
    "/about",
    "/users",
    "/users/ada",
    "/posts",
    "/posts/1",
    "/tokens",
    "/tokens/1",
    "/me",
    "/docs",
    "/openapi.json",
]


@pytest.fixture(autouse=True)
def _a_post(ada: Client) -> None:
    ada.post("/posts", {"title": "t", "body": "b"})


def etag(client: Client, path: str) -> str:
    return client.get(path).headers["ETag"]


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_copy_that_is_current_is_not_sent_again(ada: Client, path: str, method: str) -> None:
    tag = etag(ada, path)
    for condition in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        response = ada.send(method, path, headers={"If-None-Match": condition})
        assert (response.status_code, response.data) == (304, b"")
        assert response.headers["ETag"] == tag
        assert "no-cache" in response.headers["Cache-Control"]
        assert "Content-Type" not in response.headers


@pytest.mark.parametrize("path", READS)
def test_a_copy_that_is_not_current_is_sent_anew(ada: Client, path: str) -> None:
    response = ada.get(path, headers={"If-None-Match": '"other", malformed'})
    assert response.status_code == 200
    assert response.data


def test_a_post_has_a_new_tag_when_it_changes(ada: Client) -> None:
    before = etag(ada, "/posts/1")
    ada.patch("/posts/1", {"title": "new"})
    assert etag(ada, "/posts/1") != before


def test_a_post_has_a_new_tag_when_its_author_does(ada: Client) -> None:
    before = etag(ada, "/posts/1")
    ada.patch("/users/ada", {"display_name": "Ada"})
    assert etag(ada, "/posts/1") != before


def test_a_list_has_a_new_tag_when_one_of_its_items_does(ada: Client) -> None:
    before = etag(ada, "/posts")
    ada.patch("/posts/1", {"title": "new"})
    assert etag(ada, "/posts") != before


def test_caches_ask_again_and_share_nothing_that_was_asked_with_a_token(ada: Client, anyone: Client) -> None:
    for client, cache_control in ((anyone, "no-cache"), (ada, "no-cache, private")):
        for path in ("/posts", "/posts/1"):
            response = client.get(path)
            assert (response.headers["Cache-Control"], response.headers["Vary"]) == (cache_control, "Authorization")


def test_what_writes_answer_is_not_cached(ada: Client) -> None:
    assert ada.post("/posts", {"title": "t", "body": "b"}).headers["Cache-Control"] == "no-store"
