"""Many clients at once, on several workers: no update is lost, and nothing is done twice."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.servers import Server, sign_up

pytestmark = pytest.mark.heavy

CLIENTS, INCREMENTS = 8, 25
KEYS, DUPLICATES = 30, 10


class Answer(NamedTuple):
    status: int
    location: str | None
    etag: str | None
    body: bytes


class Journey(NamedTuple):
    server: Server
    headers: dict[str, str]

    def send(self, method: str, path: str, content: object = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {**self.headers, **named, "Content-Type": "application/json"}
        with closing(HTTPConnection("127.0.0.1", self.server.port, timeout=30)) as connection:
            connection.request(method, path, None if content is None else json.dumps(content), sent)
            response = connection.getresponse()
            return Answer(response.status, response.getheader("Location"), response.getheader("ETag"), response.read())

    def titles(self) -> list[str]:
        return [post["title"] for post in json.loads(self.send("GET", "/posts?limit=100").body)["items"]]


@pytest.fixture(params=["sqlite", "postgresql"])
def journey(request: pytest.FixtureRequest, serve: Callable[..., Server]) -> Iterator[Journey]:
    """Three workers on an empty database, and ada, who is signed in."""
    settings = {"WEB_CONCURRENCY": "3", "PRESSROOM_RATE_LIMITS": "off", "PRESSROOM_ACCESS_LOG": ""}
    if request.param == "postgresql":
        settings["PRESSROOM_DATABASE_URL"] = request.getfixturevalue("postgresql_url")
    server = serve(**settings)
    yield Journey(server, sign_up(server))
    assert "Traceback" not in server.log.read_text()


def test_no_update_is_lost(journey: Journey) -> None:
    post = json.loads(journey.send("POST", "/posts", {"title": "0", "body": "b"}).body)
    answers: list[int] = []

    def increment() -> None:
        status = 0
        while status != 200:
            read = journey.send("GET", post["url"])
            title = str(int(json.loads(read.body)["title"]) + 1)
            status = journey.send("PATCH", post["url"], {"title": title}, If_Match=str(read.etag)).status
            answers.append(status)

    with ThreadPoolExecutor(CLIENTS) as clients:
        for incremented in [clients.submit(increment) for _ in range(CLIENTS * INCREMENTS)]:
            incremented.result()
    assert set(answers) == {200, 412}
    assert answers.count(200) == CLIENTS * INCREMENTS
    assert journey.titles() == [str(CLIENTS * INCREMENTS)]


def test_what_is_sent_many_times_at_once_is_done_once(journey: Journey) -> None:
    def publish(key: int) -> Answer:
        return journey.send("POST", "/posts", {"title": str(key), "body": "b"}, Idempotency_Key=str(key))

    with ThreadPoolExecutor(DUPLICATES) as clients:
        answers = [*clients.map(publish, [key for key in range(KEYS) for _ in range(DUPLICATES)])]
    assert len(answers) == KEYS * DUPLICATES
    for key in range(KEYS):
        alike = set(answers[key * DUPLICATES : (key + 1) * DUPLICATES])
        assert len(alike) == 1
        assert alike.pop().status == 201
    assert sorted(journey.titles(), key=int) == [str(key) for key in range(KEYS)]


def test_who_repeats_until_there_is_an_answer_publishes_once_though_workers_are_killed(journey: Journey) -> None:
    stopped = threading.Event()

    def kill() -> None:
        while not stopped.wait(0.5):
            children = Path(f"/proc/{journey.server.process.pid}/task/{journey.server.process.pid}/children")
            os.kill(int(children.read_text().split()[0]), signal.SIGKILL)

    def publish(key: int) -> int:
        tries = 0
        while True:
            tries += 1
            try:
                content: Any = {"title": str(key), "body": "b"}
                answer = journey.send("POST", "/posts", content, Idempotency_Key=str(key))
            except (OSError, HTTPException):
                time.sleep(0.05)
            else:
                assert answer.status == 201
                return tries

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with ThreadPoolExecutor(8) as clients:
            tries = [*clients.map(publish, range(800))]
    finally:
        stopped.set()
        killer.join()
    assert sum(tries) > 800
    seen: list[str] = []
    path = "/posts?limit=100"
    while path:
        page = json.loads(journey.send("GET", path).body)
        seen += [post["title"] for post in page["items"]]
        path = page["next_cursor"] and f"/posts?limit=100&cursor={page['next_cursor']}"
    assert sorted(seen, key=int) == [str(key) for key in range(800)]


def test_a_username_is_given_to_one_of_many(journey: Journey) -> None:
    account = {"username": "bob", "password": "correct horse battery staple"}
    with ThreadPoolExecutor(10) as clients:
        answers = [*clients.map(lambda _: journey.send("POST", "/users", account).status, range(10))]
    assert sorted(answers) == [201] + [409] * 9
