"""SQL to export and import comments."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from api.store.archive_locks import lock_post
from api.store.columns import Timestamp, new_revision
from api.store.comments_table import comments
from api.store.engine.connections import Connection, Query
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


class SimilarComment(NamedTuple):
    """A stored comment with the same author, post and time as one in an archive."""

    id: int
    has_body: bool
    """Whether their bodies are equal."""
    is_changed: bool
    """Whether one of them has been changed since the other was written."""


class _Id(NamedTuple):
    id: int


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
# Both values of `hidden`, because rows are hidden and shown in several transactions: one after the other in the order
# of an index, or at once where the order does not matter.
_NEXT_OF_USER = Query(
    ArchivedComment,
    _COMMENTS.where(
        comments.c.author_id == sa.bindparam("of_user"),
        comments.c.hidden == sa.bindparam("is_hidden", type_=sa.Boolean),
    ),
)
_SIMILAR = Query(
    SimilarComment,
    sa.select(
        comments.c.id,
        (comments.c.body == sa.bindparam("archived_body", type_=sa.Text)).label("has_body"),
        (comments.c.updated_at != sa.bindparam("archived_updated_at", type_=Timestamp)).label("is_changed"),
    ).where(
        comments.c.post_id == sa.bindparam("of_post"),
        comments.c.hidden.in_([sa.false(), sa.true()]),
        comments.c.created_at == sa.bindparam("at", type_=Timestamp),
        comments.c.author_id == sa.bindparam("by_user"),
    ),
)
# SQLite has the same syntax.
_INSERT = Query(_Id, insert(comments).on_conflict_do_nothing().returning(comments.c.id))


def all_comments(db: Connection) -> Iterator[ArchivedComment]:
    """Yield all comments, in the order of their ids."""
    last_id = 0
    while page := db.all(_NEXT, last_id=last_id):
        yield from page
        last_id = page[-1].id


def comments_of_user(db: Connection, user_id: int) -> Iterator[ArchivedComment]:
    """Yield the comments of a user, in the order of their ids; last those that an ended suspension still hides."""
    for is_hidden in (False, True):
        last_id = 0
        while page := db.all(_NEXT_OF_USER, of_user=user_id, is_hidden=is_hidden, last_id=last_id):
            yield from page
            last_id = page[-1].id


def find_similar(
    db: Connection, *, author_id: int, post_id: int, body: str, created_at: datetime, updated_at: datetime
) -> Sequence[SimilarComment]:
    """Return the comments by the author on the post that were created at that time: several if it is in seconds."""
    return db.all(
        _SIMILAR,
        by_user=author_id,
        of_post=post_id,
        at=created_at,
        archived_body=body,
        archived_updated_at=updated_at,
    )


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
) -> int:
    """Insert a comment, even on a closed post, and return its id: that one if it is free. `NotFound` without the post.

    `archive_locks.reserve_ids` must precede a `comment_id`.
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
    lock_post(db, post_id)
    created = (comment_id is not None and db.all(_INSERT, id=comment_id, **values)) or db.all(_INSERT, **values)
    return created[0].id
