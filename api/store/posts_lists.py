"""Lists of posts: all, by author, by tag."""

from collections.abc import Callable
from datetime import datetime
from itertools import product
from typing import NamedTuple

import sqlalchemy as sa

from api.store import posts_html
from api.store.columns import END_OF_TIME, now
from api.store.engine.connections import Connection, Row, Select
from api.store.pages import NewestFirst, Page
from api.store.posts_html import PostSummaryWithHTML, PostWithHTML
from api.store.posts_table import POST, Post, posts
from api.store.posts_tags import post_tags
from api.store.principals import Principal
from api.store.users import users


class PostSummary(NamedTuple):
    """A post without its body."""

    id: int
    author_id: int
    slug: str | None
    title: str
    tags: list[str]
    metadata: dict[str, str]
    published_at: datetime | None
    revision: str
    created_at: datetime
    updated_at: datetime
    username: str
    display_name: str


SUMMARY = POST.with_only_columns(*(POST.selected_columns[name] for name in PostSummary._fields))


def characters_of_metadata(post: PostSummary | Post) -> int:
    """Count the characters of the metadata, which a change feed has as None if there is no post."""
    return sum(map(len, post.metadata.values())) if post.metadata else 0


def characters(post: Post) -> int:
    """Count the characters of the metadata and of the body, which may be None, too."""
    return len(post.body or "") + characters_of_metadata(post)


def _list(
    row_type: type[Row], statement: Select, characters: Callable[[Row], int], *, by_author: bool, by_tag: bool
) -> NewestFirst[Row]:
    if by_author:
        author_id = sa.select(users.c.id).where(users.c.username == sa.bindparam("author")).scalar_subquery()
        # With a tag, too, the index of tags has the posts in their order.
        statement = statement.where((post_tags if by_tag else posts).c.author_id == author_id)
    if by_tag:
        statement = statement.join(post_tags).where(post_tags.c.tag == sa.bindparam("tag"))
    position = (post_tags.c.published_at, post_tags.c.post_id) if by_tag else (posts.c.published_at, posts.c.id)
    large = posts.c.body if row_type is Post else None
    return NewestFirst(row_type, statement, *position, characters=characters, large=large)


def _lists(
    row_type: type[Row], statement: Select, characters: Callable[[Row], int]
) -> dict[tuple[bool, bool], NewestFirst[Row]]:
    """Return a list for each combination of (by author, by tag)."""
    return {
        (by_author, by_tag): _list(row_type, statement, characters, by_author=by_author, by_tag=by_tag)
        for by_author, by_tag in product((False, True), repeat=2)
    }


_SUMMARIES = _lists(PostSummary, SUMMARY, characters_of_metadata)
_POSTS = _lists(Post, POST, characters)


def page(
    db: Connection,
    *,
    limit: int,
    cursor: str | None = None,
    author: str | None = None,
    tag: str | None = None,
    expand: str = "",
    viewer: Principal | None = None,
) -> Page[PostSummary] | Page[Post] | Page[PostWithHTML] | Page[PostSummaryWithHTML]:
    """Return a page of published posts, newest first; with what `expand` lists of `body` and `html`.

    A viewer who may change the author's posts sees all of them: drafts, then scheduled, then published posts.
    """
    sees_all = viewer and author and (viewer.username == author or viewer.role == "admin")
    filters = author is not None, tag is not None
    until = END_OF_TIME if sees_all else now()
    if not expand:
        return _SUMMARIES[filters].page(db, limit=limit, cursor=cursor, until=until, author=author, tag=tag)
    page = _POSTS[filters].page(db, limit=limit, cursor=cursor, until=until, author=author, tag=tag)
    if expand == "body":
        return page
    rendered, next_cursor = posts_html.until_full(page.rows), page.next_cursor
    if len(rendered) < len(page.rows):
        next_cursor = _POSTS[filters].cursor_after(rendered[-1])
    if expand == "html":
        return Page([*map(posts_html.without_body, rendered)], next_cursor)
    return Page(rendered, next_cursor)
