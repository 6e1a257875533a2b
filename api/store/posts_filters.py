"""Filters of lists of posts."""

from datetime import datetime
from itertools import product
from typing import TypeAlias

import sqlalchemy as sa

from api.store.columns import END_OF_TIME, now
from api.store.engine.connections import Select
from api.store.posts_table import posts
from api.store.posts_tags import post_tags
from api.store.principals import Principal
from api.store.users import users

Position: TypeAlias = tuple[sa.Column[datetime], sa.Column[int]]
"""The columns by which a list is sorted."""
AUTHOR_ID = sa.select(users.c.id).where(users.c.username == sa.bindparam("author")).scalar_subquery()
FILTERS = list(product((False, True), repeat=2))
"""The combinations of (by author, by tag)."""


def filter_by(statement: Select, *, by_author: bool, by_tag: bool) -> tuple[Select, Position]:
    """Return the statement with these filters, and the columns by which its rows are sorted."""
    if by_author:
        # With a tag, too, the index of tags has the posts in their order.
        statement = statement.where((post_tags if by_tag else posts).c.author_id == AUTHOR_ID)
    if by_tag:
        statement = statement.join(post_tags).where(post_tags.c.tag == sa.bindparam("tag"))
    return statement, (
        (post_tags.c.published_at, post_tags.c.post_id) if by_tag else (posts.c.published_at, posts.c.id)
    )


def visible_until(author: str | None, viewer: Principal | None) -> datetime:
    """Return up to which time of publication the viewer sees posts in a list."""
    sees_all = viewer and author and (viewer.username == author or viewer.role == "admin")
    return END_OF_TIME if sees_all else now()
