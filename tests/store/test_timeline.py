"""The timeline in the database, compared with a naive implementation."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import constraints
from api.store import follows, posts, timeline, users
from api.store.columns import START_OF_TIME, now
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.users import User

AUTHORS = 6
# Few minutes, so that many posts have the same time; a negative one is a scheduled post, and None a draft.
MINUTES = st.one_of(st.none(), st.integers(-2, 12))
POSTS = st.lists(st.tuples(st.integers(0, AUTHORS - 1), MINUTES), max_size=40)
FOLLOWED = st.sets(st.integers(0, AUTHORS - 1))


def walk(db: Connection, follower: User, *, limit: int, expand: str = "") -> list[Any]:
    """Return the posts of all pages, of which only the last may be short."""
    rows, cursor = list[Any](), None
    while True:
        page = timeline.page(db, follower_id=follower.id, limit=limit, cursor=cursor, expand=expand)
        rows += page.rows
        cursor = page.next_cursor
        if cursor is None:
            return rows
        assert len(page.rows) == limit


def publish(db: Connection, author: User, published_at: datetime | None, **content: str) -> int:
    content = {"title": "t", "body": "b", **content}
    return posts.publish(db, author_id=author.id, tags=[], published_at=published_at, **content).id  # type: ignore[arg-type]


def register(db: Connection, number: int) -> list[User]:
    return [users.register(db, username=f"user-{index}") for index in range(number)]


def follow(db: Connection, follower: User, followed: Iterable[User]) -> None:
    for user in followed:
        follows.add(db, user.username, follower_id=follower.id)


def test_a_timeline_has_what_a_naive_implementation_has(database: Database) -> None:
    with database.write() as db:
        reader, *authors = register(db, AUTHORS + 1)
    start = now()

    @given(written=POSTS, followed=FOLLOWED, limit=st.integers(1, 9))
    def check(written: Sequence[tuple[int, int | None]], followed: set[int], limit: int) -> None:
        with database.write() as db:
            db.execute_sql("DELETE FROM posts")
            db.execute_sql("DELETE FROM follows")
            expected = list[tuple[datetime, int]]()
            for author, minutes in written:
                published_at = None if minutes is None else start - timedelta(minutes=minutes)
                id_ = publish(db, authors[author], published_at)
                if author in followed and published_at is not None and published_at <= start:
                    expected.append((published_at, id_))
            follow(db, reader, [authors[index] for index in followed])
            for expand in ("", "body"):
                rows = walk(db, reader, limit=limit, expand=expand)
                assert [(row.published_at, row.id) for row in rows] == sorted(expected, reverse=True)

    check()


def test_only_the_posts_of_those_whom_the_user_follows_are_in_the_timeline(db: Connection) -> None:
    ada, bob, eve = register(db, 3)
    mine, others = publish(db, ada, now()), [publish(db, bob, now()) for _ in range(3)]
    publish(db, eve, now())
    assert walk(db, ada, limit=1) == []
    follow(db, ada, [bob])
    assert [row.id for row in walk(db, ada, limit=2)] == others[::-1]
    follow(db, bob, [ada])
    assert [row.id for row in walk(db, bob, limit=2)] == [mine]
    follows.remove(db, bob.username, follower_id=ada.id)
    assert walk(db, ada, limit=2) == []


def test_one_author_of_many_can_fill_the_pages(db: Connection) -> None:
    """All posts of a page may be by one author, though the others have posts, too."""
    reader, writer, *others = register(db, 40)
    follow(db, reader, [writer, *others])
    old = now() - timedelta(days=1)
    expected = [publish(db, other, old) for other in others]
    expected += [publish(db, writer, old + timedelta(seconds=number)) for number in range(1, 60)]
    for limit in (1, 7, 100):
        assert [row.id for row in walk(db, reader, limit=limit)] == expected[::-1]


def test_a_post_that_is_published_or_removed_between_two_pages_moves_no_other(db: Connection) -> None:
    reader, bob, eve = register(db, 3)
    follow(db, reader, [bob, eve])
    old = now() - timedelta(days=1)
    ids = [publish(db, (bob, eve)[number % 2], old + timedelta(seconds=number)) for number in range(10)]
    first = timeline.page(db, follower_id=reader.id, limit=4)
    publish(db, bob, now())
    posts.remove(db, posts.get(db, first.rows[-1].id, viewer=None))
    second = timeline.page(db, follower_id=reader.id, limit=10, cursor=first.next_cursor)
    assert [row.id for row in (*first.rows, *second.rows)] == ids[::-1]


@pytest.mark.parametrize("expand", ["body", "html", "body,html"])
def test_a_page_of_long_posts_is_short(db: Connection, expand: str) -> None:
    reader, bob, eve = register(db, 3)
    follow(db, reader, [bob, eve])
    long, old = "\x01" * constraints.BODY_MAX_LENGTH, now() - timedelta(days=1)
    ids = [publish(db, (bob, eve)[number % 2], old + timedelta(seconds=number), body=long) for number in range(5)]
    found, cursor = list[int](), None
    while True:
        page = timeline.page(db, follower_id=reader.id, limit=100, cursor=cursor, expand=expand)
        assert len(page.rows) == 1
        found += [row.id for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == ids[::-1]


def test_posts_of_any_time_are_in_the_timeline(db: Connection) -> None:
    reader, bob = register(db, 2)
    follow(db, reader, [bob])
    times = [START_OF_TIME, datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=now().tzinfo), now()]
    ids = [publish(db, bob, time) for time in times]
    assert [row.id for row in walk(db, reader, limit=1)] == ids[::-1]


def test_the_largest_ids_are_in_the_timeline(db: Connection) -> None:
    reader, bob = register(db, 2)
    follow(db, reader, [bob])
    at = now()
    for id_ in (constraints.ID_MAX, constraints.ID_MAX - 1):
        posts.publish(db, author_id=bob.id, title="t", body="b", tags=[], published_at=at, post_id=id_)
    assert [row.id for row in walk(db, reader, limit=1)] == [constraints.ID_MAX, constraints.ID_MAX - 1]
