"""SQL to export and import comments."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from api.store.columns import Timestamp, new_revision
from api.store.comments_table import comments
from api.store.engine.connections import Connection, Query
from api.store.posts_table import posts
from api.store.posts_visibility import HAS_ID, PostId
from api.store.queries import one
from api.store.users import users

COMMENTS_PER_QUERY = 100
"""Each takes up to 40 KB."""


class ArchivedComment(NamedTuple):
    """A comment in an archive: `post` is the id of the post."""

    id: int
    author: str
    post: int
    body: str
    revision: str
    created_at: datetime
    updated_at: datetime


class _Id(NamedTuple):
    id: int


class _Sequence(NamedTuple):
    last_value: int


_COMMENTS = (
    sa.select(
        comments.c.id,
        users.c.username.label("author"),
        comments.c.post_id.label("post"),
        *(comments.c[name] for name in ArchivedComment._fields[3:]),
    )
    .join_from(comments, users)
    .where(comments.c.id > sa.bindparam("last_id"))
    .order_by(comments.c.id)
    .limit(COMMENTS_PER_QUERY)
)
_NEXT = Query(ArchivedComment, _COMMENTS)
# Those of a user who can export them are not hidden.
_NEXT_OF_USER = Query(
    ArchivedComment, _COMMENTS.where(comments.c.author_id == sa.bindparam("of_user"), comments.c.hidden == sa.false())
)
_SAME = Query(
    _Id,
    sa.select(comments.c.id)
    .where(
        comments.c.post_id == sa.bindparam("of_post"),
        comments.c.hidden == sa.bindparam("is_hidden", type_=sa.Boolean),
        comments.c.created_at == sa.bindparam("at", type_=Timestamp),
        comments.c.author_id == sa.bindparam("by_user"),
    )
    .limit(sa.bindparam("at_most", type_=sa.Integer)),
)
_LOCK_POST = Query(PostId, sa.select(posts.c.id).where(HAS_ID).with_for_update(read=True, key_share=True))
# SQLite has the same syntax.
_INSERT = Query(_Id, insert(comments).on_conflict_do_nothing().returning(comments.c.id))
# As for posts.
_LOCK = "LOCK TABLE comments IN SHARE ROW EXCLUSIVE MODE"
_ADVANCE_SEQUENCE = Query(
    _Sequence,
    sa.text("SELECT setval('comments_id_seq', greatest(:highest, last_value)) AS last_value FROM comments_id_seq")
    .bindparams(sa.bindparam("highest", type_=sa.BigInteger))
    .columns(last_value=sa.BigInteger),
)


def all_comments(db: Connection) -> Iterator[ArchivedComment]:
    """Yield all comments, in the order of their ids."""
    last_id = 0
    while page := db.all(_NEXT, last_id=last_id):
        yield from page
        last_id = page[-1].id


def comments_of_user(db: Connection, user_id: int) -> Iterator[ArchivedComment]:
    """Yield the comments of a user, in the order of their ids."""
    last_id = 0
    while page := db.all(_NEXT_OF_USER, of_user=user_id, last_id=last_id):
        yield from page
        last_id = page[-1].id


def reserve_ids(db: Connection, highest: int) -> None:
    """Block inserts of comments by other transactions until this one ends, and advance the id sequence to `highest`.

    For PostgreSQL.
    """
    db.execute_sql(_LOCK)
    db.all(_ADVANCE_SEQUENCE, highest=highest)


def are_stored(
    db: Connection, number: int, *, author_id: int, post_id: int, created_at: datetime, hidden: bool
) -> bool:
    """Return whether the author has that many comments on the post that were created at that time."""
    same = db.all(_SAME, of_post=post_id, is_hidden=hidden, at=created_at, by_user=author_id, at_most=number)
    return len(same) == number


def create_comment(
    db: Connection,
    *,
    author_id: int,
    post_id: int,
    body: str,
    created_at: datetime,
    hidden: bool,
    comment_id: int | None = None,
    revision: str | None = None,
    updated_at: datetime | None = None,
) -> None:
    """Insert a comment, under that id if it is free, even on a closed post; `NotFound` without the post.

    `reserve_ids` must precede a `comment_id`.
    """
    values = {
        "author_id": author_id,
        "post_id": post_id,
        "body": body,
        "hidden": hidden,
        "revision": revision or new_revision(),
        "created_at": created_at,
        "updated_at": updated_at or created_at,
    }
    one(db, _LOCK_POST, f"There is no post {post_id}.", post_id=post_id)
    if comment_id is None or not db.all(_INSERT, id=comment_id, **values):
        db.all(_INSERT, **values)
