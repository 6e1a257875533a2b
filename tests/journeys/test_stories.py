"""The stories of RealWorld's blog, which many back ends implement, in this API over HTTP.

RealWorld's suite registers users, signs in, reads and changes the profile; publishes, lists, filters, changes and
deletes articles; comments, favourites and follows; reads the feed and the tags; and checks the errors of all of these.
Each is below. What it does and this API does not, with the reason:

- Sign in with an e-mail address, and change it, the username or an image in the profile. Users have no e-mail address,
  which would be personal data without a use here. A username is part of URLs and never changes. An image belongs to the
  site that shows it. The password has a URL of its own, because changing it takes the current one and revokes tokens.
- Generate the slug from the title, and another one when the title changes, which breaks links. A client chooses it.
- Give each article a `description`: that is a property of `metadata`, which clients define.
- Say in each article whether the reader likes it and how many users do, and in each profile whether the reader follows
  it. That would make the same URL another resource for each reader and change its ETag with each click, so that no
  cache could store it. There is a resource for each of these questions.
- Count all articles in each list, and page by number. The count reads the complete table, and a page by number may
  repeat or leave out articles that are published at the same time. Pages follow a cursor.
- Filter articles by tag and favourites, or the feed by tag, together with another filter than those in the API.
- Send the token as `Token …`, and wrap each object by its name (`{"article": …}`). The scheme is `Bearer` (RFC 6750).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.support.clients import PASSWORD, basic_auth
from tests.support.http import Response, send_request
from tests.support.servers import Server

pytestmark = pytest.mark.heavy


class Reader(NamedTuple):
    """A client of a server: a user who is signed in, or an anonymous one."""

    server: Server
    username: str = ""
    token: str = ""

    def send(self, method: str, path: str, content: object = None, **headers: str) -> Response:
        """Send a request; in names of header fields, `_` stands for `-`."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            fields["Authorization"] = f"Bearer {self.token}"
        return send_request(self.server.connect(), method, path, content, fields)

    def get(self, path: str) -> Any:
        """Return the JSON of a successful response."""
        response = self.send("GET", path)
        assert response.status == 200, (path, response.body)
        return response.json

    def change(self, method: str, path: str, content: object = None, **headers: str) -> Any:
        """Return the JSON of a successful response to a change; None if it has none."""
        response = self.send(method, path, content, **headers)
        assert response.status in {200, 201, 204}, (path, response.body)
        return response.json if response.body else None

    def error(self, method: str, path: str, content: object = None, **headers: str) -> tuple[int, str]:
        """Return the status and the code of the problem."""
        problem = self.send(method, path, content, **headers).json
        return problem["status"], problem["code"]

    def titles(self, path: str) -> list[str]:
        """Return the titles of the posts of a list."""
        return [post["title"] for post in self.get(path)["items"]]


def register(server: Server, username: str) -> Reader:
    """Register and sign in."""
    anyone = Reader(server)
    anyone.change("POST", "/users", {"username": username, "password": PASSWORD})
    return anyone._replace(
        username=username,
        token=anyone.change("POST", "/tokens", {"username": username, "password": PASSWORD})["token"],
    )


def publish(author: Reader, title: str, *tags: str) -> Any:
    return author.change("POST", "/posts", {"title": title, "body": f"About {title}.", "tags": tags})


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, serve: Callable[..., Server]) -> Server:
    environment = {"PRESSROOM_RATE_LIMITS": "off"}
    if request.param == "postgresql":
        environment["PRESSROOM_DATABASE_URL"] = request.getfixturevalue("postgresql_url")
    return serve(**environment)


def test_a_user_registers_signs_in_and_edits_the_profile(server: Server) -> None:
    ada, anyone = register(server, "ada"), Reader(server)
    assert ada.get("/me")["username"] == "ada"
    profile = ada.change("PATCH", "/users/ada", {"bio": "Writes.", "display_name": "Ada Lovelace"}, If_Match="*")
    assert (profile["bio"], anyone.get("/users/ada")["display_name"]) == ("Writes.", "Ada Lovelace")
    passwords = {"current_password": PASSWORD, "new_password": PASSWORD[::-1]}
    ada.change("PUT", "/me/password", passwords)
    again = anyone.change("POST", "/tokens", {"username": "ada", "password": PASSWORD[::-1]})
    assert ada._replace(token=again["token"]).get("/me")["bio"] == "Writes."

    account = {"username": "ada", "password": PASSWORD}
    assert anyone.error("POST", "/users", account) == (409, "username-taken")
    assert anyone.error("POST", "/tokens", account) == (403, "wrong-credentials")
    assert anyone.error("POST", "/tokens", {**account, "username": "eve"}) == (403, "wrong-credentials")
    assert anyone.error("POST", "/tokens", {}, **basic_auth("ada")) == (401, "unauthorized")
    assert anyone.error("POST", "/users", {"username": "eve"}) == (422, "unprocessable-content")
    assert anyone.error("POST", "/users", {"username": "", "password": ""}) == (422, "unprocessable-content")
    assert anyone.error("GET", "/me") == (401, "unauthorized")
    assert anyone._replace(token="x").error("GET", "/me") == (401, "unauthorized")
    assert anyone.error("PATCH", "/users/ada", {"bio": ""}, If_Match="*") == (401, "unauthorized")
    assert ada.error("PATCH", "/users/ada", {"bio": None}, If_Match="*") == (422, "unprocessable-content")


def test_an_author_publishes_finds_revises_and_deletes_posts(server: Server) -> None:
    ada, bob, anyone = register(server, "ada"), register(server, "bob"), Reader(server)
    for author, title, tag in ((ada, "Engines", "maths"), (bob, "Tables", "maths"), (ada, "Poems", "verse")):
        publish(author, title, tag)
    assert anyone.titles("/posts") == ["Poems", "Tables", "Engines"]
    assert anyone.titles("/posts?author=ada") == ["Poems", "Engines"]
    assert anyone.titles("/posts?tag=maths") == ["Tables", "Engines"]
    assert anyone.titles("/posts?author=ada&tag=maths") == ["Engines"]
    assert anyone.titles("/posts?author=eve") == anyone.titles("/posts?tag=none") == []
    assert [tag["tag"] for tag in anyone.get("/tags")["items"]] == ["maths", "verse"]
    first = anyone.get("/posts?limit=2")
    assert anyone.titles(f"/posts?limit=2&cursor={first['next_cursor']}") == ["Engines"]

    content = {"title": "Notes", "body": "b", "slug": "notes", "tags": ["z", "a"], "metadata": {"description": "d"}}
    post = ada.change("POST", "/posts", content)
    assert anyone.get("/users/ada/posts/notes") == anyone.get(post["url"]) == post
    assert (post["tags"], post["metadata"], post["author"]["username"]) == (["z", "a"], {"description": "d"}, "ada")
    revised = ada.change("PATCH", post["url"], {"body": "new"}, If_Match=f'"{post["revision"]}"')
    assert revised.items() >= {**content, "body": "new"}.items()
    assert ada.change("PATCH", post["url"], {"tags": []}, If_Match="*")["tags"] == []

    url = post["url"]
    assert ada.error("PATCH", url, {"title": ""}, If_Match="*") == (422, "unprocessable-content")
    assert ada.error("PATCH", url, {"tags": None}, If_Match="*") == (422, "unprocessable-content")
    assert ada.error("PATCH", url, {"title": "t"}, If_Match=f'"{post["revision"]}"') == (412, "precondition-failed")
    assert ada.error("POST", "/posts", {"title": "t"}) == (422, "unprocessable-content")
    assert ada.error("POST", "/posts", content) == (409, "slug-taken")
    for method, change in (("PATCH", {"title": "t"}), ("DELETE", None)):
        assert bob.error(method, url, change, If_Match="*") == (403, "forbidden")
        assert anyone.error(method, url, change, If_Match="*") == (401, "unauthorized")
        assert ada.error(method, "/posts/99", change, If_Match="*") == (404, "not-found")
    assert anyone.error("POST", "/posts", content) == (401, "unauthorized")
    ada.change("DELETE", url, If_Match="*")
    assert anyone.error("GET", url) == anyone.error("GET", "/users/ada/posts/notes") == (404, "not-found")


def test_readers_comment_on_a_post(server: Server) -> None:
    ada, bob, anyone = register(server, "ada"), register(server, "bob"), Reader(server)
    url = publish(ada, "Engines")["url"]
    assert anyone.get(f"{url}/comments")["items"] == []
    first, second = (bob.change("POST", f"{url}/comments", {"body": body}) for body in ("First.", "Second."))
    third = ada.change("POST", f"{url}/comments", {"body": "Thanks."})
    assert [comment["body"] for comment in anyone.get(f"{url}/comments")["items"]] == ["First.", "Second.", "Thanks."]
    assert (first["author"]["username"], anyone.get(first["url"])) == ("bob", first)
    bob.change("PATCH", second["url"], {"body": "Second, revised."}, If_Match="*")
    assert bob.error("DELETE", third["url"], If_Match="*") == (403, "forbidden")
    bob.change("DELETE", first["url"], If_Match="*")
    assert [comment["body"] for comment in anyone.get(f"{url}/comments")["items"]] == ["Second, revised.", "Thanks."]
    ada.change("DELETE", second["url"], If_Match="*")  # the author of the post may

    assert anyone.error("POST", f"{url}/comments", {"body": "b"}) == (401, "unauthorized")
    assert bob.error("POST", f"{url}/comments", {"body": ""}) == (422, "unprocessable-content")
    assert bob.error("POST", f"{url}/comments", {}) == (422, "unprocessable-content")
    for path in ("/posts/99/comments", "/comments/99", first["url"]):
        assert anyone.error("GET", path) == (404, "not-found")
    assert bob.error("POST", "/posts/99/comments", {"body": "b"}) == (404, "not-found")
    assert ada.error("DELETE", first["url"], If_Match="*") == (404, "not-found")


def test_readers_like_posts(server: Server) -> None:
    ada, bob, anyone = register(server, "ada"), register(server, "bob"), Reader(server)
    engines, poems = publish(ada, "Engines"), publish(ada, "Poems")
    assert bob.error("GET", f"{engines['url']}/like") == (404, "not-found")
    for post in (engines, poems, engines):
        bob.change("PUT", f"{post['url']}/like")
    assert bob.get(f"{engines['url']}/like")["post_id"] == engines["id"]
    assert anyone.titles("/users/bob/likes") == ["Poems", "Engines"]
    assert [user["username"] for user in anyone.get(f"{poems['url']}/likes")["items"]] == ["bob"]
    assert anyone.get(engines["url"]) == engines
    for _ in range(2):
        bob.change("DELETE", f"{poems['url']}/like")
    assert anyone.titles("/users/bob/likes") == ["Engines"]

    assert anyone.error("PUT", f"{poems['url']}/like") == (401, "unauthorized")
    assert bob.error("PUT", "/posts/99/like") == bob.error("DELETE", "/posts/99/like") == (404, "not-found")
    assert anyone.error("GET", "/users/eve/likes") == anyone.error("GET", "/posts/99/likes") == (404, "not-found")


def test_readers_follow_authors_and_read_their_posts(server: Server) -> None:
    ada, bob, eve = (register(server, name) for name in ("ada", "bob", "eve"))
    for author, title in ((ada, "Engines"), (eve, "Tables"), (ada, "Poems")):
        publish(author, title)
    assert bob.titles("/timeline") == []
    assert bob.error("GET", "/users/ada/follow") == (404, "not-found")
    for _ in range(2):
        bob.change("PUT", "/users/ada/follow")
    assert bob.titles("/timeline") == ["Poems", "Engines"]
    assert bob.get("/users/ada/follow")["username"] == "ada"
    assert [user["username"] for user in bob.get("/users/ada/followers")["items"]] == ["bob"]
    first = bob.get("/timeline?limit=1")
    assert bob.titles(f"/timeline?limit=1&cursor={first['next_cursor']}") == ["Engines"]
    bob.change("DELETE", "/users/ada/follow")
    assert bob.titles("/timeline") == []

    anyone = Reader(server)
    assert anyone.error("GET", "/timeline") == anyone.error("PUT", "/users/ada/follow") == (401, "unauthorized")
    assert bob.error("PUT", "/users/grace/follow") == anyone.error("GET", "/users/grace") == (404, "not-found")
    assert bob.error("PUT", "/users/bob/follow") == (409, "follows-oneself")
