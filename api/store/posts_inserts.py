"""Statements that insert posts. On PostgreSQL they index the tags and words, too: each command costs a round trip."""

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from api.store.change_positions import next_position
from api.store.engine.connections import Query, Select
from api.store.posts_table import HAS_SLUG, posts
from api.store.posts_tags import post_tags
from api.store.posts_words import SAMPLE_MARK, SAMPLED_ONE_IN, SAMPLED_RUN, post_words
from api.store.users import users


class Inserted(NamedTuple):
    """What the database knows of a new post."""

    id: int
    username: str
    display_name: str


_COLUMNS = [
    *("author_id", "slug", "title", "body", "tags", "metadata", "comments"),
    *("published_at", "withheld_published_at", "revision", "created_at", "updated_at"),
]
# Literal, because SQLAlchemy neither correlates a subquery with INSERT nor, for SQLite, qualifies the columns in
# RETURNING.
AUTHOR_COLUMNS = [
    sa.literal_column(f"(SELECT {name} FROM users WHERE users.id = posts.author_id)", sa.String).label(name)  # noqa: S608 (two constants)
    for name in ("username", "display_name")
]
"""The name of the author, for RETURNING."""


def _query(*, is_draft: bool, has_id: bool) -> Query[Inserted]:
    """Return the query that inserts a post: no row if its slug, or its id, is taken."""
    values: dict[str, Any] = {name: sa.bindparam(name) for name in [*_COLUMNS, *(["id"] if has_id else [])]}
    if not is_draft:
        values["change_position"] = next_position("posts")
    # With an id, either may be taken. SQLite has the same syntax.
    taken: dict[str, Any] = {"index_elements": [posts.c.author_id, posts.c.slug], "index_where": HAS_SLUG}
    statement = insert(posts).values(values).on_conflict_do_nothing(**({} if has_id else taken))
    returned = posts.c.id, posts.c.author_id, posts.c.tags, posts.c.published_at
    return Query(
        Inserted,
        statement.returning(posts.c.id, *AUTHOR_COLUMNS),
        postgresql=_indexing(statement.returning(*returned).cte("post")),
    )


def _indexing(post: sa.CTE) -> Select:
    """Return the query that inserts the post and its rows in both indexes."""
    tag = sa.func.json_array_elements_text(post.c.tags).column_valued("tag")
    tags = sa.select(post.c.id, tag, post.c.published_at, post.c.author_id)
    tagged = sa.insert(post_tags).from_select(["post_id", "tag", "published_at", "author_id"], tags)
    mark: sa.ColumnElement[str] = sa.literal_column(
        f"CASE post.id / {SAMPLED_RUN} % {SAMPLED_ONE_IN} WHEN 0 THEN ' {SAMPLE_MARK}' ELSE '' END"
    )
    words = sa.select(
        post.c.id, sa.bindparam("words_version", type_=sa.Text), sa.bindparam("words", type_=sa.Text).concat(mark)
    )
    indexed = sa.insert(post_words).from_select(["post_id", "version", "words"], words)
    return (
        sa.select(post.c.id, users.c.username, users.c.display_name)
        .join_from(post, users, users.c.id == post.c.author_id)
        .add_cte(tagged.cte("tagged"), indexed.cte("indexed"))
    )


INSERTS = {
    (is_draft, has_id): _query(is_draft=is_draft, has_id=has_id)
    for is_draft in (True, False)
    for has_id in (True, False)
}
