"""Concurrent clients on several workers: no update is lost, and no request is carried out twice."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple

import pytest

from tests.support.processes import child_pids
from tests.support.servers import Server, sign_in, sign_up

pytestmark = pytest.mark.heavy

CLIENTS, INCREMENTS = 8, 25
KEYS, DUPLICATES = 30, 10


class Response(NamedTuple):
    """A response that can be compared with others."""

    status: int
    location: str | None
    etag: str | None
    body: bytes


class Ada(NamedTuple):
    """A signed-in client that uses a new connection for each request, so that any worker may get it."""

    server: Server
    headers: dict[str, str]

    def send(self, method: str, path: str, content: object = None, **headers: str) -> Response:
        """Send a request; in names of header fields, `_` stands for `-`."""
        own = {name.replace("_", "-"): value for name, value in headers.items()}
        fields = {**self.headers, **own, "Content-Type": "application/json"}
        with closing(HTTPConnection("127.0.0.1", self.server.port, timeout=30)) as connection:
            connection.request(method, path, None if content is None else json.dumps(content), fields)
            response = connection.getresponse()
            location, etag = response.getheader("Location"), response.getheader("ETag")
            return Response(response.status, location, etag, response.read())

    def titles(self) -> list[str]:
        """Return the titles of the newest 100 posts."""
        return [post["title"] for post in json.loads(self.send("GET", "/posts?limit=100").body)["items"]]


@pytest.fixture(params=["sqlite", "postgresql"])
def ada(request: pytest.FixtureRequest, serve: Callable[..., Server]) -> Iterator[Ada]:
    """ada, on a server with three workers and an empty database."""
    environment = {"WEB_CONCURRENCY": "3", "PRESSROOM_RATE_LIMITS": "off", "PRESSROOM_ACCESS_LOG": ""}
    if request.param == "postgresql":
        environment["PRESSROOM_DATABASE_URL"] = request.getfixturevalue("postgresql_url")
    server = serve(**environment)
    yield Ada(server, sign_up(server))
    assert "Traceback" not in server.log.read_text()


@contextmanager
def workers_being_killed(ada: Ada, succeeded: list[int]) -> Iterator[None]:
    """Kill the server's oldest worker after each hundred requests that have succeeded, however fast they do."""
    stopped = threading.Event()

    def kill_workers() -> None:
        kills = 0
        while not stopped.wait(0.01):
            if len(succeeded) >= 100 * (kills + 1):
                os.kill(child_pids(ada.server.process.pid)[0], signal.SIGKILL)
                kills += 1

    killer = threading.Thread(target=kill_workers)
    killer.start()
    try:
        yield
    finally:
        stopped.set()
        killer.join()


def test_no_concurrent_update_is_lost(ada: Ada) -> None:
    post = json.loads(ada.send("POST", "/posts", {"title": "0", "body": "b"}).body)
    statuses: list[int] = []

    def increment() -> None:
        status = 0
        while status != 200:
            read = ada.send("GET", post["url"])
            title = str(int(json.loads(read.body)["title"]) + 1)
            status = ada.send("PATCH", post["url"], {"title": title}, If_Match=str(read.etag)).status
            statuses.append(status)

    with ThreadPoolExecutor(CLIENTS) as clients:
        for incremented in [clients.submit(increment) for _ in range(CLIENTS * INCREMENTS)]:
            incremented.result()
    assert set(statuses) == {200, 412}
    assert statuses.count(200) == CLIENTS * INCREMENTS
    assert ada.titles() == [str(CLIENTS * INCREMENTS)]


def test_concurrent_requests_with_one_idempotency_key_create_one_post(ada: Ada) -> None:
    def publish(key: int) -> Response:
        return ada.send("POST", "/posts", {"title": str(key), "body": "b"}, Idempotency_Key=str(key))

    with ThreadPoolExecutor(DUPLICATES) as clients:
        responses = [*clients.map(publish, [key for key in range(KEYS) for _ in range(DUPLICATES)])]
    assert len(responses) == KEYS * DUPLICATES
    for key in range(KEYS):
        distinct = set(responses[key * DUPLICATES : (key + 1) * DUPLICATES])
        assert len(distinct) == 1
        assert distinct.pop().status == 201
    assert sorted(ada.titles(), key=int) == [str(key) for key in range(KEYS)]


def test_retries_with_an_idempotency_key_create_one_post_though_workers_are_killed(ada: Ada) -> None:
    succeeded: list[int] = []

    def publish(key: int) -> int:
        attempts = 0
        while True:
            attempts += 1
            try:
                content: Any = {"title": str(key), "body": "b"}
                response = ada.send("POST", "/posts", content, Idempotency_Key=str(key))
            except (OSError, HTTPException):
                time.sleep(0.05)
            else:
                assert response.status == 201
                succeeded.append(key)
                return attempts

    with workers_being_killed(ada, succeeded), ThreadPoolExecutor(8) as clients:
        attempts = [*clients.map(publish, range(800))]
    assert sum(attempts) > 800
    titles: list[str] = []
    path = "/posts?limit=100"
    while path:
        page = json.loads(ada.send("GET", path).body)
        titles += [post["title"] for post in page["items"]]
        path = page["next_cursor"] and f"/posts?limit=100&cursor={page['next_cursor']}"
    assert sorted(titles, key=int) == [str(key) for key in range(800)]


def test_concurrent_puts_create_a_post_once(ada: Ada) -> None:
    def create(key: int) -> int:
        content = {"title": "t", "body": "b", "published_at": "2026-01-31T12:00:00Z"}
        return ada.send("PUT", f"/users/ada/posts/{key}", content, If_None_Match="*").status

    with ThreadPoolExecutor(CLIENTS) as clients:
        statuses = [*clients.map(create, [key for key in range(KEYS) for _ in range(CLIENTS)])]
    for key in range(KEYS):
        assert sorted(statuses[key * CLIENTS : (key + 1) * CLIENTS]) == [201] + [412] * (CLIENTS - 1)
    assert len(ada.titles()) == KEYS


def test_a_publisher_repeats_puts_though_workers_are_killed(ada: Ada) -> None:
    """After a lost response, a repeated creation is 412, since the post is there, and a repeated replacement is 200."""

    succeeded: list[int] = []

    def send(method: str, url: str, content: object = None, **headers: str) -> Response:
        while True:
            try:
                response = ada.send(method, url, content, **headers)
            except (OSError, HTTPException):
                time.sleep(0.05)
            else:
                succeeded.append(response.status)
                return response

    def publish(key: int) -> None:
        url, content = f"/users/ada/posts/{key}", {"title": "0", "body": "b", "published_at": "2026-01-31T12:00:00Z"}
        assert send("PUT", url, content, If_None_Match="*").status in {201, 412}
        response = send("GET", url)
        for version in range(1, 5):
            revision = json.loads(response.body)["revision"]
            response = send("PUT", url, {**content, "title": str(version)}, If_Match=f'"{revision}"')
            assert response.status == 200, response

    with workers_being_killed(ada, succeeded), ThreadPoolExecutor(8) as clients:
        for published in [clients.submit(publish, key) for key in range(80)]:
            published.result()
    assert ada.titles() == ["4"] * 80


def test_no_comment_follows_the_response_that_closes_a_post(ada: Ada) -> None:
    def count_comments() -> int:
        count, query = 0, ""
        while True:
            page = json.loads(ada.send("GET", f"/posts/1/comments?limit=100{query}").body)
            count += len(page["items"])
            if page["next_cursor"] is None:
                return count
            query = f"&cursor={page['next_cursor']}"

    closed, commented = threading.Event(), threading.Event()
    statuses: list[int] = []

    def write_comments() -> None:
        while not closed.is_set() or 409 not in statuses:
            statuses.append(ada.send("POST", "/posts/1/comments", {"body": "b"}).status)
            commented.set()

    assert ada.send("POST", "/posts", {"title": "t", "body": "b"}).status == 201
    with ThreadPoolExecutor(CLIENTS) as clients:
        writing = [clients.submit(write_comments) for _ in range(CLIENTS)]
        commented.wait()
        assert ada.send("PATCH", "/posts/1", {"comments": "closed"}, If_Match="*").status == 200
        count = count_comments()
        closed.set()
        for each in writing:
            each.result()
    assert set(statuses) == {201, 409}
    assert count_comments() == count == statuses.count(201)


def test_concurrent_registrations_give_a_username_once(ada: Ada) -> None:
    account = {"username": "bob", "password": "correct horse battery staple"}
    with ThreadPoolExecutor(10) as clients:
        statuses = [*clients.map(lambda _: ada.send("POST", "/users", account).status, range(10))]
    assert sorted(statuses) == [201] + [409] * 9


def test_posts_published_while_their_author_is_suspended_are_hidden(ada: Ada) -> None:
    """Clients of the author go on publishing until their token is revoked; an admin suspends, ends it, and suspends."""
    admin = ada._replace(headers=sign_up(ada.server, "root"))
    ada.server.run_command("users", "promote", "root")
    titles, statuses, url = [f"{number}" for number in range(CLIENTS)], list[int](), "/users/ada/suspension"

    def publish(title: str) -> None:
        while (status := ada.send("POST", "/posts", {"title": title, "body": "b", "tags": ["x"]}).status) == 201:
            statuses.append(status)
        statuses.append(status)

    for repetition in range(3):
        with ThreadPoolExecutor(CLIENTS) as clients:
            publishing = [clients.submit(publish, title) for title in titles]
            while statuses.count(201) < CLIENTS * (repetition + 1):
                time.sleep(0.01)
            assert [admin.send(method, url).status for method in ("PUT", "DELETE", "PUT")] == [204] * 3
            for published in publishing:
                published.result()
        for path in ("/posts", "/posts?author=ada", "/posts?tag=x"):
            assert ada.server.get_json(path)["items"] == []
        assert admin.send("DELETE", url).status == 204
        ada = ada._replace(headers=sign_in(ada.server))
    assert set(statuses) == {201, 401}
    cursor, shown = "", 0
    while cursor is not None:
        page = json.loads(admin.send("GET", f"/posts?limit=100{cursor and '&cursor='}{cursor}").body)
        cursor, shown = page["next_cursor"], shown + len(page["items"])
    assert shown == statuses.count(201)


def test_concurrent_follows_and_unfollows_end_as_the_last_request_says(ada: Ada) -> None:
    """Each client follows and unfollows one user of its own, and another one that all clients do."""
    names = [f"user-{number}" for number in range(CLIENTS + 1)]
    for name in names:
        ada.send("POST", "/users", {"username": name, "password": "correct horse battery staple"})
    shared = names.pop()
    statuses: list[int] = []

    def toggle(number: int) -> None:
        for repetition in range(INCREMENTS):
            for method in ("PUT", "DELETE", "PUT") if (repetition + number) % 2 else ("DELETE", "PUT", "DELETE"):
                statuses.extend(ada.send(method, f"/users/{name}/follow").status for name in (names[number], shared))

    with ThreadPoolExecutor(CLIENTS) as clients:
        for toggled in [clients.submit(toggle, number) for number in range(CLIENTS)]:
            toggled.result()
    assert set(statuses) == {204}
    items = json.loads(ada.send("GET", "/users/ada/following?limit=100").body)["items"]
    followed = {item["username"] for item in items}
    assert len(items) == len(followed)
    # A client's last repetition is number INCREMENTS - 1, which is even.
    assert followed - {shared} == {name for number, name in enumerate(names) if number % 2}
    for method, is_followed in (("PUT", True), ("DELETE", False)):
        ada.send(method, f"/users/{shared}/follow")
        items = json.loads(ada.send("GET", f"/users/{shared}/followers").body)["items"]
        assert [item["username"] for item in items] == ["ada"] * is_followed


def publish(ada: Ada, number: int) -> list[str]:
    """Publish posts, and return their URLs."""
    responses = [ada.send("POST", "/posts", {"title": "t", "body": "b"}) for _ in range(number)]
    return [str(response.location) for response in responses]


def likers(ada: Ada, url: str) -> list[str]:
    return [user["username"] for user in json.loads(ada.send("GET", f"{url}/likes").body)["items"]]


def test_concurrent_likes_of_a_post_are_one(ada: Ada) -> None:
    bob = Ada(ada.server, sign_up(ada.server, "bob"))
    urls = publish(ada, KEYS)
    etags = [ada.send("GET", url).etag for url in urls]
    for method, expected in (("PUT", ["bob"]), ("DELETE", [])):
        with ThreadPoolExecutor(CLIENTS) as clients:
            sent = [clients.submit(bob.send, method, f"{url}/like") for url in urls for _ in range(DUPLICATES)]
            assert {each.result().status for each in sent} == {204}
        assert [likers(ada, url) for url in urls] == [expected] * KEYS
        assert [ada.send("GET", url).etag for url in urls] == etags


def test_concurrent_likes_by_several_users_are_all_there(ada: Ada) -> None:
    users = [Ada(ada.server, sign_up(ada.server, f"user-{number}")) for number in range(CLIENTS)]
    urls = publish(ada, 5)
    with ThreadPoolExecutor(CLIENTS) as clients:
        sent = [clients.submit(user.send, "PUT", f"{url}/like") for url in urls for user in users for _ in range(2)]
        assert {each.result().status for each in sent} == {204}
    for url in urls:
        assert sorted(likers(ada, url)) == [f"user-{number}" for number in range(CLIENTS)]


def test_a_post_is_deleted_while_users_like_it(ada: Ada) -> None:
    users = [Ada(ada.server, sign_up(ada.server, f"user-{number}")) for number in range(CLIENTS)]
    for url in publish(ada, 5):
        with ThreadPoolExecutor(CLIENTS + 1) as clients:
            sent = [clients.submit(user.send, "PUT", f"{url}/like") for _ in range(DUPLICATES) for user in users]
            removed = clients.submit(ada.send, "DELETE", url, If_Match="*")
            assert {each.result().status for each in sent} <= {204, 404}
            assert removed.result().status == 204
        assert ada.send("GET", f"{url}/likes").status == 404
    assert [json.loads(ada.send("GET", f"/users/user-{n}/likes").body)["items"] for n in range(CLIENTS)] == [[]] * 8


def test_a_user_is_deleted_while_they_like_posts(ada: Ada) -> None:
    urls = publish(ada, KEYS)
    for _ in range(3):
        bob = Ada(ada.server, sign_up(ada.server, "bob"))
        with ThreadPoolExecutor(CLIENTS) as clients:
            sent = [clients.submit(bob.send, "PUT", f"{url}/like") for url in urls[:CLIENTS]]
            removed = clients.submit(bob.send, "DELETE", "/users/bob", If_Match="*")
            sent += [clients.submit(bob.send, "PUT", f"{url}/like") for url in urls[CLIENTS:]]
            assert {each.result().status for each in sent} <= {204, 401}
            assert removed.result().status == 204
        assert ada.send("GET", "/users/bob").status == 404
        assert [likers(ada, url) for url in urls] == [[]] * KEYS
