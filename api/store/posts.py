"""Posts, as they are kept.

`published_at` is the whole life cycle: the past is public, the future is scheduled, and a draft is published
at the end of time. No job publishes anything, because every question names the moment it is asked at.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from api import limits
from api.store.errors import NotFound, NotYours, SignedOut
from api.store.pages import NewestFirst, Page
from api.store.sql import END, FOREIGN_KEY, Connection, Id, PublishedAt, Row, Timestamp, metadata, now, one, refusing
from api.store.users import users

posts = sa.Table(
    "posts",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("author_id", sa.ForeignKey("users.id"), nullable=False),
    sa.Column("title", sa.String(limits.TITLE), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("tags", sa.JSON, nullable=False),
    sa.Column("published_at", PublishedAt, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("updated_at", Timestamp, nullable=False),
    sa.CheckConstraint(sa.func.length(sa.column("title")).between(1, limits.TITLE), name="title"),
    sa.CheckConstraint(sa.func.length(sa.column("body")).between(1, limits.BODY), name="body"),
    sa.Index(None, "published_at", "id"),
    sa.Index(None, "author_id", "published_at", "id"),
    # An id must not come back with another meaning.
    sqlite_autoincrement=True,
)

# A post's tags are read from the post. This is their index, in the order of the lists.
post_tags = sa.Table(
    "post_tags",
    metadata,
    sa.Column("post_id", sa.ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("tag", sa.String(limits.TAG_MAX), primary_key=True),
    sa.Column("published_at", PublishedAt, nullable=False),
    sa.Index(None, "tag", "published_at", "post_id"),
)

_AUTHOR = users.c.username, users.c.display_name
_POST = sa.select(posts, *_AUTHOR).join_from(posts, users)
_SUMMARY = sa.select(*(each for each in posts.c if each is not posts.c.body), *_AUTHOR).join_from(posts, users)
_BY_ID = _POST.where(posts.c.id == sa.bindparam("post_id"))
_PUBLISH = sa.insert(posts).returning(posts.c.id)
_REVISE = sa.update(posts).where(posts.c.id == sa.bindparam("post_id")).values(version=posts.c.version + 1)
_REMOVE = sa.delete(posts).where(posts.c.id == sa.bindparam("post_id"))
_TAG = sa.insert(post_tags)
_UNTAG = sa.delete(post_tags).where(post_tags.c.post_id == sa.bindparam("untagged"))


def _list(statement: sa.Select[Any], *, by_author: bool, by_tag: bool) -> NewestFirst:
    if by_author:
        author_id = sa.select(users.c.id).where(users.c.username == sa.bindparam("author")).scalar_subquery()
        statement = statement.where(posts.c.author_id == author_id)
    if by_tag:
        statement = statement.join(post_tags).where(post_tags.c.tag == sa.bindparam("tag"))
    if by_tag and not by_author:
        return NewestFirst(statement, post_tags.c.published_at, post_tags.c.post_id)
    return NewestFirst(statement, posts.c.published_at, posts.c.id)


_LISTS = {
    (expanded, by_author, by_tag): _list(statement, by_author=by_author, by_tag=by_tag)
    for expanded, statement in ((False, _SUMMARY), (True, _POST))
    for by_author in (False, True)
    for by_tag in (False, True)
}


def page(
    db: Connection,
    *,
    limit: int,
    cursor: str | None = None,
    author: str | None = None,
    tag: str | None = None,
    viewer: Row | None = None,
    expanded: bool = False,
) -> Page:
    """A page of what is published, the latest first, with bodies if `expanded`.

    Authors who ask for their own see all of it: drafts, then what is scheduled, then what is published.
    """
    until = END if viewer and viewer.username == author else now()
    wanted = _LISTS[expanded, author is not None, tag is not None]
    return wanted.page(db, limit=limit, cursor=cursor, until=until, author=author, tag=tag)


def get(db: Connection, post_id: int, *, viewer: Row | None) -> Row:
    """The post; `NotFound` if there is none, or if it is not published yet and the viewer is not its author."""
    refusal = f"There is no post {post_id}."
    post = one(db, _BY_ID, refusal, post_id=post_id)
    public = post.published_at is not None and post.published_at <= now()
    if not (public or (viewer and viewer.id == post.author_id)):
        raise NotFound(refusal)
    return post


def publish(
    db: Connection,
    *,
    author_id: int,
    title: str,
    body: str,
    tags: Sequence[str],
    published_at: datetime | None,
) -> Row:
    """A new post: public at `published_at`, or a draft if that is None; `SignedOut` if the author is gone."""
    moment = now()
    values = {
        "author_id": author_id,
        "title": title,
        "body": body,
        "tags": tags,
        "published_at": published_at,
        "version": 1,
        "created_at": moment,
        "updated_at": moment,
    }
    with refusing(FOREIGN_KEY, SignedOut("The author has been removed. Register anew.")):
        identity = db.execute(_PUBLISH, values).scalar_one()
    post = one(db, _BY_ID, "The post is gone.", post_id=identity)
    _index(db, post)
    return post


def revise(db: Connection, post_id: int, *, editor: Row, **changes: object) -> Row:
    """The post with `changes`; `NotYours` unless the editor is its author."""
    _own(db, post_id, editor)
    db.execute(_REVISE, {"post_id": post_id, "updated_at": now(), **changes})
    post = one(db, _BY_ID, "The post is gone.", post_id=post_id)
    if changes.keys() & {"tags", "published_at"}:
        db.execute(_UNTAG, {"untagged": post_id})
        _index(db, post)
    return post


def remove(db: Connection, post_id: int, *, editor: Row) -> None:
    """Remove the post for good; `NotYours` unless the editor is its author."""
    _own(db, post_id, editor)
    db.execute(_REMOVE, {"post_id": post_id})


def _index(db: Connection, post: Row) -> None:
    if post.tags:
        db.execute(_TAG, [{"post_id": post.id, "tag": tag, "published_at": post.published_at} for tag in post.tags])


def _own(db: Connection, post_id: int, editor: Row) -> None:
    if get(db, post_id, viewer=editor).author_id != editor.id:
        raise NotYours("You can change only your own posts.")
