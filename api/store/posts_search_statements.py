"""Statements of searches, with JSON arrays as parameters."""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from api.store.change_positions import DialectSQL
from api.store.columns import PublishedAt
from api.store.engine.connections import Query, Row, Select
from api.store.pages import fitting, is_after_position
from api.store.posts_filters import AUTHOR_ID, FILTERS, filter_by
from api.store.posts_lists import POSTS, SUMMARIES, Shape
from api.store.posts_table import posts
from api.store.posts_tags import post_tags
from api.store.posts_words import HAS_SEQUENCES, post_words

CHECKED_AT_ONCE = 200, 50, 10
"""Numbers of posts that a statement may check."""


class Position(NamedTuple):
    """The position of a post in a list."""

    published_at: datetime | None
    id: int


class Checked(NamedTuple):
    """The position of a post, and whether it has the words."""

    published_at: datetime | None
    id: int
    matches: bool | None
    characters: int


_SQLITE, _POSTGRESQL = 0, 1
_IDS = sa.func.json_each(sa.bindparam("ids", type_=sa.Text)).table_valued("value", name="ids")
_IS_WANTED = (
    posts.c.id == _IDS.c.value,
    # An array of unknown length, for which PostgreSQL expects ten rows.
    DialectSQL(
        sqlite="",
        postgresql=(
            "posts.id = ANY (ARRAY(SELECT CAST(value AS bigint) FROM json_array_elements_text(CAST(:ids AS json))))"
        ),
        type_=sa.Boolean(),
    ),
)
"""On SQLite, and on PostgreSQL."""


def _sort(dialect: int, *, by_author: bool, by_tag: bool) -> Select:
    # Materialized, so that neither database reads a list in its order instead of the wanted posts.
    wanted = (
        sa.select(posts.c.id, posts.c.author_id, posts.c.published_at)
        .where(_IS_WANTED[dialect])
        .cte("wanted")
        .prefix_with("MATERIALIZED")
    )
    statement = sa.select(wanted.c.published_at, wanted.c.id).where(
        is_after_position(wanted.c.published_at, wanted.c.id)
    )
    if by_author:
        statement = statement.where(wanted.c.author_id == AUTHOR_ID)
    if by_tag:
        # Not the column itself, so that PostgreSQL does not read all posts with the tag.
        tagged = sa.exists().where(
            post_tags.c.post_id == wanted.c.id, post_tags.c.tag.concat("") == sa.bindparam("tag")
        )
        statement = statement.where(tagged)
    return statement.order_by(wanted.c.published_at.desc(), wanted.c.id.desc()).limit(sa.bindparam("page_limit"))


def _check(dialect: int, timestamp: sa.ColumnElement[datetime], id_: sa.ColumnElement[int]) -> Select:
    return sa.select(
        timestamp.label("published_at"),
        id_.label("id"),
        HAS_SEQUENCES[dialect].label("matches"),
        sa.func.coalesce(sa.func.length(post_words.c.words), 0).label("characters"),
    )


def _check_list(dialect: int, at_once: int, *, by_author: bool, by_tag: bool) -> Select:
    statement, position = filter_by(sa.select(posts.c.id), by_author=by_author, by_tag=by_tag)
    return (
        statement.with_only_columns(*_check(dialect, *position).selected_columns)
        .outerjoin(post_words, post_words.c.post_id == posts.c.id)
        .where(is_after_position(*position))
        .order_by(position[0].desc(), position[1].desc())
        # Not a parameter, for which PostgreSQL expects a tenth of the table.
        .limit(sa.literal_column(str(at_once)))
    )


def _check_candidates(dialect: int) -> Select:
    return (
        _check(dialect, posts.c.published_at, posts.c.id)
        .join_from(posts, post_words, isouter=True)
        .where(_IS_WANTED[dialect])
    )


def _read(shape: Shape[Row]) -> Query[Row]:
    # A post may have become a draft since it was found.
    sqlite, postgresql = (
        shape.statement.where(is_wanted, posts.c.published_at <= sa.bindparam("until", type_=PublishedAt()))
        for is_wanted in _IS_WANTED
    )
    # SQLite reads the ids in their order, and only as many posts as fit into the page: to sort them, it would read all.
    return Query(
        shape.row_type,
        sqlite,
        postgresql=fitting(postgresql, posts.c.published_at, posts.c.id, large=shape.large),
    )


SORT = {
    (by_author, by_tag): Query(
        Position,
        _sort(_SQLITE, by_author=by_author, by_tag=by_tag),
        postgresql=_sort(_POSTGRESQL, by_author=by_author, by_tag=by_tag),
    )
    for by_author, by_tag in FILTERS
}
"""By (author, tag)."""
CHECK = {
    (by_author, by_tag, at_once): Query(
        Checked,
        _check_list(_SQLITE, at_once, by_author=by_author, by_tag=by_tag),
        postgresql=_check_list(_POSTGRESQL, at_once, by_author=by_author, by_tag=by_tag),
    )
    for by_author, by_tag in FILTERS
    for at_once in CHECKED_AT_ONCE
}
"""By (author, tag, number of posts)."""
CHECK_CANDIDATES = Query(Checked, _check_candidates(_SQLITE), postgresql=_check_candidates(_POSTGRESQL))
READ_SUMMARIES = _read(SUMMARIES)
READ_POSTS = _read(POSTS)
