"""Keyset pagination."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from api import constraints
from api.store import posts, posts_lists, users
from api.store.columns import END_OF_TIME, START_OF_TIME
from api.store.engine.connections import Connection
from api.store.pages import _decode_cursor, _encode_cursor
from api.store.users import User

TIMES = st.datetimes(timezones=st.just(UTC))


def all_pages(**query: Any) -> list[posts_lists.PostSummary]:
    page = posts_lists.page(**query)
    rows: list[Any] = [*page.rows]
    while page.next_cursor:
        page = posts_lists.page(**query, cursor=page.next_cursor)
        assert page.rows
        rows += page.rows
    return rows


@given(timestamp=TIMES, id_=st.integers(1, constraints.ID_MAX))
def test_cursors_are_decoded_to_the_encoded_position(timestamp: datetime, id_: int) -> None:
    assert _decode_cursor(_encode_cursor(timestamp, id_)) == (timestamp, id_)


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
