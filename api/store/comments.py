"""Comments on posts: list, read, create, revise, remove. They are visible to those who see the post."""

from collections.abc import Sequence
from functools import partial
from typing import TypeVar

from api import constraints
from api.markdown import to_html
from api.store.columns import END_OF_TIME, START_OF_TIME, new_revision, now
from api.store.comments_table import BY_ID, DELETE, FOR_UPDATE, INSERT, PAGE, UPDATE, Comment, CommentWithHTML
from api.store.engine.connections import Connection
from api.store.errors import CommentsClosed, Forbidden, NotFound, Unauthenticated
from api.store.pages import Page, encode_cursor, start_position, until_full
from api.store.posts_visibility import lock_visible, seen_by
from api.store.posts_visibility import not_found as post_not_found
from api.store.principals import Principal
from api.store.queries import (
    FOREIGN_KEY_VIOLATION,
    delete_if_unchanged,
    differing,
    one,
    time_of_change,
    translating,
    update_if_unchanged,
)

AnyComment = TypeVar("AnyComment", Comment, CommentWithHTML)
_OTHER_BYTES = 1024
"""More than the names, URLs and times of a comment take in JSON."""


def page(
    db: Connection, post_id: int, *, limit: int, cursor: str | None = None, expand: str = "", viewer: Principal | None
) -> Page[Comment] | Page[CommentWithHTML]:
    """Return a page of the comments on a post, oldest first; `NotFound` if the viewer does not see the post."""
    timestamp, id_ = start_position(cursor, END_OF_TIME) if cursor else (START_OF_TIME, 0)
    position = {"page_timestamp": timestamp, "page_id": id_, "page_limit": limit + 1}
    rows, fitting = db.read(
        partial(until_full, _characters),
        PAGE,
        post_id=post_id,
        at=now(),
        **seen_by(viewer),
        **position,
    )
    if not rows:
        raise NotFound(post_not_found(post_id))
    read = rows[: min(limit, fitting)] if rows[0].id else []
    if not expand:
        return _page(read, is_last=len(read) in {0, len(rows)})
    rendered = _render(read)
    return _page(rendered, is_last=len(rendered) in {0, len(rows)})


def get(db: Connection, comment_id: int, *, expand: str = "", viewer: Principal | None) -> Comment | CommentWithHTML:
    """Return the comment; `NotFound` if there is none, or if the viewer does not see its post."""
    comment = one(db, BY_ID, _not_found(comment_id), comment_id=comment_id, at=now(), **seen_by(viewer))
    return _render([comment])[0] if expand else comment


def get_for_update(db: Connection, comment_id: int, *, principal: Principal, may_moderate: bool = False) -> Comment:
    """Return the comment, locked until the transaction ends; `Forbidden` if the principal may not change it.

    Its author and admins may; the author of the post may if `may_moderate`.
    """
    parameters = {"comment_id": comment_id, "at": now(), **seen_by(principal)}
    comment = db.one_or_none(FOR_UPDATE[may_moderate], **parameters)
    if comment is None:
        one(db, BY_ID, _not_found(comment_id), **parameters)
        raise Forbidden(
            "You can delete only your own comments, and those on your posts."
            if may_moderate
            else "You can change only your own comments."
        )
    return comment


def create(db: Connection, post_id: int, *, author: Principal, body: str) -> Comment:
    """Insert a comment.

    `NotFound` if the author does not see the post, `CommentsClosed` if it is closed, `Unauthenticated` without the
    author.
    """
    if lock_visible(db, post_id, viewer=author).comments == "closed":
        raise CommentsClosed("The post is closed for comments.")
    timestamp = now()
    with translating(FOREIGN_KEY_VIOLATION, Unauthenticated("The author has been removed. Register again.")):
        [comment] = db.all(
            INSERT,
            post_id=post_id,
            author_id=author.id,
            body=body,
            revision=new_revision(),
            created_at=timestamp,
            updated_at=timestamp,
        )
    return comment


def revise(db: Connection, comment: Comment, **changes: object) -> Comment:
    """Update the comment unless it has these values; `PreconditionFailed` if it has been changed since it was read."""
    if not (changes := differing(comment, changes)):
        return comment
    return update_if_unchanged(db, UPDATE, comment, updated_at=time_of_change(comment.created_at), **changes)


def remove(db: Connection, comment: Comment) -> None:
    """Delete the comment; `PreconditionFailed` if it has been changed since it was read."""
    delete_if_unchanged(db, DELETE, comment)


def _page(rows: Sequence[AnyComment], *, is_last: bool) -> Page[AnyComment]:
    return Page(rows, None if is_last else encode_cursor(rows[-1].created_at, rows[-1].id))


def _characters(comment: Comment) -> int:
    """Count the characters of the body, which is None if there is no comment."""
    return len(comment.body or "")


def _render(rows: Sequence[Comment]) -> list[CommentWithHTML]:
    """Render comments, at least one, until their bodies and HTML fill a page: that bounds the time, too."""
    fitting, free = list[CommentWithHTML](), constraints.PAGE_MAX_BYTES
    for comment in rows:
        html, size = to_html(comment.body)
        free -= size + _OTHER_BYTES
        if free < 0 and fitting:
            break
        fitting.append(CommentWithHTML(*comment, html))
    return fitting


def _not_found(comment_id: int) -> str:
    return f"There is no comment {comment_id}."
