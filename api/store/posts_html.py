"""Posts with their bodies as HTML, which is not stored."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from api import constraints
from api.markdown import to_html
from api.store.columns import END_OF_TIME
from api.store.pages import Page, encode_cursor
from api.store.posts_table import Post


class PostWithHTML(NamedTuple):
    """A post with its body, and that as HTML, which is None if both together do not fit into a page."""

    id: int
    author_id: int
    slug: str | None
    title: str
    body: str
    tags: list[str]
    metadata: dict[str, str]
    comments: str
    published_at: datetime | None
    revision: str
    created_at: datetime
    updated_at: datetime
    username: str
    display_name: str
    is_withheld: bool
    html: str | None


class PostSummaryWithHTML(NamedTuple):
    """A post with its body as HTML only."""

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
    is_withheld: bool
    html: str | None


_summary = attrgetter(*PostSummaryWithHTML._fields)
_NAMES_BYTES = 2048
"""More than the names of a post and of its metadata, its URLs and times take in JSON."""


def render(post: Post) -> tuple[PostWithHTML, int]:
    """Add the HTML to a post; return also how many bytes it takes in JSON, or more: a page if its HTML is too large."""
    html, size = to_html(post.body)
    # It is not serialised here, because that takes longer; a character takes 6 bytes at most: `\u0001`.
    texts = post.title, post.display_name, *post.tags, *post.metadata.values()
    return PostWithHTML(*post, html), size + 6 * sum(map(len, texts)) + _NAMES_BYTES


def without_body(post: PostWithHTML) -> PostSummaryWithHTML:
    """Return the post with its body as HTML only."""
    return PostSummaryWithHTML._make(_summary(post))


def until_full(posts: Iterable[Post]) -> Sequence[PostWithHTML]:
    """Render posts, at least one, until their bodies and HTML fill a page: that bounds the time, too."""
    fitting, free = list[PostWithHTML](), constraints.PAGE_MAX_BYTES
    for rendered, size in map(render, posts):
        free -= size
        if free < 0 and fitting:
            break
        fitting.append(rendered)
    return fitting


def expand_page(page: Page[Post], expand: str) -> Page[Post] | Page[PostWithHTML] | Page[PostSummaryWithHTML]:
    """Return the page with what `expand` lists of `body` and `html`; a page with HTML may be shorter."""
    if expand == "body":
        return page
    rendered, next_cursor = until_full(page.rows), page.next_cursor
    if len(rendered) < len(page.rows):
        next_cursor = encode_cursor(page.rows[len(rendered) - 1].listed_at or END_OF_TIME, rendered[-1].id)
    if expand == "html":
        return Page([*map(without_body, rendered)], next_cursor)
    return Page(rendered, next_cursor)
