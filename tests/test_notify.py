"""`pressroom notify`: messages of changes, as a receiver with the library of Standard Webhooks gets them."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from api.cli import webhooks
from api.cli.main import cli
from api.cli.notify import Subscription
from api.http.application import Application
from api.settings import Settings
from tests.support.clients import Client, signed_in_user
from tests.support.notifications import SECRET, Notifier, Received, Receiver
from tests.support.waiting import wait_until

ADVICE = "write one such as https://search.example/hook, without a username."
POST = {"title": "t", "body": "b"}


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
    receiver.statuses = [500, 302]
    publish(ada, "first")
    wait_until(receiver.accepted)
    assert [message.status for message in receiver.received] == [500, 302, 204]
    assert len({message.id for message in receiver.received}) == 1
    assert f"{receiver.url}: status 500. Next attempt in 1 s.\n" in notifier.log.read_text()
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


def test_pauses_grow_to_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "send", lambda *_: "status 500")
    subscription = Subscription("http://127.0.0.1/", "posts", message=webhooks.Message("msg_1", b"{}"))
    pauses = []
    for _ in range(11):
        subscription.retry_at = 0
        pauses.append(subscription.pause)
        assert not subscription.deliver(bytes(32))
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


@pytest.mark.parametrize("secret", ["whsec_c2hvcnQ=", "whsec_%", "c2hvcnQ=", ""])
def test_invalid_secrets_are_rejected(secret: str) -> None:
    with pytest.raises(ValueError, match="Write `whsec_` and 24 to 64 random bytes in Base64"):
        webhooks.parse_secret(secret)


@pytest.mark.parametrize("url", ["ftp://hook.example/", "https://ada@hook.example/", "https://hook.example:port/", "/"])
def test_invalid_urls_are_rejected(app: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", app.settings.database_url)
    (file := tmp_path / "secret").write_text(f"{SECRET}\n")
    result = CliRunner().invoke(cli, ["notify", "--secret-file", str(file), "--state", str(tmp_path / "s"), url])
    assert (result.exit_code, result.stderr) == (1, f"Error: Invalid URL {url!r}: {ADVICE}\n")


def test_a_state_that_is_none_is_rejected(app: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", app.settings.database_url)
    (secret := tmp_path / "secret").write_text(SECRET)
    url = "http://127.0.0.1/"
    for text in ("no JSON", "[]", '{"http://127.0.0.1/": {"posts": "no token"}}'):
        (state := tmp_path / "s").write_text(text)
        result = CliRunner().invoke(cli, ["notify", "--secret-file", str(secret), "--state", str(state), url])
        assert (result.exit_code, result.stderr) == (
            1,
            f"Error: {state} is no state of `pressroom notify`. Remove it to start from now.\n",
        )
