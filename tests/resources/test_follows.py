"""Users who follow others, over HTTP."""

import pytest

from api import constraints
from api.store import follows, users
from tests.support.clients import Client, signed_in_user, with_read_token
from tests.support.problems import assert_problem


def names(client: Client, path: str) -> list[str]:
    return [item["username"] for item in (client.get(path).json or {})["items"]]


def test_a_user_follows_and_unfollows_another(ada: Client, bob: Client, anyone: Client) -> None:
    for _ in range(2):
        assert ada.send("PUT", "/users/bob/follow").status_code == 204
        assert names(anyone, "/users/ada/following") == ["bob"]
        assert names(anyone, "/users/bob/followers") == ["ada"]
    assert names(anyone, "/users/bob/following") == names(anyone, "/users/ada/followers") == []
    for _ in range(2):
        assert ada.send("DELETE", "/users/bob/follow").status_code == 204
        assert names(anyone, "/users/ada/following") == names(anyone, "/users/bob/followers") == []


def test_a_user_can_check_whether_they_follow_another(ada: Client, bob: Client) -> None:
    ada.send("PUT", "/users/bob/follow")
    [item] = (ada.get("/users/ada/following").json or {})["items"]
    assert item.keys() == {"username", "display_name", "followed_at", "url"}
    assert (item["username"], item["url"]) == ("bob", "/users/bob")
    for client in (ada, with_read_token(ada)):
        assert client.get("/users/bob/follow").json == item
    assert_problem(bob.get("/users/ada/follow"), 404)


def test_errors_of_following_have_codes(ada: Client) -> None:
    problem = assert_problem(ada.send("PUT", "/users/ada/follow"), 409)
    assert (problem["code"], problem["detail"]) == ("follows-oneself", "You cannot follow yourself.")
    with ada.app.database.write() as db:
        follower = users.get(db, "ada").id
        for number in range(constraints.FOLLOWED_MAX_ITEMS):
            follows.add(db, users.register(db, username=f"user-{number}").username, follower_id=follower)
    signed_in_user(ada.app, "bob")
    problem = assert_problem(ada.send("PUT", "/users/bob/follow"), 409)
    assert (problem["code"], problem["detail"]) == (
        "too-many-followed",
        "You follow 500 users. Unfollow one first.",
    )
    assert ada.send("PUT", "/users/user-0/follow").status_code == 204
    assert ada.send("DELETE", "/users/user-0/follow").status_code == 204
    assert ada.send("PUT", "/users/bob/follow").status_code == 204


@pytest.mark.parametrize("path", ["/users/eve/followers", "/users/eve/following"])
def test_lists_of_an_unknown_user_are_404(anyone: Client, path: str) -> None:
    assert_problem(anyone.get(path), 404)


def test_following_changes_no_etag_of_the_users(ada: Client, bob: Client, anyone: Client) -> None:
    before = [anyone.get(path).headers["ETag"] for path in ("/users/ada", "/users/bob")]
    ada.send("PUT", "/users/bob/follow")
    assert [anyone.get(path).headers["ETag"] for path in ("/users/ada", "/users/bob")] == before


def test_the_lists_are_paged(ada: Client, anyone: Client) -> None:
    for name in ("bob", "eve", "joe"):
        signed_in_user(ada.app, name).send("PUT", "/users/ada/follow")
    first = anyone.get("/users/ada/followers?limit=2")
    assert [item["username"] for item in (first.json or {})["items"]] == ["joe", "eve"]
    cursor = (first.json or {})["next_cursor"]
    assert first.headers["Link"] == f'</users/ada/followers?limit=2&cursor={cursor}>; rel="next"'
    assert names(anyone, f"/users/ada/followers?limit=2&cursor={cursor}") == ["bob"]
