"""The access log and the ids of requests."""

import errno
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from select import PIPE_BUF
from typing import Any
from urllib.parse import quote

import pytest

from api.http.access_log import QUEUE_MAX_LINES, AccessLog
from api.http.application import Application
from api.settings import InvalidSetting
from tests.support.clients import PASSWORD, Client, basic_auth, signed_in_user

ReadLog = Callable[[int], list[dict[str, Any]]]


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


@pytest.fixture
def app_with_log(build: Callable[..., Application], log_path: Path) -> Application:
    return build(access_log=str(log_path))


@pytest.fixture
def read_log(app_with_log: Application, log_path: Path) -> ReadLog:
    """Return a function that waits for a number of lines in the log, and returns them parsed."""

    def read(count: int) -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = []
        deadline = time.monotonic() + 60
        with log_path.open() as file:
            while len(records) < count and time.monotonic() < deadline:
                time.sleep(0.002)
                records += [json.loads(line) for line in file]
        return records

    return read


def test_each_request_is_a_log_record(app_with_log: Application, read_log: ReadLog) -> None:
    response = Client(app_with_log).get("/users/ada?x=1", headers={"User-Agent": "curl/8"})
    [record] = read_log(1)
    timestamp, milliseconds, request_id = record.pop("time"), record.pop("ms"), record.pop("id")
    assert timestamp.endswith("Z")
    assert 0 < milliseconds < 5_000
    assert request_id == response.headers["X-Request-ID"]
    assert record == {
        "address": "127.0.0.1",
        "user": None,
        "method": "GET",
        "path": "/users/ada",
        "route": "/users/<string:username>",
        "status": 422,
        "agent": "curl/8",
    }


def test_the_authenticated_user_is_logged(app_with_log: Application, read_log: ReadLog) -> None:
    ada = signed_in_user(app_with_log, "ada")
    ada.get("/me")
    Client(app_with_log).post("/tokens", headers=basic_auth("ada"))
    Client(app_with_log).post("/tokens", headers=basic_auth("ada", "wrong password"))
    ada.with_token("prt_wrong").get("/me")
    assert [(record["user"], record["status"]) for record in read_log(4)] == [
        ("ada", 200),
        ("ada", 201),
        (None, 401),
        (None, 401),
    ]


NOT_PRINTABLE = [
    *map(chr, range(1, 32)),
    *map(chr, range(0x7F, 0xA1)),
    *"\u200b\u200e\u2028\u2029\u202e\u2066\ufeff\U000e0041",
]


@pytest.mark.parametrize("character", NOT_PRINTABLE, ids=ascii)
def test_what_is_not_printable_is_escaped_in_the_log(
    app_with_log: Application, read_log: ReadLog, log_path: Path, character: str
) -> None:
    text = f"a{character}b"
    sent = text.encode().decode("latin-1")
    fields = {"User-Agent": sent, "X-Request-ID": sent, "Authorization": sent, "Host": "x"}
    environ = {
        "REMOTE_ADDR": sent,
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in fields.items()},
    }
    Client(app_with_log).send("GET", f"/users/{quote(text)}", environ_overrides=environ)
    [record] = read_log(1)
    assert (record["path"], record["agent"], record["address"]) == (f"/users/{text}", text, text)
    line = log_path.read_text()
    assert line.endswith("\n")
    assert line[:-1].isprintable()


def test_a_user_agent_is_decoded_from_utf_8(app_with_log: Application, read_log: ReadLog, log_path: Path) -> None:
    for agent in ("Café 🦊".encode(), b"curl\xff", b"plain"):
        Client(app_with_log).get("/", environ_overrides={"HTTP_USER_AGENT": agent.decode("latin-1")})
    assert [record["agent"] for record in read_log(3)] == ["Café 🦊", r"curl\xff", "plain"]
    assert "Café 🦊" in log_path.read_text()


def test_the_logged_address_is_without_port_and_brackets(
    build: Callable[..., Application], log_path: Path, read_log: ReadLog
) -> None:
    client = Client(build(access_log=str(log_path), trusted_proxies=1))
    for sent in ("10.0.0.7:4433", "[2001:db8::1]:443", "::ffff:10.0.0.7", "unknown"):
        client.get("/", headers={"X-Forwarded-For": sent})
    assert [record["address"] for record in read_log(4)] == ["10.0.0.7", "2001:db8::1", "10.0.0.7", "unknown"]


def test_clients_cannot_write_lines_into_the_error_log(
    app: Application, anyone: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_db: object, username: str) -> None:
        raise ZeroDivisionError(username)

    monkeypatch.setattr("api.store.users.get", fail)
    with caplog.at_level("ERROR", app.logger.name):
        assert anyone.get("/users/a%E2%80%A8%E2%80%AE").status_code == 500
        app.logger.error("%s", "DETAIL: a\nb\x1b[31m\x9b")
    assert r"Exception on /users/a\u2028\u202e [GET]" in caplog.text
    assert r"ZeroDivisionError: a\u2028\u202e" in caplog.text
    assert r"DETAIL: a\u000ab\u001b[31m\u009b" in caplog.text
    assert all(line.isprintable() for line in caplog.text.split("\n"))


def test_secrets_are_not_logged(app_with_log: Application, read_log: ReadLog, log_path: Path) -> None:
    ada = signed_in_user(app_with_log, "ada")
    Client(app_with_log).post("/users", {"username": "bob", "password": PASSWORD})
    Client(app_with_log).get(f"/posts?token={ada.token}")
    ada.post("/posts", {"title": "A title", "body": "A body"})
    read_log(3)
    assert not any(secret in log_path.read_text() for secret in (PASSWORD, ada.token, "A title", "A body"))


@pytest.mark.parametrize(
    ("sent", "adopted"),
    [
        ("0f1e2d3c-4b5a.6978_8796", True),
        ("a" * 64, True),
        *((each, False) for each in ("short-1", "a" * 65, "with space", "line\x0bfeed", "größe-und-art", "")),
    ],
)
def test_a_valid_request_id_is_adopted_and_any_other_replaced(anyone: Client, sent: str, adopted: bool) -> None:
    for path in ("/posts", "/nothing", "/docs/assets/index.css"):
        request_id = anyone.get(path, headers={"X-Request-ID": sent}).headers["X-Request-ID"]
        assert (request_id == sent) == adopted
        assert adopted or re.fullmatch("[0-9a-f]{32}", request_id)


def test_request_ids_are_unique(anyone: Client) -> None:
    assert len({anyone.get("/posts").headers["X-Request-ID"] for _ in range(100)}) == 100


def test_every_kind_of_response_is_logged(app_with_log: Application, read_log: ReadLog) -> None:
    anyone = Client(app_with_log)
    for method, path in (("GET", "/nothing"), ("GET", "/users%2F1"), ("PATCH", "/posts"), ("OPTIONS", "/posts")):
        anyone.send(method, path)
    anyone.get("/docs/assets/index.css")
    logged = [(record["path"], record["route"], record["status"]) for record in read_log(5)]
    assert logged == [
        ("/nothing", None, 404),
        ("/users/1", None, 404),
        ("/posts", None, 405),
        ("/posts", "/posts", 200),
        ("/docs/assets/index.css", "/docs/assets/<path:filename>", 200),
    ]


def test_requests_succeed_while_the_log_is_full(build: Callable[..., Application]) -> None:
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)), Path("/dev/full").open("wb", 0) as full:
        full.write(b"x")
    anyone = Client(build(access_log="/dev/full"))
    assert [anyone.get("/users").status_code for _ in range(3)] == [200] * 3
    log = AccessLog("/dev/full")
    log.write({"time": 0.0, "ms": 0.0})
    log.flush()


def test_a_log_without_a_reader_drops_its_oldest_lines(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    log = AccessLog(str(tmp_path / "pipe"))
    for number in range(3 * QUEUE_MAX_LINES):
        log.write({"time": 0.0, "ms": float(number)})
    assert len(log._queue) <= QUEUE_MAX_LINES
    os.close(reader)


def test_each_write_is_complete_lines_that_fit_into_a_pipe_buffer(tmp_path: Path) -> None:
    """So the lines of several processes do not mix (pipe(7))."""
    log = AccessLog(str(tmp_path / "log"))
    for number in range(1000):
        log.write({"time": 0.0, "ms": float(number), "path": "/" * (number % 100)})
    batches = list(log._batches())
    assert len(batches) > 10
    assert all(len(batch) <= PIPE_BUF and batch.endswith(b"\n") for batch in batches)
    assert [json.loads(line)["ms"] for batch in batches for line in batch.splitlines()] == list(range(1000))


def test_a_log_file_that_cannot_be_opened_is_an_invalid_setting(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match=r"Invalid PRESSROOM_ACCESS_LOG .*: No such file or directory"):
        AccessLog(str(tmp_path / "nowhere" / "log")).open()
