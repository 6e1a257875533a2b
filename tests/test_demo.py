"""`pressroom demo`: the same site each time."""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from api import demo
from api.app import create_app
from api.cli.main import cli
from api.http.application import Application
from api.json import JSONObject
from api.settings import Settings
from tests.support.clients import Client
from tests.support.servers import Server
from tests.support.sockets import free_port

Run = Callable[..., Result]


@pytest.fixture
def pressroom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty directory; `demo` sets the variable, which is restored here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", "sqlite:///other.sqlite")
    monkeypatch.setenv("PRESSROOM_BIND", f"127.0.0.1:{free_port()}")
    return lambda *arguments: CliRunner().invoke(cli, arguments)


@pytest.fixture
def site(pressroom: Run, tmp_path: Path) -> Iterator[Application]:
    """The application on the demo site."""
    assert pressroom("demo", "--no-serve").exit_code == 0
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path / 'demo.sqlite'}", access_log=""))
    with closing(app.database):
        yield app


def read_list(client: Client, url: str) -> list[dict[str, Any]]:
    items, cursor = list[dict[str, Any]](), ""
    while cursor is not None:
        page: Any = client.get(f"{url}{'&' if '?' in url else '?'}limit=100{cursor and f'&cursor={cursor}'}").json
        items, cursor = [*items, *page["items"]], page["next_cursor"]
    return items


def test_the_demo_is_the_same_each_time(pressroom: Run, tmp_path: Path) -> None:
    assert [*demo.records("hash")] == [*demo.records("hash")]
    exports = []
    for name in ("a.sqlite", "b.sqlite"):
        assert pressroom("demo", name, "--no-serve").exit_code == 0
        exports.append(pressroom("export").stdout)
    assert exports[0] == exports[1] != ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.sqlite", "b.sqlite"]


def test_the_demo_has_every_state(site: Application) -> None:
    anyone = Client(site)
    ada, root = (anyone.with_token(demo.token_of(username)) for username in ("ada", "root"))
    published = {post["id"]: post for post in read_list(anyone, "/posts?expand=html")}
    statuses = {
        post_id: (anyone.get(f"/posts/{post_id}").status_code, root.get(f"/posts/{post_id}").status_code)
        for post_id in range(1, demo.POSTS + 2)
    }
    drafts, hidden, removed = (2, 3, 9), (6,), (demo.REMOVED_POST_ID, demo.POSTS + 1)
    hidden_statuses = dict.fromkeys((*drafts, *hidden), (404, 200)) | dict.fromkeys(removed, (404, 404))
    assert statuses == dict.fromkeys(statuses, (200, 200)) | hidden_statuses
    assert published.keys() == statuses.keys() - hidden_statuses.keys()
    assert {post["comments"] for post in published.values()} == {"open", "closed"}
    assert "<script" not in published[5]["html"]
    assert len(read_list(anyone, "/posts/1/comments")) == 32
    assert [client.get("/comments/3").status_code for client in (anyone, root)] == [404, 200]
    assert [each["user"]["username"] for each in read_list(root, "/suspensions")] == ["spam"]
    assert [user["username"] for user in read_list(anyone, "/users/ada/following")] == ["mallory", "grace"]
    assert read_list(anyone, "/posts/1/likes")
    assert read_list(ada, "/timeline")
    assert anyone.get(f"/users/{demo.REMOVED_USERNAME}").status_code == 404


def test_tokens_of_the_demo_are_of_each_scope_and_one_has_expired(site: Application) -> None:
    reader = Client(site, "ada", demo.token_of("ada", scope="read"))
    assert reader.get("/me").status_code == 200
    assert reader.post("/posts", {"title": "t", "body": "b"}).status_code == 403
    assert Client(site, "bob", demo.token_of("bob")).get("/me").status_code == 401


def test_the_demo_rejects_a_file_that_no_database_url_can_name(pressroom: Run, tmp_path: Path) -> None:
    result = pressroom("demo", "a?b.sqlite")
    assert result.exit_code == 2
    assert "a?b.sqlite has a `?`, which no URL of a database can. Name another file." in result.stderr
    assert [*tmp_path.iterdir()] == []


def test_the_demo_leaves_a_file_that_exists_unchanged(pressroom: Run, tmp_path: Path) -> None:
    (tmp_path / "demo.sqlite").write_text("mine")
    result = pressroom("demo")
    assert result.exit_code == 2
    assert "demo.sqlite exists. Name another file, or serve it: PRESSROOM_DATABASE_URL=" in result.stderr
    assert (tmp_path / "demo.sqlite").read_text() == "mine"


def test_the_demo_leaves_a_link_and_a_file_that_another_process_makes_unchanged(
    pressroom: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link.sqlite").symlink_to("target.sqlite")
    assert "link.sqlite exists." in pressroom("demo", "link.sqlite", "--no-serve").stderr
    records = demo.records

    def records_and_a_file(password_hash: str) -> Iterator[JSONObject]:
        (tmp_path / "demo.sqlite").write_text("mine")
        yield from records(password_hash)

    monkeypatch.setattr(demo, "records", records_and_a_file)
    assert "demo.sqlite exists." in pressroom("demo", "--no-serve").stderr
    assert (tmp_path / "demo.sqlite").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo.sqlite", "link.sqlite"]


def test_the_demo_leaves_the_log_of_a_lost_database_unchanged(pressroom: Run, tmp_path: Path) -> None:
    (tmp_path / "demo.sqlite-wal").write_bytes(b"log")
    result = pressroom("demo", "demo.sqlite", "--no-serve")
    assert result.exit_code == 1
    assert "its write-ahead log" in result.stderr
    assert [path.name for path in tmp_path.glob("demo*")] == ["demo.sqlite-wal"]


def test_a_demo_that_cannot_be_completed_is_removed(
    pressroom: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "records", lambda _: [{"user": {"username": "?"}}])
    result = pressroom("demo")
    assert (result.exit_code, result.stderr.startswith("Error: Line 1: /user/username: ")) == (1, True)
    assert [*tmp_path.iterdir()] == []


def test_no_demo_is_made_if_its_address_is_in_use(
    pressroom: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bind = f"127.0.0.1:{listener.getsockname()[1]}"
        monkeypatch.setenv("PRESSROOM_BIND", bind)
        result = pressroom("demo")
        assert (result.exit_code, [*tmp_path.iterdir()]) == (1, [])
        assert result.stderr.startswith(f"Error: {bind} is in use. Stop the process that uses it")
        assert pressroom("demo", "--no-serve").exit_code == 0


@pytest.mark.parametrize("bind", ["0.0.0.0:8000", "[::]:8000", "demo.example:8000"])
def test_the_demo_is_not_served_to_other_machines(
    pressroom: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bind: str
) -> None:
    monkeypatch.setenv("PRESSROOM_BIND", bind)
    result = pressroom("demo")
    assert result.exit_code == 1
    assert f"Error: PRESSROOM_BIND {bind} may be reached from other machines" in result.stderr
    assert [*tmp_path.iterdir()] == []


@pytest.mark.heavy
def test_the_demo_is_served(tmp_path: Path) -> None:
    # Ignored, because it might be an address that other machines can reach.
    other = "--bind=127.0.0.1:1"
    server = Server(["api.cli", "demo", str(tmp_path / "demo.sqlite")], tmp_path, GUNICORN_CMD_ARGS=other)
    try:
        server.wait_until_ready()
        assert server.get_json("/posts/1")["slug"] == "notes-on-the-engine"
        assert demo.token_of("ada") in server.log.read_text()
    finally:
        status = server.stop()
    assert status == 0
