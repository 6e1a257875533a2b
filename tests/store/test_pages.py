"""Paging by cursor."""

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


@given(moment=TIMES, identity=st.integers(1, constraints.ID_MAX))
def test_a_cursor_is_a_position(moment: datetime, identity: int) -> None:
    assert _decode_cursor(_encode_cursor(moment, identity)) == (moment, identity)


@given(cursor=st.from_regex(constraints.CURSOR_PATTERN, fullmatch=True))
def test_every_text_of_the_form_is_a_cursor(cursor: str) -> None:
    moment, identity = _decode_cursor(cursor)
    assert START_OF_TIME <= moment <= END_OF_TIME
    assert 0 <= identity < 2**63


def test_any_cursor_can_be_asked_for(db: Connection, ada: User) -> None:
    for cursor in ("0" * 32, "7fffffffffffffff" * 2):
        assert posts_lists.page(db, limit=1, cursor=cursor).rows == []


def test_pages_show_each_post_once_the_latest_first(db: Connection, ada: User) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for number in range(10):
        moment = noon + timedelta(hours=number // 3)  # several at the same moment
        posts.publish(db, author_id=ada.id, title=str(number), body="b", tags=["x"], published_at=moment)
    for query in ({}, {"author": "ada"}, {"tag": "x"}, {"author": "ada", "tag": "x"}):
        titles = [row.title for row in all_pages(db=db, limit=3, **query)]
        assert titles == ["9", "8", "7", "6", "5", "4", "3", "2", "1", "0"]


def test_drafts_stand_before_what_is_scheduled_and_that_before_the_rest(db: Connection, ada: User) -> None:
    for title, moment in (
        ("draft 1", None),
        ("past", datetime(2026, 1, 1, tzinfo=UTC)),
        ("draft 2", None),
        ("future", datetime(2999, 1, 1, tzinfo=UTC)),
    ):
        posts.publish(db, author_id=ada.id, title=title, body="b", tags=[], published_at=moment)
    mine = all_pages(db=db, limit=1, author="ada", viewer=ada)
    assert [row.title for row in mine] == ["draft 2", "draft 1", "future", "past"]


def test_a_page_that_is_just_full_is_the_last(db: Connection, ada: User, bob: User) -> None:
    assert users.page(db, limit=2).next_cursor is None
    assert users.page(db, limit=1).next_cursor is not None
