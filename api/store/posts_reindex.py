"""Indexing of the posts that have no words, or those of another version of the tokeniser."""

import time
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import sqlalchemy as sa

from api import words
from api.store import posts_words
from api.store.engine.connections import Connection, Query
from api.store.posts_table import posts
from api.store.posts_words import post_words
from api.store.sweeping import ROWS_PER_TRANSACTION, Transact

_POSTS_PER_TRANSACTION, _CHARACTERS_PER_TRANSACTION = 100, 1_000_000
"""Others cannot write to SQLite while these are indexed, which takes a tenth of a second."""


class _Last(NamedTuple):
    last: int | None


class _Outdated(NamedTuple):
    last: int | None
    number: int


class _Text(NamedTuple):
    id: int
    title: str
    body: str


_NEXT_IDS = (
    sa.select(posts.c.id).where(posts.c.id > sa.bindparam("after")).order_by(posts.c.id).limit(ROWS_PER_TRANSACTION)
)
_LAST = Query(_Last, sa.select(sa.func.max(_NEXT_IDS.subquery().c.id).label("last")))
_IS_OUTDATED = post_words.c.version.is_distinct_from(sa.bindparam("version", type_=sa.String))
_NEXT = (
    sa.select(posts.c.id, _IS_OUTDATED.label("is_outdated"))
    .join_from(posts, post_words, isouter=True)
    .where(posts.c.id > sa.bindparam("after"))
    .order_by(posts.c.id)
    .limit(ROWS_PER_TRANSACTION)
    .subquery()
)
_COUNT = Query(
    _Outdated,
    sa.select(sa.func.max(_NEXT.c.id).label("last")).add_columns(
        sa.func.count(sa.case((_NEXT.c.is_outdated, 1))).label("number")
    ),
)
_OUTDATED = Query(
    _Text,
    sa.select(
        posts.c.id, posts.c.title, sa.func.substr(posts.c.body, 1, words.TEXT_MAX_LENGTH, type_=sa.Text).label("body")
    )
    .join_from(posts, post_words, isouter=True)
    .where(
        posts.c.id > sa.bindparam("after"),
        posts.c.id <= sa.bindparam("last"),
        _IS_OUTDATED,
    )
    .order_by(posts.c.id)
    .limit(_POSTS_PER_TRANSACTION)
    # Otherwise a concurrent transaction could change the text that is being indexed.
    .with_for_update(of=posts, read=True),
)
_DELETE = sa.delete(post_words).where(post_words.c.post_id == sa.bindparam("of_post"))


def run(transact: Transact) -> int:
    """Index the posts in short transactions, and return how many. It can be interrupted, and run again."""
    indexed, after = 0, 0
    while (last := transact(partial(_last_of_next, after=after))) is not None:
        started = time.monotonic()
        while number := transact(partial(_index, after=after, last=last)):
            indexed += number
            # Half of the time is for other transactions.
            time.sleep(time.monotonic() - started)
            started = time.monotonic()
        after = last
    return indexed


def count_outdated(transact: Transact) -> int:
    """Return how many posts `run` would index."""
    outdated, after = 0, 0
    while counted := transact(partial(_count_next, after=after)):
        number, after = counted
        outdated += number
    return outdated


def _count_next(db: Connection, *, after: int) -> tuple[int, int] | None:
    row = db.one_or_none(_COUNT, after=after, version=words.VERSION)
    return (row.number, row.last) if row and row.last is not None else None


def _last_of_next(db: Connection, *, after: int) -> int | None:
    row = db.one_or_none(_LAST, after=after)
    return row and row.last


def _index(db: Connection, *, after: int, last: int) -> int:
    texts = db.read(_until_full, _OUTDATED, after=after, last=last, version=words.VERSION)
    if texts:
        db.execute_many(_DELETE, [{"of_post": text.id} for text in texts])
        for text in texts:
            posts_words.add(db, text.id, text.title, text.body)
    return len(texts)


def _until_full(rows: Iterator[_Text]) -> list[_Text]:
    texts, characters = list[_Text](), 0
    for row in rows:
        texts.append(row)
        characters += len(row.body)
        if characters > _CHARACTERS_PER_TRANSACTION:
            break
    return texts
