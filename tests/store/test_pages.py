"""Keyset pagination."""

import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import constraints
from api.json import dumps
from api.settings import Settings
from api.store import posts, posts_lists, users
from api.store.columns import END_OF_TIME, START_OF_TIME
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.pages import _decode_cursor, encode_cursor
from api.store.posts_table import PostSummary
from api.store.users import User

LARGEST = {
    "emoji": "\N{SCROLL}" * constraints.BODY_MAX_LENGTH,
    "escaped": "\x01" * constraints.BODY_MAX_LENGTH,
    "wide in memory": "\N{SCROLL}" + "a" * (constraints.BODY_MAX_LENGTH - 1),
}
TIMES = st.datetimes(timezones=st.just(UTC))


def all_pages(**query: Any) -> list[PostSummary]:
    page = posts_lists.page(**query)
    rows: list[Any] = [*page.rows]
    while page.next_cursor:
        page = posts_lists.page(**query, cursor=page.next_cursor)
        assert page.rows
        rows += page.rows
    return rows


@given(timestamp=TIMES, id_=st.integers(1, constraints.ID_MAX))
def test_cursors_are_decoded_to_the_encoded_position(timestamp: datetime, id_: int) -> None:
    assert _decode_cursor(encode_cursor(timestamp, id_)) == (timestamp, id_)


@given(cursor=st.from_regex(constraints.CURSOR_PATTERN, fullmatch=True))
def test_every_text_that_matches_the_pattern_is_a_cursor(cursor: str) -> None:
    timestamp, id_ = _decode_cursor(cursor)
    assert START_OF_TIME <= timestamp <= END_OF_TIME
    assert 0 <= id_ < 2**63


def test_the_smallest_and_the_largest_cursor_can_be_queried(db: Connection, ada: User) -> None:
    for cursor in ("0" * 32, "7fffffffffffffff" * 2):
        assert posts_lists.page(db, limit=1, cursor=cursor).rows == []


def test_pages_have_each_post_once_newest_first(db: Connection, ada: User) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for number in range(10):
        published_at = noon + timedelta(hours=number // 3)  # several have the same time
        posts.publish(db, author_id=ada.id, title=str(number), body="b", tags=["x"], published_at=published_at)
    for query in ({}, {"author": "ada"}, {"tag": "x"}, {"author": "ada", "tag": "x"}):
        titles = [row.title for row in all_pages(db=db, limit=3, **query)]
        assert titles == ["9", "8", "7", "6", "5", "4", "3", "2", "1", "0"]


def test_authors_see_drafts_first_then_scheduled_then_published_posts(db: Connection, ada: User) -> None:
    for title, published_at in (
        ("draft 1", None),
        ("past", datetime(2026, 1, 1, tzinfo=UTC)),
        ("draft 2", None),
        ("future", datetime(2999, 1, 1, tzinfo=UTC)),
    ):
        posts.publish(db, author_id=ada.id, title=title, body="b", tags=[], published_at=published_at)
    rows = all_pages(db=db, limit=1, author="ada", viewer=ada)
    assert [row.title for row in rows] == ["draft 2", "draft 1", "future", "past"]


def test_a_full_last_page_has_no_next_cursor(db: Connection, ada: User, bob: User) -> None:
    assert users.page(db, limit=2).next_cursor is None
    assert users.page(db, limit=1).next_cursor is not None


def publish_all(db: Connection, author: User, bodies: Sequence[str]) -> None:
    """Publish posts with these bodies; the titles are their numbers, the last is the newest."""
    for number, body in enumerate(bodies):
        published_at = datetime(2026, 1, 1, 0, 0, 0, number, tzinfo=UTC)
        posts.publish(db, author_id=author.id, title=str(number), body=body, tags=["x"], published_at=published_at)


FILTERS: list[dict[str, Any]] = [{}, {"author": "ada"}, {"tag": "x"}, {"author": "ada", "tag": "x"}]


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_pages_of_large_posts_end_early_and_have_each_post_once(
    db: Connection, ada: User, filters: dict[str, Any]
) -> None:
    bodies = [*LARGEST.values(), "small", "b" * 20_000, *LARGEST.values(), *["b" * 20_000] * 30]
    publish_all(db, ada, bodies)
    titles: list[str] = []
    cursor = None
    while cursor or not titles:
        page = posts_lists.page(db, limit=100, expand="body", cursor=cursor, **filters)
        assert page.rows
        assert len(dumps([[*row] for row in page.rows])) <= constraints.PAGE_MAX_BYTES
        titles += (row.title for row in page.rows)
        cursor = page.next_cursor
    assert titles == [str(number) for number in reversed(range(len(bodies)))]


def test_as_many_posts_as_fit_are_on_a_page(db: Connection, ada: User) -> None:
    publish_all(db, ada, ["b" * 60_000] * 40)
    page = posts_lists.page(db, limit=100, expand="body")
    assert len(page.rows) == constraints.PAGE_MAX_BYTES // 60_700
    assert len(posts_lists.page(db, limit=30, expand="body").rows) == 30


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_page_has_a_post_even_if_that_is_larger_than_a_page(
    db: Connection, ada: User, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constraints, "PAGE_MAX_BYTES", 100_000)
    publish_all(db, ada, ["small", *["b" * 200_000] * 3, "small"])
    pages = all_pages(db=db, limit=limit, expand="body")
    assert [row.title for row in pages] == ["4", "3", "2", "1", "0"]


@pytest.mark.parametrize("body", LARGEST.values(), ids=LARGEST.keys())
def test_bodies_that_are_not_on_the_page_are_not_read(
    db: Connection, ada: User, body: str, subtests: pytest.Subtests
) -> None:
    publish_all(db, ada, [body] * 60)
    for filters in FILTERS:
        with subtests.test(str(filters)):
            posts_lists.page(db, limit=1, expand="body", **filters)
            tracemalloc.start()
            page = posts_lists.page(db, limit=100, expand="body", **filters)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert page.next_cursor
            # A body takes up to 1 MiB; orjson reserves 8 bytes for each byte of the text that it encodes.
            assert peak < 32 * 2**20


def test_postgresql_sends_little_more_than_a_page(postgresql_url: str) -> None:
    database = Database(Settings(database_url=postgresql_url))
    with database.write() as db:
        publish_all(db, users.register(db, username="ada"), [LARGEST["emoji"]] * 20)
        for filters, posts_list in posts_lists._POSTS.items():
            used = zip(({"author": "ada"}, {"tag": "x"}), filters, strict=True)
            given = {name: value for each, is_used in used if is_used for name, value in each.items()}
            rows = db.all(
                posts_list._query, page_timestamp=END_OF_TIME, page_id=constraints.ID_MAX, page_limit=101, **given
            )
            assert sum(len(row.body.encode()) for row in rows) <= constraints.PAGE_MAX_BYTES + 2 * 2**20
    database.close()
