"""Upgrades of a site that 0.1.0 has served, under load: clients wait, and all content is as it was."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.accounting import under_load
from tests.faults.load_generator import SERVER_ENVIRONMENT
from tests.support.clients import PASSWORD, basic_auth
from tests.support.corpus import CORPUS
from tests.support.http import send_request
from tests.support.paths import PROJECT_ROOT
from tests.support.postgresql import Cluster
from tests.support.socket_activation import SocketActivatedServer

pytestmark = pytest.mark.heavy

RELEASE = "e4a0569849"
"""The commit of 0.1.0."""
LAST_MIGRATION_WHILE_SERVING = "0015"
"""After which a server of 0.1.0 fails on PostgreSQL."""
RUN_COMMAND = """
try:
    from api.cli.main import cli
except ImportError:
    from api.cli import cli
cli()
"""
HOSTILE = "<script>alert(1)</script> '; DROP TABLE posts; -- \u202e \U0001f9f5"
POSTS: list[dict[str, Any]] = [
    {"title": "Notes on the engine", "body": "It computes Bernoulli numbers.", "tags": ["engines", "algebra"]},
    {"title": "A draft", "body": "Not yet.", "published_at": None},
    {"title": "Scheduled", "body": "Later.", "published_at": "2999-01-31T12:00:00Z"},
    {"title": "Old", "body": "Then.", "published_at": "1843-09-01T00:00:00.000001Z"},
    {"title": HOSTILE, "body": HOSTILE, "tags": ["a" * 49]},
    {"title": "Long", "body": "Ünïcode " * 20_000},
    {"title": "Removed", "body": "Soon gone."},
]


class Site:
    """A socket-activated server, whose code is a link that an upgrade changes."""

    def __init__(self, directory: Path, old_code: Path, database_url: str) -> None:
        self._code = directory / "code"
        self._code.symlink_to(old_code)
        self._environment = {**os.environ, **SERVER_ENVIRONMENT, "PRESSROOM_DATABASE_URL": database_url}
        self.run_command("db", "upgrade")
        self.server = SocketActivatedServer(
            directory, self._code, **SERVER_ENVIRONMENT, PRESSROOM_DATABASE_URL=database_url
        ).wait_until_ready()

    def run_command(self, *arguments: str | Path) -> None:
        """Run `pressroom` of the linked code."""
        command = [sys.executable, "-c", RUN_COMMAND, *map(str, arguments)]
        subprocess.run(command, cwd=self._code, env=self._environment, check=True, input=b"")

    @property
    def is_sqlite(self) -> bool:
        return self._environment["PRESSROOM_DATABASE_URL"].startswith("sqlite")

    def link_new_code(self) -> None:
        """Let the next command or start run the code of this repository."""
        self._code.unlink()
        self._code.symlink_to(PROJECT_ROOT)

    def send(self, method: str, path: str, content: object = None, **headers: str) -> Any:
        """Return the JSON of the response, None for 404."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        response = send_request(self.server.connect(), method, path, content, headers)
        assert response.status < 300 or response.status == 404, response.body
        return response.json if response.status in {200, 201} else None

    def sign_in(self, username: str) -> str:
        """Return `Authorization` with a new token."""
        return f"Bearer {self.send('POST', '/tokens', {}, **basic_auth(username))['token']}"

    def read_all(self, admin: str, last_id: int) -> dict[str, Any]:
        """Return all users and posts up to an id, by their paths."""
        paths = [f"/posts/{number}" for number in range(1, last_id + 1)]
        content = {path: self.send("GET", path, Authorization=admin) for path in paths}
        cursor: str | None = ""
        while cursor is not None:
            page = self.send("GET", f"/users?limit=100&cursor={cursor}" if cursor else "/users?limit=100")
            content |= {user["url"]: user for user in page["items"]}
            cursor = page["next_cursor"]
        return content


@pytest.fixture(scope="module")
def old_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of 0.1.0, which runs with today's libraries."""
    directory = tmp_path_factory.mktemp("0.1.0")
    archive = subprocess.run(["git", "archive", RELEASE], cwd=PROJECT_ROOT, capture_output=True, check=False)
    if archive.returncode:
        pytest.skip("the code of 0.1.0 is not in this copy: clone the repository with its history")
    subprocess.run(["tar", "--extract", f"--directory={directory}"], input=archive.stdout, check=True)
    return directory


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path: Path, old_code: Path) -> Iterator[Site]:
    """A site of 0.1.0 without content."""
    with ExitStack() as stack:
        database_url = f"sqlite:///{tmp_path / 'pressroom.sqlite'}"
        if request.param == "postgresql":
            cluster = stack.enter_context(Cluster.create(tmp_path / "postgresql"))
            cluster.query("CREATE DATABASE upgraded")
            database_url = cluster.url("upgraded")
        site = Site(tmp_path, old_code, database_url)
        yield site
        site.server.stop()


def fill(site: Site) -> tuple[dict[str, str], int]:
    """Publish as several users, import a real blog if there is one; return tokens by username, and the last id."""
    for username in ("ada", "bob", "carol"):
        site.send("POST", "/users", {"username": username, "password": PASSWORD})
    site.run_command("users", "promote", "carol")
    tokens = {username: site.sign_in(username) for username in ("ada", "bob", "carol")}
    change = {"display_name": f"Bob {HOSTILE}", "bio": HOSTILE}
    site.send("PATCH", "/users/bob", change, Authorization=tokens["bob"], If_Match="*")
    if CORPUS.exists():
        site.run_command("import", CORPUS)
    for username in ("ada", "bob"):
        for number, post in enumerate(POSTS):
            site.send("POST", "/posts", post, Authorization=tokens[username], Idempotency_Key=str(number))
    removed = site.send("POST", "/posts", POSTS[-1], Authorization=tokens["bob"])
    site.send("DELETE", removed["url"], Authorization=tokens["bob"], If_Match="*")
    return tokens, removed["id"]


def test_an_upgrade_from_0_1_0_under_load_keeps_all_content_and_fails_no_request(site: Site) -> None:
    """Clients wait while the server is stopped: the start migrates SQLite, and `ExecStartPre=` PostgreSQL.

    As in deploy/README.md, no client starts the new server before the migrations are done.
    """
    tokens, last_id = fill(site)
    before = site.read_all(tokens["carol"], last_id)
    loaded = (
        under_load("upgrade from 0.1.0 on SQLite", site.server)
        if site.is_sqlite
        else under_load("upgrade from 0.1.0 on PostgreSQL", site.server)
    )
    with loaded as load:
        site.link_new_code()
        if not site.is_sqlite:
            site.run_command("db", "upgrade", "--to", LAST_MIGRATION_WHILE_SERVING)
        with site.server.stopped():
            if not site.is_sqlite:
                site.run_command("db", "upgrade")
        site.server.wait_until_ready()
    assert not load.failures()
    site.run_command("db", "reindex")
    for title in [post.title for post in load.posts][:: len(load.posts) // 10]:
        assert title in {post["title"] for post in site.send("GET", f"/posts?q={title}&author=ada")["items"]}
    after = site.read_all(tokens["carol"], last_id)
    assert after.keys() == before.keys()
    for path, content in before.items():
        assert content == (after[path] and {name: after[path][name] for name in content or ()})
    for number, content in enumerate(POSTS):
        repeated = site.send("POST", "/posts", content, Authorization=tokens["bob"], Idempotency_Key=str(number))
        assert repeated["title"] == content["title"]
        assert repeated == after[repeated["url"]]
    assert site.send("GET", "/me", Authorization=site.sign_in("bob"))["bio"] == HOSTILE
    [found] = site.send("GET", "/posts?q=bernoulli&author=ada")["items"]
    assert found["title"] == "Notes on the engine"
    assert site.send("POST", "/posts", POSTS[0], Authorization=tokens["bob"])["id"] > last_id
