"""`pressroom notify`: messages of changes, as a receiver with the library of Standard Webhooks gets them."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from click.testing import CliRunner

from api.cli import webhooks
from api.cli.main import cli
from api.cli.subscriptions import PROBLEM_MAX_LENGTH, Subscription
from api.http.application import Application
from api.settings import Settings
from tests.support.clients import Client, signed_in_user
from tests.support.notifications import SECRET, Notifier, Received, Receiver, SlowReceiver
from tests.support.waiting import wait_until

ADVICE = "write one such as https://search.example/hook, without a username."
POST = {"title": "t", "body": "b"}
MESSAGE = webhooks.Message("msg_1", b"{}")


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, settings: Settings, build: Callable[..., Application]) -> Application:
    if request.param == "sqlite":
        return build()
    return build(database_url=request.getfixturevalue("postgresql_url"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def notifier(site: Application, receiver: Receiver, tmp_path: Path) -> Iterator[Notifier]:
    notifier = Notifier(site.settings.database_url, tmp_path, receiver.url)
    yield notifier
    if notifier.process.poll() is None:
        notifier.process.kill()
        notifier.process.wait()


def titles(client: Client, messages: list[Received]) -> set[str]:
    """Return the titles in the feed after each message."""
    found = set()
    for message in messages:
        page = client.get(message.path).json or {}
        found |= {item["post"]["title"] for item in page["items"] if item["post"]}
    return found


def publish(client: Client, title: str, **content: Any) -> None:
    assert client.post("/posts", {**POST, "title": title, **content}).status_code == 201


def test_each_change_is_reported_also_after_restarts(site: Application, receiver: Receiver, notifier: Notifier) -> None:
    ada = signed_in_user(site, "ada")
    publish(ada, "before the first start")
    notifier.start()
    publish(ada, "first")
    wait_until(lambda: "first" in titles(ada, receiver.accepted()))
    notifier.stop()
    publish(ada, "while it is stopped")
    notifier.start()
    wait_until(lambda: "while it is stopped" in titles(ada, receiver.accepted()))
    notifier.process.kill()
    notifier.process.wait()
    publish(ada, "after it was killed")
    notifier.start()
    wait_until(lambda: "after it was killed" in titles(ada, receiver.accepted()))
    assert "before the first start" not in titles(ada, receiver.accepted())
    signed_in_user(site, "bob")
    wait_until(lambda: receiver.accepted("users.changed"))
    [user] = (ada.get(receiver.accepted("users.changed")[-1].path).json or {})["items"]
    assert user["username"] == "bob"
    notifier.stop()
    assert notifier.log.read_text() == ""


def test_a_scheduled_post_is_reported_once_it_is_public(
    site: Application, receiver: Receiver, notifier: Notifier
) -> None:
    ada = signed_in_user(site, "ada")
    notifier.start()
    public_at = datetime.now(UTC) + timedelta(seconds=3)
    publish(ada, "scheduled", published_at=public_at.isoformat())
    publish(ada, "now")
    wait_until(lambda: "now" in titles(ada, receiver.accepted()))
    wait_until(lambda: "scheduled" in titles(ada, receiver.accepted()[-1:]))
    assert datetime.now(UTC) >= public_at
    notifier.stop()


def test_a_message_that_is_rejected_is_sent_again(site: Application, receiver: Receiver, notifier: Notifier) -> None:
    ada = signed_in_user(site, "ada")
    notifier.start()
    assert receiver.url.endswith("/hook?site=1")
    receiver.statuses = [500, 302]
    publish(ada, "first")
    wait_until(receiver.accepted)
    assert [message.status for message in receiver.received] == [500, 302, 204]
    assert len({message.id for message in receiver.received}) == 1
    origin = receiver.url.removesuffix("/hook?site=1")
    assert notifier.log.read_text().startswith(f"{origin}: status 500. Next attempt in 1 s.\n{origin}: status 302.")
    publish(ada, "second")
    wait_until(lambda: "second" in titles(ada, receiver.accepted()[1:]))
    notifier.stop()


def test_a_receiver_that_is_down_gets_all_later_and_delays_no_other(
    site: Application, receiver: Receiver, tmp_path: Path
) -> None:
    ada = signed_in_user(site, "ada")
    other = Receiver()
    other.stop()
    notifier = Notifier(site.settings.database_url, tmp_path, receiver.url, other.url).start()
    publish(ada, "first")
    wait_until(lambda: "first" in titles(ada, receiver.accepted()))
    notifier.stop()
    stored = json.loads(notifier.state.read_text())
    assert stored[receiver.url]["posts"] != stored[other.url]["posts"]


def test_a_token_of_another_database_makes_receivers_begin_again(
    site: Application, receiver: Receiver, notifier: Notifier
) -> None:
    ada = signed_in_user(site, "ada")
    publish(ada, "first")
    notifier.start().stop()
    stored = json.loads(notifier.state.read_text())
    with site.database.write() as db:
        db.execute_sql("UPDATE sync_epochs SET epoch = 'another'")
    notifier.start()
    wait_until(receiver.accepted)
    assert receiver.received[-1].since is None or receiver.accepted()[-1].since is None
    assert receiver.accepted()[-1].path == "/changes/posts"
    wait_until(lambda: json.loads(notifier.state.read_text()) != stored)
    notifier.stop()


def test_a_slow_receiver_delays_neither_the_others_nor_the_end(
    site: Application, receiver: Receiver, tmp_path: Path
) -> None:
    ada = signed_in_user(site, "ada")
    with SlowReceiver() as slow:
        notifier = Notifier(site.settings.database_url, tmp_path, slow.url, receiver.url).start()
        publish(ada, "first")
        wait_until(lambda: slow.connections)
        publish(ada, "second")
        wait_until(lambda: "second" in titles(ada, receiver.accepted()))
        notifier.process.terminate()
        # Sooner than an attempt ends.
        assert notifier.process.wait(webhooks.TIMEOUT_SECONDS - 1) == 0
    assert len(slow.connections) == 1
    assert notifier.log.read_text() == ""


def test_a_response_must_be_complete_at_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "TIMEOUT_SECONDS", 0.5)
    with SlowReceiver() as slow:
        begin = time.monotonic()
        assert webhooks.send(slow.url, bytes(32), MESSAGE) == "timed out"
        assert time.monotonic() - begin < slow.seconds


def test_a_url_that_is_missing_once_continues_at_its_place(
    site: Application, receiver: Receiver, notifier: Notifier, tmp_path: Path
) -> None:
    ada = signed_in_user(site, "ada")
    other = Receiver()
    try:
        both = Notifier(site.settings.database_url, tmp_path, receiver.url, other.url).start()
        wait_until(lambda: other.url in json.loads(both.state.read_text()))
        both.stop()
        notifier.start()
        publish(ada, "while one is missing")
        wait_until(lambda: "while one is missing" in titles(ada, receiver.accepted()))
        notifier.stop()
        both.start()
        wait_until(lambda: "while one is missing" in titles(ada, other.accepted()))
        both.stop()
    finally:
        other.stop()


def test_pauses_grow_to_five_minutes() -> None:
    subscription = Subscription("http://127.0.0.1/", "posts", message=MESSAGE)
    pauses = []
    for _ in range(11):
        pauses.append(subscription.pause)
        assert not subscription.finish("status 500")
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_a_problem_in_the_log_is_short_and_has_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    Subscription("https://hook.example/secret?t=secret", "posts").finish("\x1b[2J" + 60_000 * "a")
    shown = "\\x1b[2J" + (PROBLEM_MAX_LENGTH - 4) * "a"
    assert capsys.readouterr().err == f"https://hook.example: {shown}. Next attempt in 1 s.\n"


def test_an_attempt_that_fails_unexpectedly_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise IndexError

    monkeypatch.setattr(webhooks, "send", fail)
    subscription, results = Subscription("http://127.0.0.1/", "posts"), SimpleQueue[Any]()
    with pytest.raises(IndexError):
        subscription._send(bytes(32), MESSAGE, results)
    assert results.get_nowait() == (subscription, "internal error")


@pytest.mark.parametrize(("url", "port"), [("http://[2001:db8::7]/", 80), ("https://[2001:db8::7]/", 443)])
def test_an_ipv6_address_without_a_port_has_the_default_port(
    monkeypatch: pytest.MonkeyPatch, url: str, port: int
) -> None:
    addresses = []

    def record(*address: Any, **_: Any) -> Any:
        addresses.append(address[:2])
        raise OSError("not looked up")

    monkeypatch.setattr(socket, "getaddrinfo", record)
    assert webhooks.send(url, bytes(32), MESSAGE) == "not looked up"
    assert addresses == [("2001:db8::7", port)]


def test_a_name_that_cannot_be_looked_up_is_a_problem_of_its_receiver() -> None:
    assert "label" in (webhooks.send("http://hook..example/", bytes(32), MESSAGE) or "")


def invoke(app: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, secret: str = SECRET) -> str:
    """Run the command with what it rejects, and return its error."""
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", app.settings.database_url)
    (file := tmp_path / "secret").write_text(f"{secret}\n")
    result = CliRunner().invoke(cli, ["notify", "--secret-file", str(file), "--state", str(tmp_path / "s"), url])
    assert result.exit_code == 1
    return result.stderr


@pytest.mark.parametrize("secret", ["whsec_c2hvcnQ=", "whsec_%", "whsec_é", "c2hvcnQ=", ""])
def test_invalid_secrets_are_rejected(
    app: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    error = invoke(app, tmp_path, monkeypatch, "http://127.0.0.1/", secret)
    advice = "write `whsec_` and 24 to 64 random bytes in Base64."
    assert error == f"Error: Invalid secret in {tmp_path / 'secret'}: {advice}\n"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ftp://hook.example/", "ftp://hook.example/"),
        ("https://ada@hook.example/", "…@hook.example/"),
        ("https://bob:hunt/er2@hook.example/secret?t=secret", "…@hook.example/…"),
        ("bob:hunter2@hook.example", "…@hook.example"),
        ("https://hook.example:port/?t=secret", "https://hook.example:port/…"),
        ("http://hook..example/h", "http://hook..example/…"),
        (f"http://{64 * 'a'}.example", f"http://{64 * 'a'}.example"),
        ("/", "/"),
    ],
)
def test_invalid_urls_are_rejected_without_their_secrets(
    app: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, shown: str
) -> None:
    assert invoke(app, tmp_path, monkeypatch, url) == f"Error: Invalid URL {shown!r}: {ADVICE}\n"


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        "20000 brackets",
        '{"http://127.0.0.1/": {"posts": "no token"}}',
        '{"http://127.0.0.1/": {"posts": 5}}',
        json.dumps({"http://127.0.0.1/": {"posts": "!!!!" + 72 * "A"}}),
        json.dumps({"http://other.example/": {"posts": None}}),
    ],
)
def test_a_state_that_is_none_is_rejected(
    app: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "s").write_text(20_000 * "[" if text == "20000 brackets" else text)
    error = f"Error: {tmp_path / 's'} is no state of `pressroom notify`. Remove it to start from now.\n"
    assert invoke(app, tmp_path, monkeypatch, "http://127.0.0.1/") == error
