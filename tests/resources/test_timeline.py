"""The timeline over HTTP."""

import pytest

from tests.support.clients import Client, with_read_token
from tests.support.problems import assert_problem


@pytest.fixture
def follower(ada: Client, bob: Client) -> Client:
    """ada, who follows bob, and can see three posts by him."""
    for number in range(3):
        assert bob.post("/posts", {"title": f"t{number}", "body": f"*b{number}*", "tags": ["x"]}).status_code == 201
    bob.post("/posts", {"title": "draft", "body": "", "published_at": None})
    bob.post("/posts", {"title": "scheduled", "body": "", "published_at": "4000-01-31T12:00:00Z"})
    ada.post("/posts", {"title": "mine", "body": ""})
    ada.send("PUT", "/users/bob/follow")
    return ada


def test_a_timeline_has_the_public_posts_of_those_whom_one_follows(follower: Client, bob: Client) -> None:
    items = (follower.get("/timeline").json or {})["items"]
    assert [item["title"] for item in items] == ["t2", "t1", "t0"]
    assert items == (follower.get("/posts?author=bob").json or {})["items"]
    assert bob.get("/timeline").json == {"items": [], "next_cursor": None}


def test_a_token_that_can_only_read_reads_the_timeline(follower: Client) -> None:
    assert with_read_token(follower).get("/timeline").json == follower.get("/timeline").json


@pytest.mark.parametrize(("expand", "names"), [("body", {"body"}), ("html", {"html"}), ("body,html", {"body", "html"})])
def test_a_timeline_has_what_expand_lists(follower: Client, expand: str, names: set[str]) -> None:
    items = (follower.get(f"/timeline?expand={expand}").json or {})["items"]
    assert items == (follower.get(f"/posts?author=bob&expand={expand}").json or {})["items"]
    assert items[0].keys() & {"body", "html"} == names


def test_the_pages_of_a_timeline_are_linked(follower: Client) -> None:
    first = follower.get("/timeline?limit=2")
    cursor = (first.json or {})["next_cursor"]
    assert first.headers["Link"] == f'</timeline?limit=2&cursor={cursor}>; rel="next"'
    last = follower.get(f"/timeline?limit=2&cursor={cursor}")
    assert [item["title"] for item in (last.json or {})["items"]] == ["t0"]
    assert (last.json or {})["next_cursor"] is None


def test_a_timeline_is_private(follower: Client, anyone: Client) -> None:
    response = follower.get("/timeline")
    assert (response.headers["Cache-Control"], response.headers["Vary"]) == ("no-cache, private", "Authorization")
    assert follower.get("/timeline", headers={"If-None-Match": response.headers["ETag"]}).status_code == 304
    assert_problem(anyone.get("/timeline"), 401)


def test_a_timeline_changes_with_whom_one_follows(follower: Client) -> None:
    before = follower.get("/timeline").headers["ETag"]
    follower.send("DELETE", "/users/bob/follow")
    assert follower.get("/timeline").json == {"items": [], "next_cursor": None}
    follower.send("PUT", "/users/bob/follow")
    assert follower.get("/timeline").headers["ETag"] == before
