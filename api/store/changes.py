"""The change feeds of posts and users."""

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from api.store import posts_html
from api.store.change_entries import Source
from api.store.change_feed import ChangeFeed, ChangesPage
from api.store.change_positions import Feed, removed_posts, removed_users
from api.store.engine.connections import Connection
from api.store.posts_html import PostSummaryWithHTML, PostWithHTML
from api.store.posts_lists import SUMMARY, characters, characters_of_metadata
from api.store.posts_table import POST, Post, PostSummary, posts
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


class PostChangeWithHTML(NamedTuple):
    """The same, with the body of the post as HTML, too."""

    id: int
    changed_at: datetime
    post: PostWithHTML | None


class PostChangeWithOnlyHTML(NamedTuple):
    """The same, with the body of the post as HTML only."""

    id: int
    changed_at: datetime
    post: PostSummaryWithHTML | None


class UserChange(NamedTuple):
    """A change of a user, which is None if it has been removed or suspended."""

    username: str
    changed_at: datetime
    user: User | None


def _render_only(post: Post) -> tuple[PostSummaryWithHTML, int]:
    rendered, size = posts_html.render(post)
    return posts_html.without_body(rendered), size


_POSTS_SOURCE = Source(
    feed="posts",
    table=posts,
    key=posts.c.id,
    join=lambda rows: rows.outerjoin(users, users.c.id == posts.c.author_id),
    removed=removed_posts,
    removed_id=removed_posts.c.post_id,
    removed_key=removed_posts.c.post_id,
    hidden_at=None,
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
    hidden_at=users.c.suspended_at,
    scheduled=False,
)
_SUMMARIES = ChangeFeed(_POSTS_SOURCE, PostChange, PostSummary, SUMMARY, characters=characters_of_metadata)
_POSTS = ChangeFeed(_POSTS_SOURCE, PostChangeWithBody, Post, POST, characters=characters)
_RENDERED = ChangeFeed(_POSTS_SOURCE, PostChangeWithHTML, Post, POST, characters=characters, expand=posts_html.render)
_HTML = ChangeFeed(_POSTS_SOURCE, PostChangeWithOnlyHTML, Post, POST, characters=characters, expand=_render_only)
_USERS = ChangeFeed(_USERS_SOURCE, UserChange, User, sa.select(*USER_COLUMNS))


AnyPostChange = PostChange | PostChangeWithBody | PostChangeWithHTML | PostChangeWithOnlyHTML
_FEEDS: dict[str, ChangeFeed[Any]] = {"": _SUMMARIES, "body": _POSTS, "html": _HTML, "body,html": _RENDERED}


def posts_page(
    db: Connection,
    *,
    since: SyncToken | None = None,
    limit: int,
    expand: str = "",
    at: datetime | None = None,
) -> ChangesPage[AnyPostChange]:
    """Return changes of posts after `since`, with what `expand` lists of `body` and `html`; `at` is the time, or now.

    `SyncTokenExpired` if changes may be missing.
    """
    return _FEEDS[expand].page(db, since=since, limit=limit, at=at)


def users_page(
    db: Connection, *, since: SyncToken | None = None, limit: int, at: datetime | None = None
) -> ChangesPage[UserChange]:
    """Return changes of users after `since`; `SyncTokenExpired` if changes may be missing."""
    return _USERS.page(db, since=since, limit=limit, at=at)


def end(db: Connection, feed: Feed) -> SyncToken:
    """Return the token after all changes until now."""
    return (_SUMMARIES if feed == "posts" else _USERS).end(db)
