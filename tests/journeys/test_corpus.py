"""Import, listing and export of a real blog."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.support.corpus import CORPUS, corpus_lines, needs_corpus
from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server

pytestmark = [pytest.mark.heavy, needs_corpus]


def pressroom(database_url: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("pressroom"), *arguments],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PRESSROOM_DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.alone
def test_a_real_blog_is_imported_listed_read_and_exported(serve: Callable[..., Server], tmp_path: Path) -> None:
    lines = corpus_lines()
    sent = [line["post"] for line in lines if "post" in line]
    server = serve()
    started = time.monotonic()
    imported = pressroom(server.database_url, "import", CORPUS)
    assert imported.stdout == "Imported 911, skipped 0 already present, 0 errors.\n"
    assert time.monotonic() - started < 10
    again = pressroom(server.database_url, "import", CORPUS)
    assert again.stdout == "Imported 0, skipped 911 already present, 0 errors.\n"

    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)

    def get(path: str) -> Any:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())

    listed: list[Any] = []
    page: dict[str, Any] = {"next_cursor": ""}
    while page["next_cursor"] is not None:
        page = get("/posts?limit=100" + (page["next_cursor"] and f"&cursor={page['next_cursor']}"))
        listed += page["items"]
    assert len(listed) == len({post["id"] for post in listed}) == len(sent) == 750
    order = [(post["published_at"], post["id"]) for post in listed]
    assert order == sorted(order, reverse=True)
    for post, original in zip(sorted(listed, key=lambda post: int(post["id"])), sent, strict=True):
        read = get(post["url"])
        assert {**original, "author": read["author"]["username"]} == {
            **{name: read[name] for name in original},
            "author": original["author"],
        }
    connection.close()

    exported, moved = tmp_path / "exported.ndjson", f"sqlite:///{tmp_path / 'moved.sqlite'}"
    assert pressroom(server.database_url, "export", exported).returncode == 0
    assert pressroom(moved, "import", exported).returncode == 0
    assert pressroom(moved, "export").stdout == exported.read_text()
    posts = [json.loads(line)["post"] for line in exported.read_text().splitlines()[161:]]
    assert [{name: post[name] for name in original} for post, original in zip(posts, sent, strict=True)] == sent


def test_moving_a_site_to_postgresql_and_back_keeps_urls_times_and_revisions(
    serve: Callable[..., Server], postgresql_url: str, tmp_path: Path
) -> None:
    lines = corpus_lines()
    for number, line in enumerate(lines):
        if "post" in line:
            line["post"]["id"] = 7 * number  # with gaps, as if posts had been deleted
    last = tmp_path / "site.ndjson"
    last.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    exports: list[bytes] = []
    reads: list[list[Any]] = []
    for site in (f"sqlite:///{tmp_path / 'from.sqlite'}", postgresql_url, f"sqlite:///{tmp_path / 'to.sqlite'}"):
        assert pressroom(site, "import", last).stdout == "Imported 911, skipped 0 already present, 0 errors.\n"
        last = tmp_path / f"{len(exports)}.ndjson"
        assert pressroom(site, "export", "--accounts", last).returncode == 0
        exports.append(last.read_bytes())
        server = serve(PRESSROOM_DATABASE_URL=site)
        reads.append([server.get_json(f"/posts/{line['post']['id']}") for line in lines if "post" in line])
    assert exports == [exports[0]] * 3
    assert reads == [reads[0]] * 3
    assert {post["body"] for post in reads[0]} == {line["post"]["body"] for line in lines if "post" in line}
