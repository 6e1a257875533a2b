"""Likes: which users like which posts. A post has no number of its likes, which would change its ETag with each."""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from api.store import posts_visibility, users
from api.store.columns import END_OF_TIME, PublishedAt, Timestamp, metadata, now
from api.store.engine.connections import Connection, Query
from api.store.errors import NotFound
from api.store.pages import NewestFirst, Page
from api.store.posts_lists import characters_of_metadata
from api.store.posts_table import PostSummary, posts
from api.store.principals import Principal
from api.store.queries import FOREIGN_KEY_VIOLATION, one, translating

likes = sa.Table(
    "likes",
    metadata,
    sa.Column("post_id", sa.ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("liked_at", Timestamp, nullable=False),
    sa.Column("hidden", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index(None, "post_id", "hidden", "liked_at", "user_id"),
    sa.Index(None, "user_id", "hidden", "liked_at", "post_id"),
)


class Like(NamedTuple):
    """A user's own like of a post."""

    post_id: int
    liked_at: datetime


class Liker(NamedTuple):
    """A user who likes a post."""

    id: int
    username: str
    display_name: str
    liked_at: datetime


class LikedPost(NamedTuple):
    """A post that a user likes, without its body."""

    id: int
    author_id: int
    slug: str | None
    title: str
    tags: list[str]
    metadata: dict[str, str]
    comments: str
    published_at: datetime | None
    revision: str
    created_at: datetime
    updated_at: datetime
    username: str
    display_name: str
    liked_at: datetime


_IS_SHOWN = likes.c.hidden == sa.false()
_POST_IS_VISIBLE = sa.exists().where(posts_visibility.HAS_ID, posts_visibility.IS_VISIBLE)
_OF_POST = likes.c.post_id == sa.bindparam("post_id")
_OWN = Query(
    Like,
    sa.select(likes.c.post_id, likes.c.liked_at).where(
        _OF_POST, likes.c.user_id == sa.bindparam("viewer_id"), _POST_IS_VISIBLE
    ),
)
# SQLite has the same syntax.
_INSERT = insert(likes).on_conflict_do_nothing(index_elements=[likes.c.post_id, likes.c.user_id])
DELETE = sa.delete(likes).where(
    likes.c.post_id == sa.bindparam("old_post_id"), likes.c.user_id == sa.bindparam("old_user_id")
)
_LIKERS = NewestFirst(
    Liker,
    sa.select(likes.c.user_id.label("id"), users.users.c.username, users.users.c.display_name, likes.c.liked_at)
    .join_from(likes, users.users)
    .where(_OF_POST, _IS_SHOWN, _POST_IS_VISIBLE),
    likes.c.liked_at,
    likes.c.user_id,
)
# A post that is not public has NULL in all columns but its id, so that a page reads no more likes than it has items.
_LIKED_POSTS = NewestFirst(
    LikedPost,
    sa.select(
        likes.c.post_id.label("id"),
        *(posts.c[name] for name in PostSummary._fields[1:-3]),
        users.users.c.username,
        users.users.c.display_name,
        likes.c.liked_at,
    )
    .select_from(
        likes.outerjoin(
            posts,
            sa.and_(posts.c.id == likes.c.post_id, posts.c.published_at <= sa.bindparam("at", type_=PublishedAt())),
        ).outerjoin(users.users, users.users.c.id == posts.c.author_id)
    )
    .where(
        likes.c.user_id
        == sa.select(users.users.c.id)
        .where(users.users.c.username == sa.bindparam("liker"), users.users.c.suspended_at.is_(None))
        .scalar_subquery(),
        _IS_SHOWN,
    ),
    likes.c.liked_at,
    likes.c.post_id,
    characters=characters_of_metadata,
)


def get(db: Connection, post_id: int, *, user: Principal) -> Like:
    """Return the user's like of the post; `NotFound` if there is none, or if they cannot see the post."""
    parameters = posts_visibility.seen_by(user)
    return one(db, _OWN, f"You do not like a post {post_id}.", post_id=post_id, at=now(), **parameters)


def add(db: Connection, post_id: int, *, user: Principal) -> None:
    """Insert the user's like of the post, unless it exists; `NotFound` if they cannot see the post."""
    posts_visibility.require_visible(db, post_id, viewer=user)
    # The user cannot be removed: the transaction has authenticated them.
    with translating(FOREIGN_KEY_VIOLATION, NotFound(posts_visibility.not_found(post_id))):
        db.execute(_INSERT, post_id=post_id, user_id=user.id, liked_at=now())


def remove(db: Connection, post_id: int, *, user: Principal) -> None:
    """Delete the user's like of the post, if it exists; `NotFound` if it does not, and they cannot see the post."""
    if not db.execute(DELETE, old_post_id=post_id, old_user_id=user.id):
        posts_visibility.require_visible(db, post_id, viewer=user)


def likers_page(
    db: Connection, post_id: int, *, limit: int, cursor: str | None = None, viewer: Principal | None = None
) -> Page[Liker]:
    """Return a page of the users who like the post, latest first; `NotFound` if the viewer cannot see it."""
    parameters = {"post_id": post_id, "at": now(), **posts_visibility.seen_by(viewer)}
    page = _LIKERS.page(db, limit=limit, cursor=cursor, until=END_OF_TIME, **parameters)
    if not page.rows:
        posts_visibility.require_visible(db, post_id, viewer=viewer)
    return page


def posts_page(db: Connection, username: str, *, limit: int, cursor: str | None = None) -> Page[LikedPost]:
    """Return a page of the public posts that the user likes, latest first; `NotFound` if there is no such user.

    It may be short, even empty, while there are more.
    """
    page = _LIKED_POSTS.page(db, limit=limit, cursor=cursor, liker=username, at=now())
    if not page.rows:
        users.require_visible(users.get(db, username), None)
    return Page([row for row in page.rows if row.title is not None], page.next_cursor)
