"""Posts with their bodies as HTML, which is not stored."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from api import constraints
from api.json import dumps
from api.markdown import to_html
from api.store.columns import END_OF_TIME
from api.store.pages import NAMES_BYTES, Page, encode_cursor
from api.store.posts_table import Post


class PostWithHTML(NamedTuple):
    """A post with its body, and that as HTML, which is None if both together do not fit into a page."""

    id: int
    author_id: int
    slug: str | None
    title: str
    body: str
    html: str | None
    tags: list[str]
    metadata: dict[str, str]
    published_at: datetime | None
    revision: str
    created_at: datetime
    updated_at: datetime
    username: str
    display_name: str


class PostSummaryWithHTML(NamedTuple):
    """A post with its body as HTML only."""

    id: int
    author_id: int
    slug: str | None
    title: str
    html: str | None
    tags: list[str]
    metadata: dict[str, str]
    published_at: datetime | None
    revision: str
    created_at: datetime
    updated_at: datetime
    username: str
    display_name: str


def render(post: Post) -> PostWithHTML:
    """Add the HTML to a post."""
    return PostWithHTML(html=to_html(post.body), **post._asdict())


def without_body(post: PostWithHTML) -> PostSummaryWithHTML:
    """Return the post with its body as HTML only."""
    return PostSummaryWithHTML._make(getattr(post, name) for name in PostSummaryWithHTML._fields)


def until_full(posts: Iterable[Post]) -> Sequence[PostWithHTML]:
    """Render posts, at least one, until their bodies and HTML fill a page: that bounds the time, too."""
    rendered, free = list[PostWithHTML](), constraints.PAGE_MAX_BYTES
    for post in map(render, posts):
        free -= json_bytes(post)
        if free < 0 and rendered:
            break
        rendered.append(post)
    return rendered


def expand_page(page: Page[Post], expand: str) -> Page[Post] | Page[PostWithHTML] | Page[PostSummaryWithHTML]:
    """Return the page with what `expand` lists of `body` and `html`; a page with HTML may be shorter."""
    if expand == "body":
        return page
    rendered, next_cursor = until_full(page.rows), page.next_cursor
    if len(rendered) < len(page.rows):
        next_cursor = encode_cursor(rendered[-1].published_at or END_OF_TIME, rendered[-1].id)
    if expand == "html":
        return Page([*map(without_body, rendered)], next_cursor)
    return Page(rendered, next_cursor)


def json_bytes(post: PostWithHTML) -> int:
    """Return the bytes of the post in JSON, or more; those of a page if its HTML is too large."""
    if post.html is None:
        return constraints.PAGE_MAX_BYTES
    return len(dumps([*post])) + NAMES_BYTES
