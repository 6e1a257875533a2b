"""Posts, as they are kept."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from api import constraints
from api.store import posts, posts_lists, users
from api.store.columns import now
from api.store.engine.connections import Connection
from api.store.errors import Forbidden, NotFound, PreconditionFailed, Unauthenticated
from api.store.posts import Post
from api.store.posts_tags import post_tags
from api.store.users import User
from tests.store.conftest import savepoint
from tests.support.rows import select_rows

YESTERDAY, TOMORROW = now() - timedelta(days=1), now() + timedelta(days=1)


def publish(db: Connection, author: User, **content: Any) -> Post:
    return posts.publish(
        db, author_id=author.id, **{"title": "t", "body": "b", "tags": [], "published_at": YESTERDAY, **content}
    )


def test_a_post_is_kept_as_it_was_sent(db: Connection, ada: User) -> None:
    body = "\r\n  «Ünïcode» 😀 \t\u2028" + "x" * 100_000
    moment = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
    kept = publish(db, ada, title="😀" * constraints.TITLE_MAX_LENGTH, body=body, tags=["b", "a"], published_at=moment)
    assert (kept.title, kept.body, kept.tags) == ("😀" * constraints.TITLE_MAX_LENGTH, body, ["b", "a"])
    assert kept.published_at == moment
    assert kept.published_at.tzinfo is UTC


def test_a_post_names_its_author(db: Connection, ada: User) -> None:
    assert publish(db, ada).username == "ada"


@pytest.mark.parametrize("content", [{"title": ""}, {"title": "t" * 201}, {"body": ""}, {"body": "b" * 262_145}])
def test_the_database_knows_the_limits_too(db: Connection, ada: User, content: dict[str, str]) -> None:
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError, psycopg.DataError)), savepoint(db):
        publish(db, ada, **content)


@pytest.mark.parametrize("moment", [None, TOMORROW])
def test_what_is_not_published_yet_is_there_for_its_author_only(
    db: Connection, ada: User, bob: User, moment: datetime | None
) -> None:
    post = publish(db, ada, published_at=moment)
    assert posts.get(db, post.id, viewer=ada) == post
    for viewer in (bob, None):
        with pytest.raises(NotFound, match=f"no post {post.id}"):
            posts.get(db, post.id, viewer=viewer)
        assert posts_lists.page(db, limit=1, author="ada", viewer=viewer).rows == []
    assert posts_lists.page(db, limit=1, viewer=ada).rows == []


def test_a_post_appears_when_its_moment_comes(db: Connection, ada: User) -> None:
    post = publish(db, ada, published_at=now())
    assert posts.get(db, post.id, viewer=None) == post
    assert [row.id for row in posts_lists.page(db, limit=1).rows] == [post.id]


def test_revising_changes_what_is_named_and_the_version(db: Connection, ada: User) -> None:
    post = publish(db, ada, tags=["x"])
    revised = posts.revise(db, post, title="new")
    assert (revised.title, revised.body, revised.tags) == ("new", "b", ["x"])
    assert (revised.version, revised.created_at) == (post.version + 1, post.created_at)
    assert revised.updated_at > post.updated_at


def test_only_the_author_may_change_it(db: Connection, ada: User, bob: User) -> None:
    post = publish(db, ada)
    assert posts.get_for_update(db, post.id, principal=ada) == post
    with pytest.raises(Forbidden):
        posts.get_for_update(db, post.id, principal=bob)


def test_somebody_elses_draft_cannot_be_told_from_nothing(db: Connection, ada: User, bob: User) -> None:
    draft = publish(db, ada, published_at=None)
    with pytest.raises(NotFound):
        posts.get_for_update(db, draft.id, principal=bob)


def test_a_removed_post_is_gone(db: Connection, ada: User) -> None:
    post = publish(db, ada, tags=["x"])
    posts.remove(db, post)
    with pytest.raises(NotFound):
        posts.get(db, post.id, viewer=ada)
    assert posts_lists.page(db, limit=1, tag="x").rows == []


def test_who_read_it_before_a_change_cannot_undo_that_change(db: Connection, ada: User) -> None:
    read = publish(db, ada)
    revised = posts.revise(db, read, title="new")
    with pytest.raises(PreconditionFailed):
        posts.revise(db, read, body="old")
    with pytest.raises(PreconditionFailed):
        posts.remove(db, read)
    assert posts.get(db, read.id, viewer=None) == revised


@pytest.mark.parametrize(
    ("changes", "tags"),
    [({"tags": ["y"]}, ["y"]), ({"tags": []}, []), ({"title": "new"}, ["x"]), ({"published_at": TOMORROW}, ["x"])],
)
def test_the_index_of_tags_follows_the_post(
    db: Connection, ada: User, changes: dict[str, Any], tags: Sequence[str]
) -> None:
    post = publish(db, ada, tags=["x"])
    revised = posts.revise(db, post, **changes)
    indexed = select_rows(db, sa.select(post_tags))
    assert [(row.tag, row.published_at) for row in indexed] == [(tag, revised.published_at) for tag in tags]


def test_lists_can_be_narrowed(db: Connection, ada: User, bob: User) -> None:
    for author, tags in ((ada, ["x"]), (ada, ["y"]), (bob, ["x", "y"])):
        publish(db, author, title=f"{author.username} {tags}", tags=tags)

    def titles(**query: str) -> set[str]:
        return {row.title for row in posts_lists.page(db, limit=10, **query).rows}  # type: ignore[arg-type] # all are text

    assert titles(author="ada") == {"ada ['x']", "ada ['y']"}
    assert titles(tag="x") == {"ada ['x']", "bob ['x', 'y']"}
    assert titles(author="ada", tag="x") == {"ada ['x']"}
    assert titles(author="nobody") == titles(tag="z") == set()


def test_bodies_come_when_asked_for(db: Connection, ada: User) -> None:
    publish(db, ada)
    assert "body" not in posts_lists.page(db, limit=1).rows[0]._asdict()
    assert posts_lists.page(db, limit=1, expand="body").rows[0]._asdict()["body"] == "b"


def test_a_removed_author_publishes_nothing(db: Connection, ada: User) -> None:
    users.remove(db, ada)
    with pytest.raises(Unauthenticated), savepoint(db):
        publish(db, ada)
