"""Posts: read, publish, revise, remove."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa

from api import words
from api.store import comments_content, likes_content, posts_tags, posts_words
from api.store import posts_statements as statements
from api.store.columns import new_revision, now
from api.store.engine.connections import Connection, Query
from api.store.errors import Forbidden, SlugTaken, Unauthenticated
from api.store.posts_inserts import INSERTS
from api.store.posts_table import POST, Post, posts
from api.store.posts_visibility import HAS_ID, IS_OWN, IS_VISIBLE, lock_author, not_found, require_visible, seen_by
from api.store.principals import Principal
from api.store.queries import (
    FOREIGN_KEY_VIOLATION,
    UNIQUE_VIOLATION,
    delete_if_unchanged,
    differing,
    one,
    time_of_change,
    translating,
    update_if_unchanged,
)
from api.store.users import users

_VISIBLE_BY_ID = Query(Post, POST.where(HAS_ID, IS_VISIBLE))
_HAS_SLUG = sa.and_(users.c.username == sa.bindparam("author"), posts.c.slug == sa.bindparam("by_slug"))
_VISIBLE_BY_SLUG = Query(Post, POST.where(_HAS_SLUG, IS_VISIBLE))
_BY_SLUG_FOR_UPDATE = Query(
    Post,
    POST.where(
        posts.c.author_id == sa.bindparam("by_author_id"), posts.c.slug == sa.bindparam("by_slug")
    ).with_for_update(of=posts, key_share=True),
)
_OWN_BY_ID_FOR_UPDATE = Query(Post, POST.where(HAS_ID, IS_OWN).with_for_update(of=posts, key_share=True))


def get(db: Connection, post_id: int, *, viewer: Principal | None) -> Post:
    """Return the post; `NotFound` if there is none, or if it is unpublished and the viewer may not change it."""
    return one(db, _VISIBLE_BY_ID, not_found(post_id), post_id=post_id, at=now(), **seen_by(viewer))


def get_by_slug(db: Connection, username: str, slug: str, *, viewer: Principal | None) -> Post:
    """Return the user's post with that slug; `NotFound` as `get`."""
    message = f"There is no post {slug!r} by {username!r}."
    return one(db, _VISIBLE_BY_SLUG, message, author=username, by_slug=slug, at=now(), **seen_by(viewer))


def find_by_slug_for_update(db: Connection, *, author_id: int, slug: str) -> Post | None:
    """Return the author's post with that slug, locked until the transaction ends; None if there is none."""
    return db.one_or_none(_BY_SLUG_FOR_UPDATE, by_author_id=author_id, by_slug=slug)


def get_for_update(db: Connection, post_id: int, *, principal: Principal) -> Post:
    """Return the post, locked until the transaction ends; `Forbidden` if the principal may not change it."""
    if principal.role == "admin":
        # Before the post, in the order of a suspension. The authors themselves have locked their token.
        lock_author(db, post_id)
    post = db.one_or_none(_OWN_BY_ID_FOR_UPDATE, post_id=post_id, **seen_by(principal))
    if post is None:
        require_visible(db, post_id, viewer=principal)
        raise Forbidden("You can change only your own posts.")
    return post


def publish(
    db: Connection,
    *,
    author_id: int,
    title: str,
    body: str,
    tags: Sequence[str],
    slug: str | None = None,
    metadata: Mapping[str, str] | None = None,
    comments: str = "open",
    published_at: datetime | Literal["now"] | None = "now",
    post_id: int | None = None,
    revision: str | None = None,
    created_at: datetime | None = None,
    updated_at: datetime | None = None,
    is_withheld: bool = False,
) -> Post:
    """Insert a post: public at `published_at`, or a draft if that is None.

    `SlugTaken` if the author has another post with that slug, `Unauthenticated` without the author.

    The id is `post_id` if that is given and free, else the next one. `archive_locks.reserve_ids` must precede that.
    `revision`, `created_at` and `updated_at` are those of an imported post. `is_withheld` if the author is suspended.
    """
    created_at = created_at or now()
    published_at = created_at if published_at == "now" else published_at and published_at.astimezone(UTC)
    values: dict[str, Any] = {
        "author_id": author_id,
        "slug": slug,
        "title": title,
        "body": body,
        "tags": [*tags],
        "metadata": metadata or {},
        "comments": comments,
        "published_at": published_at,
        "revision": revision or new_revision(),
        "created_at": created_at,
        "updated_at": updated_at or created_at,
    }
    listed_at = None if is_withheld else published_at
    is_draft = listed_at is None
    stored = {**values, "published_at": listed_at, "withheld_published_at": published_at if is_withheld else None}
    if not db.is_sqlite:
        stored |= {"words": words.index_text(title, body), "words_version": words.VERSION}
    with translating(FOREIGN_KEY_VIOLATION, Unauthenticated("The author has been removed. Register again.")):
        inserted = None if post_id is None else db.one_or_none(INSERTS[is_draft, True], id=post_id, **stored)
        inserted = inserted or db.one_or_none(INSERTS[is_draft, False], **stored)
    if inserted is None:
        raise _slug_taken(slug)
    names: dict[str, Any] = {"username": inserted.username, "display_name": inserted.display_name}
    post = Post(**values, **names, id=inserted.id, is_withheld=is_withheld)
    if db.is_sqlite:
        posts_tags.add(db, post)
        posts_words.add(db, post.id, title, body)
    return post


def revise(db: Connection, post: Post, **changes: object) -> Post:
    """Update the post unless it has these values.

    `PreconditionFailed` if it has been changed since `post` was read, `SlugTaken` if its author has another post with
    that slug.
    """
    changes = differing(post, changes)
    if not changes:
        return post
    updated_at = time_of_change(post.created_at)
    values = {"updated_at": updated_at, **changes}
    if post.listed_at is not None:
        values["was_public_until"] = updated_at
    is_draft = post.published_at is None and changes.get("published_at") is None
    moves = not is_draft and "published_at" in changes
    if moves:
        values["new_published_at"] = values.pop("published_at")
    with translating(UNIQUE_VIOLATION, _slug_taken(changes.get("slug"))):
        revised = update_if_unchanged(db, statements.UPDATES[is_draft, moves], post, **values)
    if changes.keys() & {"tags", "published_at"}:
        posts_tags.replace(db, revised)
    if changes.keys() & {"title", "body"}:
        posts_words.add(db, revised.id, revised.title, revised.body)
    return revised


def remove(db: Connection, post: Post) -> None:
    """Delete the post with its comments and likes.

    `PreconditionFailed` if it has been changed since `post` was read, `TooMuchContent` if there are too many of them.
    """
    comments_content.require_few_on(db, post.id)
    likes_content.require_few_on(db, post.id)
    db.execute(statements.RECORD_REMOVAL, read_id=post.id, at=now())
    delete_if_unchanged(db, statements.DELETE, post)


def _slug_taken(slug: object) -> SlugTaken:
    return SlugTaken(
        f"Another post of the same author has the slug {slug!r}. Choose another slug, or change the slug of that post."
    )
