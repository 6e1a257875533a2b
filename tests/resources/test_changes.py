"""Change feeds over HTTP."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from api import sync_tokens
from api.http.application import Application
from api.store.columns import now
from tests.support.clients import Client
from tests.support.problems import assert_problem

FEEDS = ["/changes/posts", "/changes/users"]


class Mirror:
    """A client that follows a feed, as the documentation says."""

    def __init__(self, client: Client, path: str, query: str = "") -> None:
        self.client, self.path, self.query = client, path, query
        self.items: dict[str, Any] = {}
        self.since = ""

    def sync(self) -> int:
        """Read all there is; return the number of items."""
        count = 0
        while True:
            response = self.client.get(
                f"{self.path}?{self.query}{self.since and f'&since={self.since}'}".replace("?&", "?")
            )
            assert response.status_code == 200, response.text
            page: Any = response.json
            for item in page["items"]:
                name = self.path.removeprefix("/changes/").removesuffix("s")
                self.items.pop(item["url"], None)
                if item[name] is not None:
                    self.items[item["url"]] = item[name]
                count += 1
            self.since = page["next_since"]
            if not page["has_more"]:
                return count


@pytest.fixture
def mirror(anyone: Client) -> Mirror:
    return Mirror(anyone, "/changes/posts", "limit=2")


def read(client: Client, path: str) -> Any:
    return client.get(path).json


def listed(client: Client, path: str) -> dict[str, Any]:
    return {item["url"]: item for item in read(client, f"{path}?limit=100")["items"]}


def test_a_mirror_that_follows_has_what_the_list_has(anyone: Client, ada: Client, mirror: Mirror) -> None:
    for number in range(5):
        ada.post("/posts", {"title": str(number), "body": "b", "tags": ["x"]})
    assert mirror.sync() == 5
    assert mirror.items == listed(anyone, "/posts")
    ada.patch("/posts/1", {"title": "new"}, headers={"If-Match": "*"})
    ada.patch("/posts/2", {"published_at": None}, headers={"If-Match": "*"})
    ada.delete("/posts/3", headers={"If-Match": "*"})
    ada.post("/posts", {"title": "6", "body": "b"})
    ada.post("/posts", {"title": "draft", "body": "b", "published_at": None})
    later = (now() + timedelta(days=1)).isoformat()
    ada.post("/posts", {"title": "scheduled", "body": "b", "published_at": later})
    assert mirror.sync() >= 4
    assert mirror.items == listed(anyone, "/posts")
    assert mirror.sync() == 0


def test_users_are_followed_in_the_same_way(anyone: Client, ada: Client, bob: Client) -> None:
    mirror = Mirror(anyone, "/changes/users")
    mirror.sync()
    assert mirror.items == listed(anyone, "/users")
    ada.patch("/users/ada", {"display_name": "Ada Lovelace"}, headers={"If-Match": "*"})
    bob.delete("/users/bob", headers={"If-Match": "*"})
    assert mirror.sync() == 2
    assert mirror.items == listed(anyone, "/users")
    assert mirror.items.keys() == {"/users/ada"}


def test_an_item_of_posts(anyone: Client, ada: Client) -> None:
    post: Any = ada.post("/posts", {"title": "t", "body": "b", "tags": ["x"]}).json
    [item] = read(anyone, "/changes/posts?expand=body")["items"]
    assert item == {"id": 1, "url": "/posts/1", "changed_at": post["updated_at"], "post": post}
    [item] = read(anyone, "/changes/posts")["items"]
    assert item["post"] == {name: value for name, value in post.items() if name != "body"}


def test_a_removed_post_and_a_removed_user_are_null(anyone: Client, ada: Client) -> None:
    ada.post("/posts", {"title": "t", "body": "b"})
    posts, users = Mirror(anyone, "/changes/posts"), Mirror(anyone, "/changes/users")
    posts.sync()
    users.sync()
    ada.delete("/posts/1", headers={"If-Match": "*"})
    ada.delete("/users/ada", headers={"If-Match": "*"})
    [item] = read(anyone, f"/changes/posts?since={posts.since}")["items"]
    assert (item["id"], item["url"], item["post"]) == (1, "/posts/1", None)
    [item] = read(anyone, f"/changes/users?since={users.since}")["items"]
    assert (item["username"], item["url"], item["user"]) == ("ada", "/users/ada", None)


def test_the_feed_begins_with_public_posts_only(anyone: Client, ada: Client) -> None:
    later = (now() + timedelta(days=1)).isoformat()
    for published_at in (None, None, later):
        post: Any = ada.post("/posts", {"title": "t", "body": "b"}).json
        ada.patch(post["url"], {"published_at": published_at})
    ada.delete("/posts/1")
    mirror = Mirror(anyone, "/changes/posts")
    assert mirror.sync() == 0
    ada.post("/posts", {"title": "t", "body": "b"})
    assert mirror.sync() == 1


@pytest.mark.parametrize("path", FEEDS)
def test_a_poll_without_changes_is_304(anyone: Client, ada: Client, path: str) -> None:
    mirror = Mirror(anyone, path)
    mirror.sync()
    url = f"{path}?since={mirror.since}"
    response = anyone.get(url)
    assert response.json == {"items": [], "next_since": mirror.since, "has_more": False}
    for method in ("GET", "HEAD"):
        again = anyone.send(method, url, headers={"If-None-Match": response.headers["ETag"]})
        assert (again.status_code, again.headers["ETag"]) == (304, response.headers["ETag"])
    assert response.headers["Cache-Control"] == "public, max-age=1, stale-while-revalidate=1"


@pytest.mark.parametrize("path", FEEDS)
def test_an_expired_token_is_410(anyone: Client, ada: Client, path: str) -> None:
    mirror = Mirror(anyone, path)
    mirror.sync()
    token = sync_tokens.decode(mirror.since)
    for changes in ({"issued_at": now() - timedelta(days=91)}, {"epoch": b"12345678"}, {"seen": 2**62}):
        since = sync_tokens.encode(token._replace(**changes))
        problem = assert_problem(anyone.get(f"{path}?since={since}"), 410, code="sync-token-expired")
        assert "without `since`" in problem["detail"]


@pytest.mark.parametrize("path", FEEDS)
@pytest.mark.parametrize(
    "change",
    [
        lambda text: "B" + text[1:],  # another version
        lambda text: text[:-11] + "_" * 11,  # an id above 2^53
        lambda _: "_" * 76,
    ],
)
def test_a_token_that_only_another_version_can_have_made_is_410(
    anyone: Client, path: str, change: Callable[[str], str]
) -> None:
    since = change(read(anyone, path)["next_since"])
    assert_problem(anyone.get(f"{path}?since={since}"), 410, code="sync-token-expired")


@pytest.mark.parametrize("path", FEEDS)
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: "!" + text[1:],
        lambda _: "",
        lambda text: "é" + text[1:],
    ],
)
def test_a_malformed_token_is_422(anyone: Client, path: str, change: Callable[[str], str]) -> None:
    since = change(read(anyone, path)["next_since"])
    problem = assert_problem(anyone.get(path, query_string={"since": since}), 422)
    assert [error["parameter"] for error in problem["errors"]] == ["since"]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "expand=tags", "cursor=x", "since=", "author=ada"])
def test_an_invalid_query_is_422(anyone: Client, query: str) -> None:
    assert_problem(anyone.get(f"/changes/posts?{query}"), 422)


def test_others_do_not_see_drafts_even_with_a_token_of_the_author(ada: Client) -> None:
    ada.post("/posts", {"title": "draft", "body": "b", "published_at": None})
    assert read(ada, "/changes/posts")["items"] == []


def test_feeds_read_the_primary(app: Application, anyone: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unused:
        def read(self) -> None:
            raise AssertionError("The replica was used.")

    monkeypatch.setattr(app, "replica", Unused())
    for path in FEEDS:
        assert anyone.get(path).status_code == 200
