"""Posts by the page: all of them, an author's, a tag's."""

from typing import Any

import sqlalchemy as sa

from api.store.columns import END, now
from api.store.engine.connections import Connection, Row
from api.store.pages import NewestFirst, Page
from api.store.posts import POST, posts
from api.store.posts_tags import post_tags
from api.store.users import users

_SUMMARY = POST.with_only_columns(*(each for each in POST.selected_columns if each is not posts.c.body))


def _list(statement: sa.Select[Any], *, by_author: bool, by_tag: bool) -> NewestFirst:
    if by_author:
        author_id = sa.select(users.c.id).where(users.c.username == sa.bindparam("author")).scalar_subquery()
        statement = statement.where(posts.c.author_id == author_id)
    if by_tag:
        statement = statement.join(post_tags).where(post_tags.c.tag == sa.bindparam("tag"))
    if by_tag and not by_author:
        return NewestFirst(statement, post_tags.c.published_at, post_tags.c.post_id)
    return NewestFirst(statement, posts.c.published_at, posts.c.id)


_LISTS = {
    (expanded, by_author, by_tag): _list(statement, by_author=by_author, by_tag=by_tag)
    for expanded, statement in ((False, _SUMMARY), (True, POST))
    for by_author in (False, True)
    for by_tag in (False, True)
}


def page(
    db: Connection,
    *,
    limit: int,
    cursor: str | None = None,
    author: str | None = None,
    tag: str | None = None,
    viewer: Row | None = None,
    expanded: bool = False,
) -> Page:
    """A page of what is published, the latest first, with bodies if `expanded`.

    Who asks for an author's posts and may change them sees all: drafts, then what is scheduled, then what is published.
    """
    everything = viewer and author and (viewer.username == author or viewer.role == "admin")
    until = END if everything else now()
    wanted = _LISTS[expanded, author is not None, tag is not None]
    return wanted.page(db, limit=limit, cursor=cursor, until=until, author=author, tag=tag)
