"""The accounting itself detects lost and duplicate posts."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.accounting import count_lost_writes
from tests.faults.load_generator import Load, Post
from tests.support.servers import Server
from tests.support.waiting import wait_until

pytestmark = pytest.mark.heavy


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ("DELETE FROM posts WHERE id IN (1, 2)", 2),
        ("UPDATE posts SET title = 'another' WHERE id = 1", 1),
        ("UPDATE posts SET revision = revision WHERE id = 1", 0),
    ],
)
def test_lost_acknowledged_posts_are_counted(
    serve: Callable[..., Server], tmp_path: Path, change: str, lost: int
) -> None:
    load = publish_some_posts(serve())
    with closing(sqlite3.connect(tmp_path / "pressroom.sqlite", isolation_level=None)) as database:
        database.execute(change)
    assert count_lost_writes(load) == lost


def test_duplicate_posts_are_detected(serve: Callable[..., Server], tmp_path: Path) -> None:
    load = publish_some_posts(serve())
    with closing(sqlite3.connect(tmp_path / "pressroom.sqlite", isolation_level=None)) as database:
        database.execute("UPDATE posts SET title = (SELECT title FROM posts WHERE id = 1) WHERE id = 2")
    with pytest.raises(AssertionError, match="twice"):
        count_lost_writes(load)


def test_a_lost_post_is_counted_even_if_another_post_has_its_url(serve: Callable[..., Server]) -> None:
    load = publish_some_posts(serve())
    load.posts.insert(0, Post("lost", None, load.posts[0].url))
    assert count_lost_writes(load) == 1


def publish_some_posts(server: Server) -> Load:
    with Load(lambda: server.connect(timeout=30)) as load:
        wait_until(lambda: len(load.posts) > 20)
    return load
