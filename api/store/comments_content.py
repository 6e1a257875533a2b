"""Comments as the content of their author, for `users_content`, and of their post."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate
from typing import NamedTuple

import sqlalchemy as sa

from api import constraints
from api.store.comments_table import comments
from api.store.engine.connections import Connection, Query
from api.store.errors import TooMuchContent

AT_ONCE = 100
"""Comments in a step: each takes up to 40 KB."""


class _Comment(NamedTuple):
    id: int
    characters: int


class _Count(NamedTuple):
    number: int


_AT_MOST = sa.bindparam("at_most", type_=sa.Integer)
_SELECT = sa.select(comments.c.id, sa.func.length(comments.c.body).label("characters")).limit(_AT_MOST)
_OF_AUTHOR = _SELECT.where(comments.c.author_id == sa.bindparam("author_id"))
_OF_POST = _SELECT.where(comments.c.post_id == sa.bindparam("of_post"))
_NEXT, _NEXT_OF_POST = Query(_Comment, _OF_AUTHOR), Query(_Comment, _OF_POST)
_COUNT_OF_POST = Query(
    _Count,
    sa.select(sa.func.count().label("number")).select_from(
        sa.select(comments.c.id).where(comments.c.post_id == sa.bindparam("of_post")).limit(_AT_MOST).subquery()
    ),
)
_NEXT_TO_CHANGE = Query(_Comment, _OF_AUTHOR.where(comments.c.hidden == sa.bindparam("is_hidden", type_=sa.Boolean)))
_DELETE = sa.delete(comments).where(comments.c.id == sa.bindparam("old_id"))
_SET_HIDDEN = sa.update(comments).where(comments.c.id == sa.bindparam("old_id"))


def remove_some(db: Connection, user_id: int) -> tuple[int, int]:
    """Delete some comments by the user."""
    return _remove(db, db.all(_NEXT, author_id=user_id, at_most=AT_ONCE))


def hide_some(db: Connection, user_id: int) -> tuple[int, int]:
    """Hide some comments by the user."""
    return _set_hidden(db, user_id, is_hidden=True)


def show_some(db: Connection, user_id: int) -> tuple[int, int]:
    """Show some comments by the user again."""
    return _set_hidden(db, user_id, is_hidden=False)


def exist_on(db: Connection, post_id: int) -> bool:
    """Return whether the post has comments."""
    return bool(db.all(_NEXT_OF_POST, of_post=post_id, at_most=1))


def remove_some_on(db: Connection, post_id: int) -> tuple[int, int]:
    """Delete some comments on the post."""
    return _remove(db, db.all(_NEXT_OF_POST, of_post=post_id, at_most=AT_ONCE))


def require_few_on(db: Connection, post_id: int) -> None:
    """`TooMuchContent` if it would take too long for one transaction to delete the comments with the post."""
    limit, maximum = constraints.COMMENTS_MAX_REMOVED, constraints.CONTENT_MAX_CHARACTERS
    [count] = db.all(_COUNT_OF_POST, of_post=post_id, at_most=limit + 1)
    # Bodies are read only if there are enough to have too many characters, and on SQLite only until they have.
    if count.number > limit or (
        count.number * constraints.COMMENT_MAX_LENGTH > maximum
        and db.read(partial(_exceeds, maximum), _NEXT_OF_POST, of_post=post_id, at_most=limit)
    ):
        raise TooMuchContent(
            "The post has more comments than one request deletes. Have an operator of this site run "
            f"`pressroom posts remove {post_id}`."
        )


def _exceeds(maximum: int, rows: Iterator[_Comment]) -> bool:
    """Return whether the comments have more characters."""
    return any(characters > maximum for characters in accumulate(row.characters for row in rows))


def _remove(db: Connection, rows: Sequence[_Comment]) -> tuple[int, int]:
    if rows:
        db.execute_many(_DELETE, [{"old_id": row.id} for row in rows])
    return len(rows), sum(row.characters for row in rows)


def _set_hidden(db: Connection, user_id: int, *, is_hidden: bool) -> tuple[int, int]:
    rows = db.all(_NEXT_TO_CHANGE, author_id=user_id, is_hidden=not is_hidden, at_most=AT_ONCE)
    if rows:
        db.execute_many(_SET_HIDDEN, [{"old_id": row.id, "hidden": is_hidden} for row in rows])
    return len(rows), sum(row.characters for row in rows)
