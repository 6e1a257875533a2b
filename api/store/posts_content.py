"""Posts as the content of their author, for `users_content`."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from api.store import comments_content, likes_content, posts_statements
from api.store.change_positions import next_position
from api.store.columns import END_OF_TIME, START_OF_TIME, PublishedAt, Timestamp, now
from api.store.engine.connections import Connection, Query
from api.store.posts_table import posts
from api.store.posts_tags import post_tags
from api.store.posts_visibility import PostId

AT_ONCE = 10
"""Posts in a step: each takes up to 1 MiB."""


class _Post(NamedTuple):
    id: int
    characters: int


# Locked, because a post that another transaction publishes must not be taken for a draft, whose removal is not stored.
_OF_AUTHOR = (
    sa.select(posts.c.id, sa.func.length(posts.c.body).label("characters"))
    .where(posts.c.author_id == sa.bindparam("author_id"))
    .limit(AT_ONCE)
    .with_for_update()
)
_NEXT = Query(_Post, _OF_AUTHOR.order_by(posts.c.published_at, posts.c.id))
# Without the texts, which take longer to read than what belongs to the posts.
_NEXT_IDS = Query(PostId, _OF_AUTHOR.with_only_columns(posts.c.id).order_by(posts.c.published_at, posts.c.id))
_END = sa.literal(END_OF_TIME, PublishedAt())
_NEXT_LISTED = Query(_Post, _OF_AUTHOR.where(posts.c.published_at < _END).order_by(posts.c.published_at, posts.c.id))
# Not IS NOT NULL, for which SQLite may prefer the other index.
_IS_WITHHELD = posts.c.withheld_published_at > sa.literal(START_OF_TIME, Timestamp())
_NEXT_WITHHELD = Query(_Post, _OF_AUTHOR.where(_IS_WITHHELD).order_by(posts.c.withheld_published_at, posts.c.id))
_IS_POST = posts.c.id == sa.bindparam("moved_id")
_WITHHOLD = (
    sa.update(posts)
    .where(_IS_POST)
    .values(
        withheld_published_at=posts.c.published_at,
        published_at=_END,
        was_public_until=sa.bindparam("at", type_=Timestamp()),
        change_position=next_position("posts"),
    )
)
_RESTORE = (
    sa.update(posts)
    .where(_IS_POST, _IS_WITHHELD)
    .values(
        published_at=posts.c.withheld_published_at,
        withheld_published_at=None,
        change_position=next_position("posts"),
    )
)
_LISTED_AT = sa.select(posts.c.published_at).where(_IS_POST).scalar_subquery()
_MOVE_TAGS = sa.update(post_tags).where(post_tags.c.post_id == sa.bindparam("moved_id")).values(published_at=_LISTED_AT)
_ONE = Query(PostId, sa.select(posts.c.id).where(posts.c.author_id == sa.bindparam("author_id")).limit(1))
_DELETE = sa.delete(posts).where(posts.c.id == sa.bindparam("old_id"))


def exist(db: Connection, author_id: int) -> bool:
    """Return whether the user has posts."""
    return bool(db.all(_ONE, author_id=author_id))


def remove_some_comments(db: Connection, user_id: int) -> tuple[int, int]:
    """Delete some of the comments on the first of the next posts that has any."""
    return _remove_some_on_next(db, user_id, comments_content.remove_some_on)


def remove_some_likes(db: Connection, user_id: int) -> tuple[int, int]:
    """Delete some of the likes of the first of the next posts that has any."""
    return _remove_some_on_next(db, user_id, likes_content.remove_some_on)


def remove_some(db: Connection, user_id: int) -> tuple[int, int]:
    """Delete some posts, of those that are next and have no comments or likes, with their removals in the feed."""
    at = now()
    rows = [
        row
        for row in db.all(_NEXT, author_id=user_id)
        if not (comments_content.exist_on(db, row.id) or likes_content.exist_on(db, row.id))
    ]
    if rows:
        db.execute_many(posts_statements.RECORD_REMOVAL, [{"read_id": row.id, "at": at} for row in rows])
        db.execute_many(_DELETE, [{"old_id": row.id} for row in rows])
    return _count(rows)


def hide_some(db: Connection, user_id: int) -> tuple[int, int]:
    """Withhold some posts; drafts stay as they are, because only their author and admins see them."""
    rows, at = db.all(_NEXT_LISTED, author_id=user_id), now()
    if rows:
        db.execute_many(_WITHHOLD, [{"moved_id": row.id, "at": at} for row in rows])
        db.execute_many(_MOVE_TAGS, [{"moved_id": row.id} for row in rows])
    return _count(rows)


def show_some(db: Connection, user_id: int) -> tuple[int, int]:
    """Give some posts that are withheld their time of publication again."""
    rows = db.all(_NEXT_WITHHELD, author_id=user_id)
    if rows:
        db.execute_many(_RESTORE, [{"moved_id": row.id} for row in rows])
        db.execute_many(_MOVE_TAGS, [{"moved_id": row.id} for row in rows])
    return _count(rows)


def _remove_some_on_next(
    db: Connection, user_id: int, remove_some_on: Callable[[Connection, int], tuple[int, int]]
) -> tuple[int, int]:
    removed = (remove_some_on(db, row.id) for row in db.all(_NEXT_IDS, author_id=user_id))
    return next((each for each in removed if each[0]), (0, 0))


def _count(rows: Sequence[_Post]) -> tuple[int, int]:
    return len(rows), sum(row.characters for row in rows)
