"""The change feeds of posts and users."""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from api.store.change_entries import Source
from api.store.change_feed import ChangeFeed, ChangesPage
from api.store.change_positions import removed_posts, removed_users
from api.store.engine.connections import Connection
from api.store.posts_lists import SUMMARY, PostSummary, characters, characters_of_metadata
from api.store.posts_table import POST, Post, posts
from api.store.users import USER_COLUMNS, User, users
from api.sync_tokens import SyncToken


class PostChange(NamedTuple):
    """A change of a post, which is None if it is no longer public."""

    id: int
    changed_at: datetime
    post: PostSummary | None


class PostChangeWithBody(NamedTuple):
    """The same, with the body of the post."""

    id: int
    changed_at: datetime
    post: Post | None


class UserChange(NamedTuple):
    """A change of a user, which is None if it has been removed."""

    username: str
    changed_at: datetime
    user: User | None


_POSTS_SOURCE = Source(
    feed="posts",
    table=posts,
    key=posts.c.id,
    join=lambda rows: rows.outerjoin(users, users.c.id == posts.c.author_id),
    removed=removed_posts,
    removed_id=removed_posts.c.post_id,
    removed_key=removed_posts.c.post_id,
    scheduled=True,
)
_USERS_SOURCE = Source(
    feed="users",
    table=users,
    key=users.c.username,
    join=lambda rows: rows,
    removed=removed_users,
    removed_id=removed_users.c.user_id,
    removed_key=removed_users.c.username,
    scheduled=False,
)
_SUMMARIES = ChangeFeed(_POSTS_SOURCE, PostChange, PostSummary, SUMMARY, characters=characters_of_metadata)
_POSTS = ChangeFeed(_POSTS_SOURCE, PostChangeWithBody, Post, POST, characters=characters)
_USERS = ChangeFeed(_USERS_SOURCE, UserChange, User, sa.select(*USER_COLUMNS))


def posts_page(
    db: Connection,
    *,
    since: SyncToken | None = None,
    limit: int,
    expand: str | None = None,
    at: datetime | None = None,
) -> ChangesPage[PostChange] | ChangesPage[PostChangeWithBody]:
    """Return changes of posts after `since`, with bodies if `expand` is `body`; `at` is the time, by default now.

    `SyncTokenExpired` if changes may be missing.
    """
    feed: ChangeFeed[PostChange] | ChangeFeed[PostChangeWithBody] = _POSTS if expand == "body" else _SUMMARIES
    return feed.page(db, since=since, limit=limit, at=at)


def users_page(
    db: Connection, *, since: SyncToken | None = None, limit: int, at: datetime | None = None
) -> ChangesPage[UserChange]:
    """Return changes of users after `since`; `SyncTokenExpired` if changes may be missing."""
    return _USERS.page(db, since=since, limit=limit, at=at)
