"""Lists of posts: all, by author, by tag."""

from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, Protocol

import sqlalchemy as sa

from api.store import posts_html
from api.store.engine.connections import Connection, Row, Select
from api.store.pages import NewestFirst, Page
from api.store.posts_filters import FILTERS, filter_by, visible_until
from api.store.posts_html import PostSummaryWithHTML, PostWithHTML
from api.store.posts_table import POST, Post, PostSummary, posts
from api.store.principals import Principal

SUMMARY = POST.with_only_columns(*(POST.selected_columns[name] for name in PostSummary._fields))


class _WithMetadata(Protocol):
    @property
    def metadata(self) -> Mapping[str, str]: ...


def characters_of_metadata(post: _WithMetadata) -> int:
    """Count the characters of the metadata, which a change feed has as None if there is no post."""
    return sum(map(len, post.metadata.values())) if post.metadata else 0


def characters(post: Post) -> int:
    """Count the characters of the metadata and of the body, which may be None, too."""
    return len(post.body or "") + characters_of_metadata(post)


class Shape(NamedTuple, Generic[Row]):
    """How much of the posts a list has."""

    row_type: type[Row]
    statement: Select
    characters: Callable[[Row], int]
    """Counts those of a row's large columns."""
    large: sa.Column[str] | None = None
    """The largest column."""


SUMMARIES = Shape(PostSummary, SUMMARY, characters_of_metadata)
POSTS = Shape(Post, POST, characters, posts.c.body)


def _lists(shape: Shape[Row]) -> dict[tuple[bool, bool], NewestFirst[Row]]:
    """Return a list for each of `FILTERS`."""
    row_type, statement, count, large = shape
    lists = {}
    for by_author, by_tag in FILTERS:
        filtered, position = filter_by(statement, by_author=by_author, by_tag=by_tag)
        lists[by_author, by_tag] = NewestFirst(
            row_type, filtered, *position, characters=count, large=large, key="listed_at"
        )
    return lists


_SUMMARIES = _lists(SUMMARIES)
_POSTS = _lists(POSTS)


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
    filters = author is not None, tag is not None
    until = visible_until(author, viewer)
    if not expand:
        return _SUMMARIES[filters].page(db, limit=limit, cursor=cursor, until=until, author=author, tag=tag)
    page = _POSTS[filters].page(db, limit=limit, cursor=cursor, until=until, author=author, tag=tag)
    return posts_html.expand_page(page, expand)
