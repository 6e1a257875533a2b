"""The accounts themselves: what is lost, or there twice, does not escape them."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.accounts import settle
from tests.faults.load import Load, Post
from tests.support.servers import Server

pytestmark = pytest.mark.heavy


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ("DELETE FROM posts WHERE id IN (1, 2)", 2),
        ("UPDATE posts SET title = 'another' WHERE id = 1", 1),
        ("UPDATE posts SET version = version WHERE id = 1", 0),
    ],
)
def test_every_acknowledged_post_that_is_missing_is_counted(
    start: Callable[..., Server], tmp_path: Path, change: str, lost: int
) -> None:
    load = published(start())
    with closing(sqlite3.connect(tmp_path / "pressroom.sqlite", isolation_level=None)) as database:
        database.execute(change)
    assert settle(load) == lost


def test_a_post_that_is_there_twice_is_noticed(start: Callable[..., Server], tmp_path: Path) -> None:
    load = published(start())
    with closing(sqlite3.connect(tmp_path / "pressroom.sqlite", isolation_level=None)) as database:
        database.execute("UPDATE posts SET title = (SELECT title FROM posts WHERE id = 1) WHERE id = 2")
    with pytest.raises(AssertionError, match="twice"):
        settle(load)


def test_a_post_that_is_missing_is_counted_though_another_has_its_url(start: Callable[..., Server]) -> None:
    load = published(start())
    load.posts.insert(0, Post("lost", None, load.posts[0].url))
    assert settle(load) == 1


def published(server: Server) -> Load:
    with Load(lambda: server.connect(timeout=30)) as load:
        time.sleep(0.5)
    return load
