"""The examples, run against a server whose posts change at the same time."""

import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.support.corpus import corpus_lines, needs_corpus
from tests.support.http import send_request
from tests.support.pages import console_session, matches
from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server, sign_up
from tests.support.sockets import free_port
from tests.support.tags import TAGS, as_typed
from tests.support.waiting import wait_until

EXAMPLES = PROJECT_ROOT / "examples"
NODE_MODULES = EXAMPLES / "eleventy" / "node_modules"
UNLIMITED = {"PRESSROOM_RATE_LIMITS": "off", "PRESSROOM_ACCESS_LOG": ""}

pytestmark = pytest.mark.heavy
needs_eleventy = pytest.mark.skipif(
    shutil.which("npm") is None or not NODE_MODULES.exists(),
    reason="the site needs Node 20 and its packages: npm ci --prefix examples/eleventy",
)


class Ada(NamedTuple):
    """A signed-in client."""

    server: Server
    headers: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def send(self, method: str, path: str, content: object = None) -> Any:
        """Send a request that must succeed, and return the JSON of the response, if there is any."""
        condition = {"If-Match": "*"} if method in {"PATCH", "DELETE"} else {}
        response = send_request(self.server.connect(), method, path, content, self.headers | condition)
        assert response.status < 300, response.body
        return response.json if response.body else None


@pytest.fixture
def ada(serve: Callable[..., Server]) -> Ada:
    server = serve(**UNLIMITED)
    return Ada(server, sign_up(server))


def listed(server: Server, path: str) -> dict[str, Any]:
    """Return all items of a list by URL, as an anonymous client reads them."""
    items: list[Any] = []
    page: dict[str, Any] = {"next_cursor": ""}
    while page["next_cursor"] is not None:
        page = server.get_json(f"{path}limit=100" + (page["next_cursor"] and f"&cursor={page['next_cursor']}"))
        items += page["items"]
    return {item["url"]: item for item in items}


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def edit_at_random(ada: Ada, seed: int, stop: threading.Event, restarting: threading.Lock) -> list[str]:
    """Publish, schedule, edit, unpublish and remove posts, and rename their author; return what was done."""
    chance = random.Random(seed)
    urls: list[str] = []
    done = []
    for step in count():
        if stop.wait(0.01):
            break
        with restarting:
            times = [in_seconds(-chance.randrange(10_000)), in_seconds(chance.random()), None]
            action = (
                chance.choice(["publish", "publish", "edit", "reschedule", "remove", "rename"]) if urls else "publish"
            )
            url = chance.choice(urls or [""])
            if action == "publish":
                tags = chance.sample(TAGS, 3)
                content = {"title": f"Post {step}", "body": "b" * chance.randrange(1, 2_000), "tags": tags}
                urls.append(ada.send("POST", "/posts", content | {"published_at": chance.choice(times)})["url"])
            elif action == "edit":
                ada.send("PATCH", url, {"title": f"Edited in step {step}"})
            elif action == "reschedule":
                ada.send("PATCH", url, {"published_at": chance.choice(times)})
            elif action == "remove":
                urls.remove(url)
                ada.send("DELETE", url)
            else:
                ada.send("PATCH", "/users/ada", {"display_name": f"Ada {step}"})
            done.append(action)
    return done


@contextmanager
def edited(ada: Ada, restarting: threading.Lock) -> Iterator[list[str]]:
    """Edit posts at random in another thread; the list has what was done, at the end."""
    stop = threading.Event()
    actions: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        edits = pool.submit(edit_at_random, ada, 1, stop, restarting)
        try:
            yield actions
        finally:
            stop.set()
        actions += edits.result()


# The mirror


def mirror_command(server: Server, file: Path, script: Path = EXAMPLES / "mirror" / "mirror.py") -> list[str]:
    return [sys.executable, str(script), f"http://127.0.0.1:{server.port}", str(file)]


def mirrored(file: Path, kind: str) -> dict[str, Any]:
    """Return the items in a mirror by URL."""
    with closing(sqlite3.connect(file)) as database:
        rows = database.execute("SELECT url, content FROM items WHERE kind = ?", [kind]).fetchall()
    return {url: json.loads(content) for url, content in rows}


def with_names_of_users(posts: dict[str, Any], users: dict[str, Any]) -> dict[str, Any]:
    """Return posts in which the authors have their current names."""
    return {
        url: {**post, "author": {**post["author"], "display_name": users[post["author"]["url"]]["display_name"]}}
        for url, post in posts.items()
    }


def assert_mirrors(file: Path, server: Server) -> None:
    users = mirrored(file, "user")
    assert users == listed(server, "/users?")
    assert with_names_of_users(mirrored(file, "post"), users) == listed(server, "/posts?expand=body&")


def test_the_mirror_has_40_lines_at_most() -> None:
    assert len((EXAMPLES / "mirror" / "mirror.py").read_text().splitlines()) <= 40


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_mirror_equals_the_lists_though_it_was_killed_and_the_server_restarted(
    database: str, request: pytest.FixtureRequest, serve: Callable[..., Server], tmp_path: Path
) -> None:
    environment = UNLIMITED | {"WEB_CONCURRENCY": "2"}
    if database == "postgresql":
        environment["PRESSROOM_DATABASE_URL"] = request.getfixturevalue("postgresql_url")
    server = serve(**environment)
    ada = Ada(server, sign_up(server))
    script = (EXAMPLES / "mirror" / "mirror.py").read_text()
    ignorant = tmp_path / "ignorant.py"
    # The control: a mirror that ignores what is no longer public.
    ignorant.write_text(script.replace('in page["items"]]', 'in filter(lambda item: item[kind], page["items"])]'))
    assert ignorant.read_text() != script
    file, wrong = tmp_path / "site.sqlite", tmp_path / "wrong.sqlite"
    restarting = threading.Lock()
    kills = 0
    with edited(ada, restarting) as actions:
        for run in range(14):
            with subprocess.Popen(mirror_command(server, file)) as process:
                try:
                    process.wait(0.03 * run if run % 2 else None)
                except subprocess.TimeoutExpired:
                    process.kill()
                    kills += 1
            subprocess.run(mirror_command(server, wrong, ignorant), check=True)
            if run == 7:
                with restarting:
                    server.stop()
                    server.start().wait_until_ready()
    time.sleep(1.5)  # the last scheduled posts become public
    subprocess.run(mirror_command(server, file), check=True)
    assert_mirrors(file, server)
    subprocess.run(mirror_command(server, wrong, ignorant), check=True)
    assert mirrored(wrong, "post").keys() > mirrored(file, "post").keys()
    assert kills > 0
    assert min(actions.count(action) for action in set(actions)) > 10


def test_a_mirror_starts_again_after_the_site_was_restored(ada: Ada, tmp_path: Path) -> None:
    file, saved = tmp_path / "site.sqlite", tmp_path / "saved.sqlite"
    environment = {**os.environ, "PRESSROOM_DATABASE_URL": ada.server.database_url}
    executable = Path(sys.executable).with_name("pressroom")
    old = ada.send("POST", "/posts", {"title": "Before the backup", "body": "b"})["url"]
    subprocess.run([executable, "backup", saved], env=environment, check=True)
    lost = [ada.send("POST", "/posts", {"title": "After the backup", "body": "b"})["url"] for _ in range(3)]
    subprocess.run(mirror_command(ada.server, file), check=True)
    assert mirrored(file, "post").keys() == {old, *lost}
    subprocess.run([executable, "restore", saved, "--yes"], env=environment, check=True)
    subprocess.run(mirror_command(ada.server, file), check=True)
    assert mirrored(file, "post").keys() == {old}
    assert_mirrors(file, ada.server)


def test_a_mirror_with_nothing_new_gets_304(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve()
    sign_up(server)
    for _ in range(3):
        subprocess.run(mirror_command(server, tmp_path / "site.sqlite"), check=True)
    server.stop()
    requests = [json.loads(line) for line in server.log.read_text().splitlines() if '"/changes/' in line]
    assert [request["status"] for request in requests[-2:]] == [304, 304]


def test_a_mirror_rejects_the_database_of_a_site(ada: Ada) -> None:
    file = Path(ada.server.database_url.removeprefix("sqlite:///"))
    result = subprocess.run(mirror_command(ada.server, file), capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (1, f"{file} is not a mirror: name another file.\n")
    with closing(sqlite3.connect(file)) as database:
        assert not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'items'").fetchone()


# The publisher


class Result(NamedTuple):
    status: int
    lines: list[str]
    problems: list[str]


def publish_command(ada: Ada, folder: Path, *options: str) -> list[str]:
    return [sys.executable, str(EXAMPLES / "publish" / "publish.py"), str(folder), "--url", ada.url, *options]


def with_token(ada: Ada) -> dict[str, str]:
    """Return the environment in which the publisher signs in."""
    return {**os.environ, "PUBLISH_TOKEN": ada.headers["Authorization"].removeprefix("Bearer ")}


def publish(ada: Ada, folder: Path, *options: str, status: int = 0) -> Result:
    """Run the publisher, which must exit with a status, and return what it reports."""
    command, environment = publish_command(ada, folder, *options), with_token(ada)
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == status, result.stdout + result.stderr
    return Result(result.returncode, result.stdout.splitlines(), result.stderr.splitlines())


def counts(**counted: int) -> str:
    kinds = ("created", "updated", "deleted", "unchanged", "conflict", "error")
    return ", ".join(f"{counted.get(kind, 0)} {kind}" for kind in kinds) + "."


def write_post(folder: Path, slug: str, body: str = "b", **properties: object) -> Path:
    """Write a Markdown file with front matter."""
    folder.mkdir(exist_ok=True)
    front_matter = {"title": slug.capitalize(), "published_at": datetime(2026, 1, 31, 12, tzinfo=UTC), **properties}
    path = folder / f"{slug}.md"
    path.write_text(f"---\n{yaml.safe_dump(front_matter, allow_unicode=True)}---\n\n{body}\n")
    return path


def by_slug(ada: Ada) -> dict[str, Any]:
    return {post["slug"]: post for post in ada.send("GET", "/posts?author=ada&expand=body&limit=100")["items"]}


def test_files_are_published_once_updated_and_deleted_on_request(ada: Ada, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    write_post(
        folder,
        "engine",
        "It *weaves*.",
        title="Ünïcode: a title",
        tags=[as_typed(tag) for tag in TAGS[:10]],
        metadata={"cover": "x"},
    )
    write_post(folder, "draft", "", published_at=None)
    other = ada.send("POST", "/posts", {"title": "From elsewhere", "body": "b", "slug": "elsewhere"})
    assert publish(ada, folder, "--dry-run").lines[-1] == f"Dry run, nothing is changed: {counts(created=2)}"
    assert by_slug(ada).keys() == {"elsewhere"}
    assert publish(ada, folder).lines == ["created draft.md", "created engine.md", counts(created=2)]
    first = by_slug(ada)
    engine = first["engine"]
    assert (engine["title"], engine["body"]) == ("Ünïcode: a title", "It *weaves*.")
    assert (engine["tags"], engine["metadata"]) == ([*TAGS[:10]], {"cover": "x"})
    assert engine["published_at"] == "2026-01-31T12:00:00Z"
    assert first["draft"]["published_at"] is None
    assert first["draft"]["body"] == ""
    assert publish(ada, folder).lines == [counts(unchanged=2)]
    assert by_slug(ada) == first

    write_post(folder, "engine", "It weaves *patterns*.", tags=TAGS[-1:])
    assert publish(ada, folder).lines[0] == "updated engine.md: title, body, tags, metadata"
    assert by_slug(ada)["draft"] == first["draft"]
    (folder / "engine.md").unlink()
    without = publish(ada, folder).lines
    assert without == [counts(unchanged=1), "Without a file: engine. --delete deletes their posts."]
    assert publish(ada, folder, "--delete", "--dry-run").lines[0] == "deleted engine.md"
    assert "engine" in by_slug(ada)
    assert publish(ada, folder, "--delete").lines == ["deleted engine.md", counts(deleted=1, unchanged=1)]
    assert by_slug(ada).keys() == {"draft", "elsewhere"}
    assert by_slug(ada)["elsewhere"]["revision"] == other["revision"]


def test_a_change_on_the_server_is_a_conflict_that_overwrite_resolves(ada: Ada, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    for slug in ("edited", "removed", "edited-alike", "deleted-file"):
        write_post(folder, slug)
    ada.send("POST", "/posts", {"title": "From elsewhere", "body": "b", "slug": "foreign"})
    publish(ada, folder)
    urls = {slug: post["url"] for slug, post in by_slug(ada).items()}
    for slug in ("edited", "edited-alike", "deleted-file"):
        ada.send("PATCH", urls[slug], {"body": "Edited on the server."})
    ada.send("DELETE", urls["removed"])
    write_post(folder, "edited-alike", "Edited on the server.")
    write_post(folder, "edited", "Edited here.")
    write_post(folder, "foreign", "Never published from here.")
    (folder / "deleted-file.md").unlink()
    before = by_slug(ada)
    for options in (["--delete"], ["--delete", "--dry-run"]):
        result = publish(ada, folder, *options, status=1)
        assert result.lines[-1].endswith(counts(unchanged=1, conflict=4))
        assert [line.partition(":")[0] for line in result.problems] == [
            f"conflict {slug}.md" for slug in ("deleted-file", "edited", "foreign", "removed")
        ]
        assert by_slug(ada) == before
    result = publish(ada, folder, "--delete", "--overwrite")
    assert result.lines[-1] == counts(created=1, updated=2, deleted=1, unchanged=1)
    after = by_slug(ada)
    assert after.keys() == {"edited", "edited-alike", "foreign", "removed"}
    assert after["edited"]["body"] == "Edited here."
    # A post of other origin is published from here now, but is never deleted.
    (folder / "foreign.md").unlink()
    result = publish(ada, folder, "--delete")
    assert result.lines[0].startswith("skipped foreign.md: ")
    assert by_slug(ada) == after


def test_comments_that_were_closed_on_the_server_stay_closed(ada: Ada, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    write_post(folder, "engine")
    publish(ada, folder)
    ada.send("PATCH", by_slug(ada)["engine"]["url"], {"comments": "closed"})
    assert publish(ada, folder).lines == [counts(unchanged=1)]
    write_post(folder, "engine", "Edited.")
    assert publish(ada, folder).lines[0] == "updated engine.md: body"
    assert (by_slug(ada)["engine"]["body"], by_slug(ada)["engine"]["comments"]) == ("Edited.", "closed")
    ada.send("PATCH", by_slug(ada)["engine"]["url"], {"body": "Edited on the server."})
    publish(ada, folder, "--overwrite")
    assert (by_slug(ada)["engine"]["body"], by_slug(ada)["engine"]["comments"]) == ("Edited.", "closed")


def test_a_post_that_another_client_published_in_its_place_is_never_deleted(ada: Ada, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    write_post(folder, "other")
    path = write_post(folder, "taken")
    publish(ada, folder)
    ada.send("DELETE", by_slug(ada)["taken"]["url"])
    ada.send("POST", "/posts", {"title": "From elsewhere", "body": "b", "slug": "taken"})
    assert publish(ada, folder, status=1).lines[-1] == counts(unchanged=1, conflict=1)
    publish(ada, folder, "--overwrite")
    path.unlink()
    assert publish(ada, folder, "--delete", "--overwrite").lines[0].startswith("skipped taken.md: ")
    assert by_slug(ada).keys() == {"other", "taken"}


def test_a_lost_state_file_overwrites_and_deletes_nothing(ada: Ada, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    for slug in ("same", "changed", "gone"):
        write_post(folder, slug)
    publish(ada, folder)
    before = by_slug(ada)
    (folder / ".pressroom.json").unlink()
    write_post(folder, "changed", "Changed.")
    (folder / "gone.md").unlink()
    assert publish(ada, folder, "--delete", status=1).lines == [counts(unchanged=1, conflict=1)]
    assert by_slug(ada) == before


INVALID = {
    "no-front-matter": "# Title",
    "unclosed": "---\ntitle: t\n",
    "no-time": "---\ntitle: t\n---\nb",
    "no-title": "---\npublished_at: null\n---\nb",
    "no-zone": "---\ntitle: t\npublished_at: 2026-01-31 12:00:00\n---\nb",
    "no-such-day": "---\ntitle: t\npublished_at: 2026-02-30\n---\nb",
    "unknown": "---\ntitle: t\ndate: 2026-01-31\npublished_at: null\n---\nb",
    "not-yaml": "---\ntitle: [\n---\nb",
    "unsafe": "---\ntitle: !!python/object/apply:os.getpid []\npublished_at: null\n---\nb",
    "tags-text": "---\ntitle: t\npublished_at: null\ntags: a, b\n---\nb",
    "too-long": f"---\ntitle: {'t' * 201}\npublished_at: null\n---\nb",
    "number": "---\ntitle: 2026\npublished_at: null\n---\nb",
    "yes": "---\ntitle: yes\npublished_at: null\n---\nb",
    "number-tag": "---\ntitle: t\npublished_at: null\ntags: [2026]\n---\nb",
    "list": "---\n- title\n---\nb",
    "nested": "---\ntitle: " + "[" * 5_000 + "\n---\nb",
    "cycle": "---\ntitle: &a [*a]\npublished_at: null\n---\nb",
    "surrogate": '---\ntitle: "\\ud800"\npublished_at: null\n---\nb',
    "Not A Slug": "---\ntitle: t\npublished_at: null\n---\nb",
    "double--hyphen": "---\ntitle: t\npublished_at: null\n---\nb",
}


def test_an_invalid_file_is_reported_and_the_others_are_published(ada: Ada, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    write_post(folder, "valid")
    write_post(folder, "same-name")
    write_post(folder / "more", "same-name")
    for name, text in INVALID.items():
        (folder / f"{name}.md").write_text(text)
    (folder / "latin-1.md").write_bytes(b"---\ntitle: \xe9\npublished_at: null\n---\n")
    result = publish(ada, folder, status=1)
    assert result.lines == ["created valid.md", counts(created=1, error=len(INVALID) + 3)]
    reported = {line.partition(":")[0] for line in result.problems}
    assert reported == {f"error {name}.md" for name in (*INVALID, "latin-1", "same-name", "more/same-name")}
    assert {
        "error no-time.md: Missing property published_at (null for a draft).",
        "error number.md: Invalid title: YAML reads 2026, not text. Put the title in quotes.",
        "error number-tag.md: Invalid tags: YAML reads 2026, not text. Put the tag in quotes.",
    } <= {*result.problems}
    assert by_slug(ada).keys() == {"valid"}
    # A file that has become invalid is still a file: its post is not deleted.
    (folder / "valid.md").write_text("Oops.")
    publish(ada, folder, "--delete", status=1)
    assert by_slug(ada).keys() == {"valid"}


def test_what_concerns_all_files_ends_the_run(ada: Ada, serve: Callable[..., Server], tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    assert publish(ada, folder, "--delete", status=2).problems[-1].endswith(f"{folder} has no files *.md")
    write_post(folder, "valid")
    invalid = ada._replace(headers={"Authorization": "Bearer prt_x"})
    assert "401" in publish(invalid, folder, status=2).problems[-1]
    missing = ada._replace(headers={"Authorization": "Bearer "})
    assert "set PUBLISH_TOKEN to a token" in publish(missing, folder, status=2).problems[-1]
    secret = ada._replace(headers={"Authorization": "Bearer prt_\xe9secret"})
    assert "secret" not in "".join(publish(secret, folder, status=2).problems)
    newline = ada._replace(headers={"Authorization": ada.headers["Authorization"] + "\n"})
    assert publish(newline, folder).lines[-1] == counts(created=1)
    assert "403" in publish(ada, folder, "--username", "bob", status=2).problems[-1]
    (folder / ".pressroom.json").write_text("{")
    assert "Restore or remove it." in publish(ada, folder, status=2).problems[-1]


def test_a_quota_is_an_error_and_a_busy_database_delays_the_run(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve(PRESSROOM_POSTS_PER_DAY="3")
    ada = Ada(server, sign_up(server))
    folder = tmp_path / "notes"
    for number in range(5):
        write_post(folder, f"post-{number}")
    result = publish(ada, folder, status=1)
    assert result.lines[-1] == counts(created=3, error=2)
    assert "Retry-After: " in result.problems[-1]
    for path in sorted(folder.glob("*.md")):
        if path.stem not in by_slug(ada):
            path.unlink()
    changed = min(by_slug(ada))
    write_post(folder, changed, "Changed.")
    with closing(sqlite3.connect(server.database_url.removeprefix("sqlite:///"), check_same_thread=False)) as database:
        database.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(1) as publishers:
            published = publishers.submit(publish, ada, folder)
            wait_until(lambda: '"status":503' in server.log.read_text())
            database.rollback()
            assert published.result().lines == [f"updated {changed}.md: body", counts(updated=1, unchanged=2)]


@pytest.mark.nightly
def test_the_rate_limit_of_writes_delays_the_run(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve()
    ada = Ada(server, sign_up(server))
    folder = tmp_path / "notes"
    for number in range(310):
        write_post(folder, f"post-{number}")
    assert publish(ada, folder).lines[-1] == counts(created=310)
    assert '"status":429' in server.log.read_text()


class _LostResponse(BaseHTTPRequestHandler):
    """A proxy that sends each request to the server, and responds 500 to the first PUT."""

    server_port: int
    lost = 0

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with closing(HTTPConnection("127.0.0.1", self.server_port)) as connection:
            connection.request(self.command, self.path, body, dict(self.headers))
            response = connection.getresponse()
            content = response.read()
        is_lost = self.command == "PUT" and not type(self).lost
        type(self).lost += is_lost
        self.send_response(500 if is_lost else response.status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"{}" if is_lost else content)

    do_PUT = do_DELETE = do_GET  # noqa: N815 (names of the base class)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (the base class's name)
        """Log nothing."""


def test_a_post_is_deleted_though_the_response_to_its_creation_was_an_error(ada: Ada, tmp_path: Path) -> None:
    path = write_post(tmp_path / "notes", "note")
    handler = type("Handler", (_LostResponse,), {"server_port": ada.server.port})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            through_proxy = ("--url", f"http://127.0.0.1:{proxy.server_port}")
            publish(ada, path.parent, *through_proxy, status=1)
            assert by_slug(ada).keys() == {"note"}
            write_post(path.parent, "other")
            assert publish(ada, path.parent, *through_proxy).lines[-1] == counts(created=1, unchanged=1)
            path.unlink()
            deleted = publish(ada, path.parent, *through_proxy, "--delete")
            assert deleted.lines[-1] == counts(deleted=1, unchanged=1)
        finally:
            proxy.shutdown()
            thread.join()


def test_an_interrupted_run_is_completed_by_the_next(ada: Ada, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    for number in range(200):
        write_post(folder, f"post-{number}")
    with subprocess.Popen(publish_command(ada, folder), env=with_token(ada)) as process:
        while not ada.send("GET", "/posts?author=ada")["items"]:
            pass
        process.kill()
    result = publish(ada, folder)
    created = int(result.lines[-1].split()[0])
    assert 0 < created < 200
    assert result.lines[-1] == counts(created=created, unchanged=200 - created)
    assert len(listed(ada.server, "/posts?")) == 200
    for path in list(folder.glob("*.md"))[1:]:
        path.unlink()
    assert publish(ada, folder, "--delete").lines[-1] == counts(deleted=199, unchanged=1)


# The static site


class Site:
    """A copy of the Eleventy example, which is built from a server."""

    def __init__(self, directory: Path, server: Server) -> None:
        self.directory = directory / "eleventy"
        ignored = shutil.ignore_patterns("node_modules", "_site", ".cache")
        shutil.copytree(EXAMPLES / "eleventy", self.directory, ignore=ignored)
        (self.directory / "node_modules").symlink_to(NODE_MODULES)
        # The slash is allowed, but not needed.
        self.environment = {**os.environ, "API_URL": f"http://127.0.0.1:{server.port}/"}
        self.written: dict[str, int] = {}

    def build(self) -> set[str]:
        """Build the site; return the pages that were written, and those that were removed with a minus sign."""
        result = self.run()
        assert result.returncode == 0, result.stdout + result.stderr
        pages = self.directory.joinpath("_site").rglob("*")
        now = {self._url(page): page.stat().st_mtime_ns for page in pages if page.is_file()}
        changed = {url for url, time in now.items() if self.written.get(url) != time}
        removed = {f"-{url}" for url in self.written.keys() - now.keys()}
        self.written = now
        return changed | removed

    def run(self) -> subprocess.CompletedProcess[str]:
        command = ["npm", "run", "build"]
        return subprocess.run(
            command, cwd=self.directory, env=self.environment, capture_output=True, text=True, check=False
        )

    def read(self, url: str) -> str:
        return (self.directory / "_site" / url.strip("/") / "index.html").read_text()

    def _url(self, page: Path) -> str:
        assert page.name == "index.html"
        return f"/{page.relative_to(self.directory / '_site').parent}/".replace("/./", "/")


@needs_eleventy
def test_a_build_writes_the_pages_that_show_something_else(ada: Ada, tmp_path: Path) -> None:
    a, b, c = TAGS[1:4]
    site = Site(tmp_path, ada.server)
    assert site.build() == {"/"}  # an empty site
    engine = ada.send("POST", "/posts", {"title": "Engine", "body": "b", "slug": "engine", "tags": [a, c]})["url"]
    plain = ada.send("POST", "/posts", {"title": "Plain", "body": "b", "tags": [b]})["url"]
    later = ada.send("POST", "/posts", {"title": "L", "body": "b", "slug": "later", "published_at": in_seconds(3_600)})
    assert site.build() == {"/", "/ada/engine/", f"{plain}/", f"/tags/{a}/", f"/tags/{c}/", f"/tags/{b}/"}
    assert site.build() == set()

    def after(url: str, changes: object) -> set[str]:
        ada.send("PATCH", url, changes)
        return site.build()

    assert after(engine, {"body": "*Edited*"}) == {"/ada/engine/"}
    assert "<em>Edited</em>" in site.read("/ada/engine/")
    assert after(engine, {"metadata": {"cover": "x"}}) == set()
    assert after(engine, {"title": "Title"}) == {"/", "/ada/engine/", f"/tags/{a}/", f"/tags/{c}/"}
    assert after(engine, {"tags": [a, b]}) == {"/ada/engine/", f"-/tags/{c}/", f"/tags/{b}/"}
    assert after(engine, {"slug": "machine"}) == {"/", f"/tags/{a}/", f"/tags/{b}/", "/ada/machine/", "-/ada/engine/"}
    assert after(plain, {"published_at": in_seconds(3_600)}) == {"/", f"/tags/{b}/", f"-{plain}/"}
    assert after(plain, {"published_at": in_seconds(-60)}) == {"/", f"/tags/{b}/", f"{plain}/"}
    assert after(later["url"], {"published_at": in_seconds(1)}) - {"/", "/ada/later/"} == set()
    time.sleep(1.1)
    site.build()
    assert "L" in site.read("/ada/later/")
    assert after("/users/ada", {"display_name": "A. L."}) == site.written.keys()
    assert "A. L." in site.read(f"{plain}/")
    ada.send("DELETE", plain)
    assert site.build() == {"/", f"-{plain}/", f"/tags/{b}/"}
    template = site.directory / "site" / "post.njk"
    template.write_text(template.read_text().replace("<article>", "<main>"))
    assert site.build() == site.written.keys()
    (site.directory / "_site" / "ada" / "later" / "index.html").unlink()
    assert site.build() == {"/ada/later/"}


@needs_eleventy
def test_a_page_of_an_interrupted_build_is_removed_with_its_post(ada: Ada, tmp_path: Path) -> None:
    site = Site(tmp_path, ada.server)
    other = ada.send("POST", "/posts", {"title": "First", "body": "b", "slug": "other"})["url"]
    site.build()
    ada.send("PATCH", other, {"title": "Second"})
    post = ada.send("POST", "/posts", {"title": "Engine", "body": "b", "slug": "engine"})["url"]
    configuration = site.directory / "eleventy.config.js"
    complete = configuration.read_text()
    event = 'config.on("eleventy.after", async () => {'
    assert event in complete
    configuration.write_text(complete.replace(event, f'{event} process.kill(process.pid, "SIGKILL");'))
    assert site.run().returncode != 0
    assert "Engine" in site.read("/ada/engine/")
    assert "Second" in site.read("/ada/other/")
    ada.send("PATCH", other, {"title": "First"})
    configuration.write_text(complete)
    ada.send("DELETE", post)
    site.build()
    assert not (site.directory / "_site" / "ada" / "engine").exists()
    assert "Second" not in site.read("/ada/other/")


HOSTILE = '</title><script>alert(1)</script> "q" & {{ 7*7 }} {% raw %} <%= 7*7 %>'


@needs_eleventy
def test_a_build_without_a_server_fails_and_names_its_url(ada: Ada, tmp_path: Path) -> None:
    site = Site(tmp_path, ada.server)
    site.environment["API_URL"] = api_url = f"http://127.0.0.1:{free_port()}"
    result = site.run()
    assert result.returncode != 0
    assert f"No response from {api_url}/changes/posts?limit=100&expand=body: ECONNREFUSED" in result.stderr


@needs_eleventy
def test_hostile_posts_are_text(ada: Ada, tmp_path: Path) -> None:
    body = f"{HOSTILE}\n\n[x](javascript:alert(1)) <b onclick=x>\n\n![x](data:text/html,x)\n\n---\nlayout: none\n---\n"
    ada.send("PATCH", "/users/ada", {"display_name": "<script>alert(2)</script>"})
    ada.send("POST", "/posts", {"title": HOSTILE, "body": body, "slug": "hostile", "tags": ["constructor"]})
    site = Site(tmp_path, ada.server)
    assert site.build() == {"/", "/ada/hostile/", "/tags/constructor/"}
    for url in site.written:
        page = site.read(url)
        assert (
            re.findall(r"<script|onclick=x>|href=.javascript|src=.data", page.replace("&lt;b onclick=x&gt;", "")) == []
        )
        assert "49" not in page
        assert "{{ 7*7 }}" in page or url == "/tags/constructor/"


@needs_eleventy
def test_authors_cannot_overwrite_pages_of_others(ada: Ada, serve: Callable[..., Server], tmp_path: Path) -> None:
    number = ada.send("POST", "/posts", {"title": "By number", "body": "b", "tags": ["a"]})["id"]
    for username, slug in (("posts", str(number)), ("tags", "a")):
        author = Ada(ada.server, sign_up(ada.server, username))
        author.send("POST", "/posts", {"title": "Hidden", "body": "b", "slug": slug})
    site = Site(tmp_path, ada.server)
    assert site.build() == {"/", "/tags/a/", *(f"/posts/{number + more}/" for more in range(3))}
    assert "<h1>By number</h1>" in site.read(f"/posts/{number}/")
    assert "By number" in site.read("/tags/a/")


@needs_eleventy
def test_a_site_that_is_built_again_and_again_has_the_public_posts(ada: Ada, tmp_path: Path) -> None:
    site = Site(tmp_path, ada.server)
    with edited(ada, threading.Lock()):
        for _ in range(8):
            site.build()
    time.sleep(1.5)  # the last scheduled posts become public
    site.build()
    posts = listed(ada.server, "/posts?")
    tags = {tag for post in posts.values() for tag in post["tags"]}
    assert site.written.keys() == {"/", *(f"/tags/{tag}/" for tag in tags), *(f"{url}/" for url in posts)}
    shown = re.findall(r'<a href="(.+?)/">(.+?)</a>, (.+?), (.+?)</li>', site.read("/"))
    expected = [
        (url, post["title"], post["author"]["display_name"], post["published_at"][:10]) for url, post in posts.items()
    ]
    assert shown == expected


# All of them


def corpus_files(folder: Path) -> list[Path]:
    """Write the posts of a real blog as Markdown files. Their titles repeat, so the names are numbered."""
    posts = [line["post"] for line in corpus_lines() if "post" in line]
    return [
        write_post(
            folder,
            f"{re.sub('[^a-z0-9]+', '-', post['title'].lower())[:60].strip('-')}-{number}".strip("-"),
            post["body"],
            title=post["title"],
            tags=post["tags"],
            published_at=post["published_at"],
        )
        for number, post in enumerate(posts)
    ]


@needs_corpus
@needs_eleventy
def test_a_real_blog_is_published_mirrored_and_built(ada: Ada, tmp_path: Path) -> None:
    folder, mirror = tmp_path / "blog", tmp_path / "site.sqlite"
    files = corpus_files(folder)
    assert len(files) == 750
    assert publish(ada, folder).lines[-1] == counts(created=750)
    first = listed(ada.server, "/posts?expand=body&")
    originals = {path.stem: line["post"] for path, line in zip(files, corpus_lines()[161:], strict=True)}
    for post in first.values():
        original = originals[post["slug"]]
        assert (post["title"], post["tags"]) == (original["title"], original["tags"])
        assert post["body"] == original["body"].strip("\n")
        assert datetime.fromisoformat(post["published_at"]) == datetime.fromisoformat(original["published_at"])
    subprocess.run(mirror_command(ada.server, mirror), check=True)
    site = Site(tmp_path, ada.server)
    tags = {tag for post in first.values() for tag in post["tags"]}
    assert len(site.build()) == 751 + len(tags)

    assert publish(ada, folder).lines == [counts(unchanged=750)]
    assert listed(ada.server, "/posts?expand=body&") == first
    assert site.build() == set()

    files[100].write_text(files[100].read_text() + "\nOne more sentence.\n")
    assert publish(ada, folder).lines == [f"updated {files[100].name}: body", counts(updated=1, unchanged=749)]
    assert site.build() == {f"/ada/{files[100].stem}/"}
    subprocess.run(mirror_command(ada.server, mirror), check=True)
    assert_mirrors(mirror, ada.server)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the session needs curl: apt-get install curl")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            "mirror", marks=pytest.mark.skipif(shutil.which("sqlite3") is None, reason="apt-get install sqlite3")
        ),
        pytest.param("eleventy", marks=needs_eleventy),
        "publish",
    ],
)
def test_the_sessions_of_the_examples_work_as_documented(
    name: str, serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve(**UNLIMITED)
    directory = tmp_path / "project"
    shutil.copytree(EXAMPLES, directory / "examples", ignore=shutil.ignore_patterns("node_modules", "_site", ".*"))
    commands = [*console_session((EXAMPLES / name / "README.md").read_text())]
    assert len(commands) > 1
    script = "\n".join(f"{command}\necho =====" for command, _ in commands)
    script = script.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
    script = script.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    result = subprocess.run(["bash", "-ec", script], cwd=directory, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    for (command, documented), actual in zip(commands, result.stdout.split("=====\n"), strict=False):
        assert matches(actual, documented.partition("\n\n")[0]), f"$ {command}\n{actual}{result.stderr}"
