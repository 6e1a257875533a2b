"""The tags of published posts.

A loose index scan: each step finds the next tag in the index, however many posts have it. A page takes a bounded number
of steps, so it may be short, because most tags may be those of drafts.
"""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from api import constraints
from api.store.columns import PublishedAt, now
from api.store.engine.connections import Connection, Query
from api.store.pages import Page


class VisitedTag(NamedTuple):
    """A tag, and when a post with it was published last; None if no post with it is public."""

    tag: str
    published_at: datetime | None


class Tag(NamedTuple):
    """A tag of published posts."""

    tag: str
    published_at: datetime


_SQL = """
WITH RECURSIVE entries(tag, step) AS (
    SELECT (SELECT min(tag) FROM post_tags WHERE tag > :after), 1
    UNION ALL
    SELECT (SELECT min(post_tags.tag) FROM post_tags WHERE post_tags.tag > entries.tag), step + 1
    FROM entries WHERE tag IS NOT NULL AND step < :steps
)
SELECT tag, (
    SELECT max(published_at) FROM post_tags WHERE post_tags.tag = entries.tag AND post_tags.published_at <= :at
) AS published_at
FROM entries WHERE tag IS NOT NULL
"""
_VISITED = Query(
    VisitedTag,
    sa.text(_SQL)
    .bindparams(
        sa.bindparam("after", type_=sa.String),
        sa.bindparam("steps", type_=sa.Integer),
        sa.bindparam("at", type_=PublishedAt),
    )
    .columns(tag=sa.String, published_at=PublishedAt),
)


def page(db: Connection, *, limit: int, cursor: str = "") -> Page[Tag]:
    """Return at most `limit` tags after the tag that is the cursor."""
    visited = db.all(_VISITED, after=cursor, steps=constraints.TAGS_MAX_STEPS, at=now())
    public = [Tag(each.tag, each.published_at) for each in visited if each.published_at]
    if len(public) > limit:
        return Page(public[:limit], public[limit - 1].tag)
    return Page(public, visited[-1].tag if len(visited) == constraints.TAGS_MAX_STEPS else None)
