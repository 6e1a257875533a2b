"""Posts as the content of their author, for `users_content`."""

from typing import NamedTuple

import sqlalchemy as sa

from api.store import comments_content, posts_statements
from api.store.columns import now
from api.store.engine.connections import Connection, Query
from api.store.posts_table import posts
from api.store.posts_words import PostId

AT_ONCE = 10
"""Posts in a step: each takes up to 1 MiB."""


class _Post(NamedTuple):
    id: int
    characters: int


# Locked, because a post that another transaction publishes must not be taken for a draft, whose removal is not stored.
_NEXT = Query(
    _Post,
    sa.select(posts.c.id, sa.func.length(posts.c.body).label("characters"))
    .where(posts.c.author_id == sa.bindparam("author_id"))
    .order_by(posts.c.published_at, posts.c.id)
    .limit(AT_ONCE)
    .with_for_update(),
)
_ONE = Query(PostId, sa.select(posts.c.id).where(posts.c.author_id == sa.bindparam("author_id")).limit(1))
_DELETE = sa.delete(posts).where(posts.c.id == sa.bindparam("old_id"))


def exist(db: Connection, author_id: int) -> bool:
    """Return whether the user has posts."""
    return bool(db.all(_ONE, author_id=author_id))


def remove_some_comments(db: Connection, user_id: int) -> tuple[int, int]:
    """Delete some of the comments on the posts that are next."""
    removed = [comments_content.remove_some_on(db, row.id) for row in db.all(_NEXT, author_id=user_id)]
    return sum(rows for rows, _ in removed), sum(characters for _, characters in removed)


def remove_some(db: Connection, user_id: int) -> tuple[int, int]:
    """Delete some posts, of those that are next and have no comments, with their removals in the change feed."""
    at = now()
    rows = [row for row in db.all(_NEXT, author_id=user_id) if not comments_content.exist_on(db, row.id)]
    if rows:
        db.execute_many(posts_statements.RECORD_REMOVAL, [{"read_id": row.id, "at": at} for row in rows])
        db.execute_many(_DELETE, [{"old_id": row.id} for row in rows])
    return len(rows), sum(row.characters for row in rows)
