"""Lists of likes: the users who like a post, and the posts that a user likes."""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from api.store import posts_visibility, users
from api.store.columns import END_OF_TIME, PublishedAt, now
from api.store.engine.connections import Connection
from api.store.likes import OF_POST, POST_IS_VISIBLE, likes
from api.store.pages import NewestFirst, Page, encode_cursor
from api.store.posts_lists import characters_of_metadata
from api.store.posts_table import PostSummary, posts
from api.store.principals import Principal


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


_LIKERS = NewestFirst(
    Liker,
    sa.select(likes.c.user_id.label("id"), users.users.c.username, users.users.c.display_name, likes.c.liked_at)
    .join_from(likes, users.users)
    .where(OF_POST, likes.c.hidden == sa.false(), POST_IS_VISIBLE),
    likes.c.liked_at,
    likes.c.user_id,
)
_LIKER = sa.select(users.users).where(users.users.c.username == sa.bindparam("liker"))
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
        == _LIKER.with_only_columns(users.users.c.id)
        .where(sa.or_(users.users.c.suspended_at.is_(None), sa.bindparam("is_admin", type_=sa.Boolean)))
        .scalar_subquery(),
        likes.c.hidden == _LIKER.with_only_columns(users.users.c.suspended_at.is_not(None)).scalar_subquery(),
    ),
    likes.c.liked_at,
    likes.c.post_id,
    characters=characters_of_metadata,
)


def likers_page(
    db: Connection, post_id: int, *, limit: int, cursor: str | None = None, viewer: Principal | None = None
) -> Page[Liker]:
    """Return a page of the users who like the post, latest first; `NotFound` if the viewer cannot see it."""
    parameters = {"post_id": post_id, "at": now(), **posts_visibility.seen_by(viewer)}
    page = _LIKERS.page(db, limit=limit, cursor=cursor, until=END_OF_TIME, **parameters)
    if not page.rows:
        posts_visibility.require_visible(db, post_id, viewer=viewer)
    return page


def posts_page(
    db: Connection, username: str, *, limit: int, cursor: str | None = None, viewer: Principal | None = None
) -> Page[LikedPost]:
    """Return a page of the public posts that the user likes, latest first; `NotFound` if there is no such user.

    It may be short, even empty, while there are more. Of a suspended user, only admins see it.
    """
    is_admin = viewer is not None and viewer.role == "admin"
    # With the like that follows the page.
    rows, next_cursor = _LIKED_POSTS.page(
        db, limit=limit + 1, cursor=cursor, liker=username, at=now(), is_admin=is_admin
    )
    if not rows:
        users.require_visible(users.get(db, username), viewer)
    if len(rows) > 1 and (next_cursor or len(rows) > limit):
        next_cursor, rows = _cursor_between(*rows[-2:]), rows[:-1]
    return Page([row for row in rows if row.title is not None], next_cursor)


def _cursor_between(last: LikedPost, following: LikedPost) -> str:
    """Return a cursor that ends a page between two likes, without the id of a post that is not public.

    Only if users have imported likes of two such posts with the same time, it has the id of one.
    """
    if last.title is not None:
        id_ = last.id
    elif following.liked_at < last.liked_at:
        id_ = 0
    else:
        id_ = last.id if following.title is None else following.id + 1
    return encode_cursor(last.liked_at, id_)
