"""Likes of posts, on both databases."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from api.http.application import Application
from api.store.columns import now
from api.store.likes import likes as table
from tests.support.clients import ANY_VERSION, Client, signed_in_user
from tests.support.problems import assert_problem

YESTERDAY, TOMORROW = (now() + timedelta(days=days) for days in (-1, 1))


@pytest.fixture(params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest, build: Callable[..., Application]) -> Application:
    if request.param == "sqlite":
        return build()
    return build(database_url=request.getfixturevalue("postgresql_url"))


def publish(client: Client, title: str = "t", **content: object) -> int:
    response = client.post("/posts", {"title": title, "body": "b", **content})
    assert response.status_code == 201
    post_id: int = (response.json or {})["id"]
    return post_id


def like(client: Client, *post_ids: int) -> None:
    for post_id in post_ids:
        assert client.send("PUT", f"/posts/{post_id}/like").status_code == 204


def unlike(client: Client, *post_ids: int) -> None:
    for post_id in post_ids:
        assert client.delete(f"/posts/{post_id}/like").status_code == 204


def read(client: Client, path: str) -> Any:
    response = client.get(path)
    assert response.status_code == 200, path
    return response.json


def likers(client: Client, post_id: int) -> list[str]:
    return [item["username"] for item in read(client, f"/posts/{post_id}/likes")["items"]]


def liked(client: Client, username: str) -> list[int]:
    return [item["id"] for item in read(client, f"/users/{username}/likes")["items"]]


def follow(client: Client, path: str, key: str) -> list[Any]:
    """Return a value of the items of all pages."""
    found, next_path = [], path
    while next_path:
        page = read(client, next_path)
        found += [item[key] for item in page["items"]]
        next_path = page["next_cursor"] and f"{path}&cursor={page['next_cursor']}"
    return found


def test_a_post_can_be_liked_and_the_like_be_taken_back(ada: Client, bob: Client, anyone: Client) -> None:
    post_id = publish(ada, slug="x", metadata={"cover": "c"})
    assert_problem(bob.get("/posts/1/like"), 404)
    for _ in range(2):
        like(bob, post_id)
        own = read(bob, "/posts/1/like")
    like(ada, post_id)
    assert own == {"post_id": 1, "liked_at": own["liked_at"], "url": "/posts/1/like", "post_url": "/posts/1"}
    assert likers(anyone, 1) == ["ada", "bob"]
    assert read(anyone, "/posts/1/likes")["items"][1] == {
        "username": "bob",
        "display_name": "bob",
        "liked_at": own["liked_at"],
        "url": "/users/bob",
    }
    [summary] = read(anyone, "/posts")["items"]
    assert read(anyone, "/users/bob/likes")["items"] == [{**summary, "liked_at": own["liked_at"]}]
    for _ in range(2):
        unlike(bob, post_id)
        assert_problem(bob.get("/posts/1/like"), 404)
    assert (likers(anyone, 1), liked(anyone, "bob"), liked(anyone, "ada")) == (["ada"], [], [1])


def test_a_like_changes_nothing_of_the_post(ada: Client, bob: Client, anyone: Client) -> None:
    publish(ada)
    paths = ("/posts/1", "/posts", "/posts?author=ada", "/feed.json", "/feed.atom", "/tags")
    since = read(anyone, "/changes/posts")["next_since"]

    def state() -> list[Any]:
        responses = [client.get(path) for client in (anyone, ada, bob) for path in paths]
        return [(response.headers["ETag"], response.data) for response in responses]

    before = state()
    like(bob, 1)
    assert state() == before
    unlike(bob, 1)
    assert state() == before
    assert read(anyone, f"/changes/posts?since={since}")["items"] == []


def test_the_etags_of_the_lists_of_likes_change_with_a_like(ada: Client, bob: Client, anyone: Client) -> None:
    publish(ada)
    paths = "/posts/1/likes", "/users/bob/likes"
    before = [anyone.get(path).headers["ETag"] for path in paths]
    like(bob, 1)
    assert not {anyone.get(path).headers["ETag"] for path in paths} & {*before}
    unlike(bob, 1)
    assert [anyone.get(path).headers["ETag"] for path in paths] == before


def test_lists_are_paged_with_the_latest_like_first(app: Application, ada: Client, anyone: Client) -> None:
    users = [signed_in_user(app, f"user-{number}") for number in range(5)]
    posts = [publish(ada) for _ in range(5)]
    for user in users:
        like(user, posts[0])
    for post_id in reversed(posts):
        like(ada, post_id)
    assert follow(anyone, "/posts/1/likes?limit=2", "username") == ["ada", *(f"user-{n}" for n in (4, 3, 2, 1, 0))]
    for path in ("/users/ada/likes?limit=2", "/users/ada/likes?limit=5"):
        assert follow(anyone, path, "id") == posts
    unlike(ada, posts[0])
    like(ada, posts[4])
    assert follow(anyone, "/users/ada/likes?limit=2", "id") == posts[1:]
    unlike(ada, posts[4])
    like(ada, posts[4])
    assert follow(anyone, "/users/ada/likes?limit=2", "id") == [posts[4], *posts[1:4]]


def test_a_post_that_is_not_visible_cannot_be_liked(ada: Client, bob: Client, admin: Client, anyone: Client) -> None:
    for published_at in (None, TOMORROW.isoformat()):
        post_id = publish(ada, published_at=published_at)
        for path in (f"/posts/{post_id}/like", "/posts/9/like"):
            for method in ("PUT", "GET", "DELETE"):
                assert_problem(bob.send(method, path), 404)
        assert_problem(anyone.get(f"/posts/{post_id}/likes"), 404)
        like(ada, post_id)
        like(admin, post_id)
        assert likers(ada, post_id) == ["admin", "ada"]
        assert_problem(anyone.get(f"/posts/{post_id}/likes"), 404)
    assert (liked(ada, "ada"), liked(anyone, "admin")) == ([], [])


def test_a_like_of_a_post_that_is_no_longer_visible_can_be_taken_back(ada: Client, bob: Client) -> None:
    publish(ada)
    like(bob, 1)
    assert ada.patch("/posts/1", {"published_at": None}).status_code == 200
    assert_problem(bob.get("/posts/1/like"), 404)
    assert_problem(bob.send("PUT", "/posts/1/like"), 404)
    assert likers(ada, 1) == ["bob"]
    unlike(bob, 1)
    assert likers(ada, 1) == []
    assert_problem(bob.delete("/posts/1/like"), 404)


def test_likes_of_posts_that_are_not_public_are_left_out_of_pages(ada: Client, bob: Client, anyone: Client) -> None:
    posts = [publish(ada) for _ in range(4)]
    like(bob, *posts)
    for post_id in posts[1:3]:
        ada.patch(f"/posts/{post_id}", {"published_at": None})
    for client in (anyone, bob, ada):
        pages = [read(client, "/users/bob/likes?limit=1")]
        while pages[-1]["next_cursor"]:
            pages.append(read(client, f"/users/bob/likes?limit=1&cursor={pages[-1]['next_cursor']}"))
        assert [[item["id"] for item in page["items"]] for page in pages] == [[4], [], [], [1]]
    ada.patch("/posts/2", {"published_at": YESTERDAY.isoformat()})
    assert liked(anyone, "bob") == [4, 2, 1]


@pytest.mark.parametrize("same_time", [False, True])
def test_no_cursor_has_the_id_of_a_post_that_is_not_public(
    app: Application, ada: Client, bob: Client, anyone: Client, *, same_time: bool
) -> None:
    """At the same time as another one, if two such likes do not follow each other."""
    posts = [publish(ada) for _ in range(13)][::2]
    like(bob, *posts)
    if same_time:
        with app.database.write() as db:
            db.execute(sa.update(table).values(liked_at=YESTERDAY))
    hidden = {3, 7, 13} if same_time else {3, 5, 9, 13}
    for post_id in hidden:
        ada.patch(f"/posts/{post_id}", {"published_at": None})
    for limit in (1, 2, 3, 4, 7):
        items, path = list[int](), f"/users/bob/likes?limit={limit}"
        page = read(anyone, path)
        while cursor := page["next_cursor"]:
            assert int(cursor[16:], 16) not in hidden
            items += [item["id"] for item in page["items"]]
            page = read(anyone, f"{path}&cursor={cursor}")
        items += [item["id"] for item in page["items"]]
        assert items == [post_id for post_id in posts[::-1] if post_id not in hidden]


def test_likes_are_deleted_with_the_post_and_with_the_user(ada: Client, bob: Client, anyone: Client) -> None:
    publish(ada)
    publish(bob)
    like(bob, 1, 2)
    like(ada, 1, 2)
    assert ada.delete("/posts/1").status_code == 204
    assert (liked(anyone, "bob"), liked(anyone, "ada")) == ([2], [2])
    assert_problem(anyone.get("/posts/1/likes"), 404)
    assert ada.delete("/users/ada").status_code == 204
    assert likers(anyone, 2) == ["bob"]
    assert_problem(anyone.get("/users/ada/likes"), 404)
    assert bob.delete("/users/bob?posts=remove").status_code == 204


def test_a_page_of_posts_with_large_metadata_is_bounded(ada: Client, anyone: Client) -> None:
    metadata = {f"n{number}": "\u0001" * 500 for number in range(20)}
    posts = [publish(ada, metadata=metadata) for _ in range(40)]
    like(ada, *posts)
    path = "/users/ada/likes?limit=100"
    page = anyone.get(path)
    assert 1_000_000 < len(page.data) < 2_097_152
    assert follow(anyone, path, "id") == posts[::-1]


def test_a_like_ignores_preconditions(ada: Client, bob: Client) -> None:
    """It has no versions, so clients that send `If-Match` with each change may do so."""
    publish(ada)
    assert bob.send("PUT", "/posts/1/like", **ANY_VERSION).status_code == 204
    assert bob.send("DELETE", "/posts/1/like").status_code == 204
