"""The timeline: the posts of the users whom one follows, newest first.

To read a page of each author would take too many rows, and to read all posts until enough are by one of the authors any
number. SQLite merges the lists of the authors: it looks up the newest post of each, takes the newest of those, and then
each time looks up the next one by the same author, until the page is full. PostgreSQL cannot sort the queue of a
recursion. There, the posts of a page are by the `limit` authors whose newest posts are newest, and are not older than
those posts: it reads these authors' posts until then, at most `limit` of each.
"""

import sqlalchemy as sa

from api.store import posts_html
from api.store.columns import Id, PublishedAt, now
from api.store.engine.connections import Connection, Query, Row
from api.store.pages import Page, PagedQuery, fitting
from api.store.posts_html import PostSummaryWithHTML, PostWithHTML
from api.store.posts_lists import POSTS, SUMMARIES, Shape
from api.store.posts_table import Post, PostSummary, posts

# The datetime of a post and its id in one text, because a subquery has one value: 26 and 20 characters.
_NEXT = """(
    SELECT posts.published_at || printf('%020d', posts.id) FROM posts
    WHERE posts.author_id = {author_id} AND (posts.published_at, posts.id) < ({published_at}, {id})
    ORDER BY posts.published_at DESC, posts.id DESC LIMIT 1
)"""
_AFTER_PAGE = _NEXT.format(author_id="follows.followed_id", published_at=":page_timestamp", id=":page_id")
_AFTER_ENTRY = _NEXT.format(
    author_id="entries.author_id",
    published_at="substr(entries.position, 1, 26)",
    id="CAST(substr(entries.position, 27) AS INTEGER)",
)
_SQLITE = f"""
WITH RECURSIVE entries(position, author_id) AS (
    SELECT {_AFTER_PAGE}, follows.followed_id FROM follows WHERE follows.follower_id = :by_follower_id
    UNION ALL
    SELECT {_AFTER_ENTRY}, entries.author_id FROM entries WHERE entries.position IS NOT NULL
    ORDER BY 1 DESC LIMIT :page_limit
)
SELECT CAST(substr(position, 27) AS INTEGER) AS id FROM entries WHERE position IS NOT NULL
"""  # noqa: S608 (constants)
_POSTGRESQL = """
WITH newest AS (
    SELECT post.* FROM follows CROSS JOIN LATERAL (
        SELECT posts.author_id, posts.published_at, posts.id FROM posts
        WHERE posts.author_id = follows.followed_id AND (posts.published_at, posts.id) < (:page_timestamp, :page_id)
        ORDER BY posts.published_at DESC, posts.id DESC LIMIT 1
    ) AS post
    WHERE follows.follower_id = :by_follower_id
    ORDER BY post.published_at DESC, post.id DESC LIMIT :page_limit
)
SELECT post.id FROM newest CROSS JOIN LATERAL (
    SELECT posts.published_at, posts.id FROM posts
    WHERE posts.author_id = newest.author_id AND (posts.published_at, posts.id) < (:page_timestamp, :page_id)
    AND posts.published_at >= coalesce(
        (SELECT min(published_at) FROM newest HAVING count(*) = :page_limit), '-infinity'
    )
    ORDER BY posts.published_at DESC, posts.id DESC LIMIT :page_limit
) AS post
ORDER BY post.published_at DESC, post.id DESC LIMIT :page_limit
"""


def _positions(sql: str) -> sa.CTE:
    parameters = {"by_follower_id": sa.BigInteger, "page_timestamp": PublishedAt, "page_id": sa.BigInteger}
    parameters |= {"page_limit": sa.Integer}
    text = sa.text(sql).bindparams(*(sa.bindparam(name, type_=type_) for name, type_ in parameters.items()))
    return text.columns(id=Id).cte("positions")


def _read(shape: Shape[Row]) -> PagedQuery[Row]:
    sqlite, postgresql = (
        shape.statement.join(positions, positions.c.id == posts.c.id)
        for positions in (_positions(_SQLITE), _positions(_POSTGRESQL))
    )
    order = posts.c.published_at, posts.c.id
    # SQLite reads the posts in the order of the positions, and only as many as fit into a page: it would sort all.
    query = Query(shape.row_type, sqlite, postgresql=fitting(postgresql, *order, large=shape.large))
    return PagedQuery(query, "listed_at", characters=shape.characters)


_SUMMARIES = _read(SUMMARIES)
_POSTS = _read(POSTS)


def page(
    db: Connection, *, follower_id: int, limit: int, cursor: str | None = None, expand: str = ""
) -> Page[PostSummary] | Page[Post] | Page[PostWithHTML] | Page[PostSummaryWithHTML]:
    """Return a page of the published posts of those whom the user follows; with what `expand` lists, as other lists."""
    if not expand:
        return _SUMMARIES.page(db, limit=limit, cursor=cursor, until=now(), by_follower_id=follower_id)
    page = _POSTS.page(db, limit=limit, cursor=cursor, until=now(), by_follower_id=follower_id)
    return posts_html.expand_page(page, expand)
