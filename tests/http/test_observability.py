"""A line of JSON for each request."""

import errno
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from select import PIPE_BUF
from typing import Any

import pytest

from api.http.access_log import QUEUE_MAX_LINES, AccessLog
from api.http.application import Application
from api.settings import InvalidSetting
from tests.support.clients import PASSWORD, Client, basic, member


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


@pytest.fixture
def observed(build: Callable[..., Application], log: Path) -> Application:
    """An application that logs there."""
    return build(access_log=str(log))


@pytest.fixture
def lines(observed: Application, log: Path) -> Callable[[int], list[dict[str, Any]]]:
    """That many lines, as soon as they are there."""

    def read(count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + 10
        with log.open() as file:
            while len(found) < count and time.monotonic() < deadline:
                found += [json.loads(line) for line in file]
        return found

    return read


def test_a_request_is_a_line(observed: Application, lines: Callable[[int], list[dict[str, Any]]]) -> None:
    answered = Client(observed).get("/users/ada?x=1", headers={"User-Agent": "curl/8"})
    [line] = lines(1)
    moment, took, identity = line.pop("time"), line.pop("ms"), line.pop("id")
    assert moment.endswith("Z")
    assert 0 < took < 5_000
    assert identity == answered.headers["X-Request-ID"]
    assert line == {
        "address": "127.0.0.1",
        "user": None,
        "method": "GET",
        "path": "/users/ada",
        "route": "/users/<string:username>",
        "status": 422,
        "agent": "curl/8",
    }


def test_who_has_signed_in_is_named(observed: Application, lines: Callable[[int], list[dict[str, Any]]]) -> None:
    ada = member(observed, "ada")
    ada.get("/me")
    Client(observed).post("/tokens", headers=basic("ada"))
    Client(observed).post("/tokens", headers=basic("ada", "wrong password"))
    ada.with_token("prt_wrong").get("/me")
    assert [(line["user"], line["status"]) for line in lines(4)] == [
        ("ada", 200),
        ("ada", 201),
        (None, 401),
        (None, 401),
    ]


def test_secrets_are_not_told(observed: Application, lines: Callable[[int], list[dict[str, Any]]], log: Path) -> None:
    ada = member(observed, "ada")
    Client(observed).post("/users", {"username": "bob", "password": PASSWORD})
    Client(observed).get(f"/posts?token={ada.token}")
    ada.post("/posts", {"title": "A title", "body": "A body"})
    lines(3)
    assert not any(secret in log.read_text() for secret in (PASSWORD, ada.token, "A title", "A body"))


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ("0f1e2d3c-4b5a.6978_8796", True),
        ("a" * 64, True),
        *((each, False) for each in ("short-1", "a" * 65, "with space", "line\x0bfeed", "größe-und-art", "")),
    ],
)
def test_a_request_has_the_id_that_it_is_sent_with_if_it_is_a_sane_one(anyone: Client, sent: str, taken: bool) -> None:
    for path in ("/posts", "/nothing", "/docs/assets/index.css"):
        answered = anyone.get(path, headers={"X-Request-ID": sent}).headers["X-Request-ID"]
        assert (answered == sent) == taken
        assert taken or re.fullmatch("[0-9a-f]{32}", answered)


def test_no_two_requests_have_one_id(anyone: Client) -> None:
    assert len({anyone.get("/posts").headers["X-Request-ID"] for _ in range(100)}) == 100


def test_whatever_is_answered_is_told(observed: Application, lines: Callable[[int], list[dict[str, Any]]]) -> None:
    anyone = Client(observed)
    for method, path in (("GET", "/nothing"), ("GET", "/users%2F1"), ("PATCH", "/posts"), ("OPTIONS", "/posts")):
        anyone.send(method, path)
    anyone.get("/docs/assets/index.css")
    told = [(line["path"], line["route"], line["status"]) for line in lines(5)]
    assert told == [
        ("/nothing", None, 404),
        ("/users/1", None, 404),
        ("/posts", None, 405),
        ("/posts", "/posts", 200),
        ("/docs/assets/index.css", "/docs/assets/<path:filename>", 200),
    ]


def test_a_log_that_is_full_keeps_nobody_from_the_answer(build: Callable[..., Application]) -> None:
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)), Path("/dev/full").open("wb", 0) as full:
        full.write(b"x")
    anyone = Client(build(access_log="/dev/full"))
    assert [anyone.get("/users").status_code for _ in range(3)] == [200] * 3
    log = AccessLog("/dev/full")
    log.write({"time": 0.0, "ms": 0.0})
    log.flush()


def test_a_log_that_nobody_reads_drops_the_oldest_lines(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    log = AccessLog(str(tmp_path / "pipe"))
    for number in range(3 * QUEUE_MAX_LINES):
        log.write({"time": 0.0, "ms": float(number)})
    assert len(log._queue) <= QUEUE_MAX_LINES
    os.close(reader)


def test_lines_of_many_processes_do_not_mix(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "log"))
    for number in range(1000):
        log.write({"time": 0.0, "ms": float(number), "path": "/" * (number % 100)})
    batches = list(log._batches())
    assert len(batches) > 10
    assert all(len(batch) <= PIPE_BUF and batch.endswith(b"\n") for batch in batches)
    assert [json.loads(line)["ms"] for batch in batches for line in batch.splitlines()] == [
        number * 1000 for number in range(1000)
    ]


def test_a_file_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match=r"Invalid PRESSROOM_ACCESS_LOG .*: No such file or directory"):
        AccessLog(str(tmp_path / "nowhere" / "log")).open()
