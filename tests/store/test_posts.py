"""Posts in the database."""

import sqlite3
import tracemalloc
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from api import constraints
from api.settings import Settings
from api.store import posts, posts_lists, users, users_removal
from api.store.columns import now
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.errors import Forbidden, NotFound, PreconditionFailed, SlugTaken, Unauthenticated
from api.store.posts_table import Post, PostSummary
from api.store.posts_tags import post_tags
from api.store.posts_visibility import seen_by
from api.store.users import User
from tests.store.conftest import savepoint
from tests.support.rows import select_rows

YESTERDAY, TOMORROW = now() - timedelta(days=1), now() + timedelta(days=1)


def publish(db: Connection, author: User, **content: Any) -> Post:
    return posts.publish(
        db, author_id=author.id, **{"title": "t", "body": "b", "tags": [], "published_at": YESTERDAY, **content}
    )


def test_a_post_is_stored_unchanged(db: Connection, ada: User) -> None:
    title, body = "😀" * constraints.TITLE_MAX_LENGTH, "\r\n  «Ünïcode» 😀 \t\u2028" + "x" * 100_000
    published_at = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
    post = publish(db, ada, title=title, body=body, tags=["b", "a"], published_at=published_at)
    assert (post.title, post.body, post.tags) == (title, body, ["b", "a"])
    assert post.published_at == published_at
    assert post.published_at.tzinfo is UTC


def test_a_post_has_the_username_of_its_author(db: Connection, ada: User) -> None:
    assert publish(db, ada).username == "ada"


@pytest.mark.parametrize("content", [{"title": ""}, {"title": "t" * 201}, {"body": "b" * 262_145}])
def test_the_database_enforces_the_length_limits(db: Connection, ada: User, content: dict[str, str]) -> None:
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError, psycopg.DataError)), savepoint(db):
        publish(db, ada, **content)


def test_a_body_may_be_empty(db: Connection, ada: User) -> None:
    assert publish(db, ada, body="").body == ""


def test_metadata_are_stored_in_their_order(db: Connection, ada: User) -> None:
    metadata = {"zz": "1", "a": "é\U0001f600\u2028\\", "m": ""}
    post = publish(db, ada, metadata=metadata)
    assert [*posts.get(db, post.id, viewer=None).metadata.items()] == [*metadata.items()]
    assert posts.revise(db, post, metadata={}).metadata == {}


def test_a_post_is_found_by_its_author_and_slug(db: Connection, ada: User, bob: User) -> None:
    mine, other = publish(db, ada, slug="x"), publish(db, bob, slug="x")
    assert posts.get_by_slug(db, "ada", "x", viewer=None) == mine
    assert posts.get_by_slug(db, "bob", "x", viewer=None) == other
    for username, slug in (("ada", "y"), ("eve", "x"), ("ADA", "x"), ("ada", "")):
        with pytest.raises(NotFound, match=f"There is no post '{slug}' by '{username}'"):
            posts.get_by_slug(db, username, slug, viewer=None)


@pytest.mark.parametrize("published_at", [None, TOMORROW])
def test_an_unpublished_post_is_found_by_its_slug_only_by_its_author(
    db: Connection, ada: User, bob: User, published_at: datetime | None
) -> None:
    post = publish(db, ada, slug="x", published_at=published_at)
    assert posts.get_by_slug(db, "ada", "x", viewer=ada) == post
    for viewer in (bob, None):
        with pytest.raises(NotFound):
            posts.get_by_slug(db, "ada", "x", viewer=viewer)


def test_a_slug_is_taken_until_its_post_is_changed_or_deleted(db: Connection, ada: User) -> None:
    first, second = publish(db, ada, slug="x"), publish(db, ada)
    with pytest.raises(SlugTaken, match="has the slug 'x'"):
        publish(db, ada, slug="x")
    with pytest.raises(SlugTaken, match="has the slug 'x'"), savepoint(db):
        posts.revise(db, second, slug="x")
    renamed = posts.revise(db, first, slug="y")
    second = posts.revise(db, second, slug="x")
    posts.remove(db, renamed)
    assert publish(db, ada, slug="y").slug == "y"
    assert posts.revise(db, second, slug=None).slug is None
    assert publish(db, ada, slug="x").slug == "x"


def test_any_number_of_posts_have_no_slug(db: Connection, ada: User) -> None:
    assert [publish(db, ada).slug for _ in range(3)] == [None] * 3


def test_of_concurrent_posts_with_a_slug_exactly_one_is_published(database: Database) -> None:
    with database.write() as db:
        ada = users.register(db, username="ada")
        drafts = [publish(db, ada) for _ in range(4)]

    def publish_one(draft: Post | None) -> str:
        def attempt(db: Connection) -> str:
            return (posts.revise(db, draft, slug="x") if draft else publish(db, ada, slug="x")).slug or ""

        try:
            return database.transact(attempt)
        except SlugTaken:
            return "taken"

    with ThreadPoolExecutor(8) as threads:
        outcomes = [*threads.map(publish_one, [*drafts, *[None] * 4])]
    assert sorted(outcomes) == ["taken"] * 7 + ["x"]


@pytest.mark.parametrize("published_at", [None, TOMORROW])
def test_unpublished_posts_are_visible_only_to_their_author(
    db: Connection, ada: User, bob: User, published_at: datetime | None
) -> None:
    post = publish(db, ada, published_at=published_at)
    assert posts.get(db, post.id, viewer=ada) == post
    for viewer in (bob, None):
        with pytest.raises(NotFound, match=f"no post {post.id}"):
            posts.get(db, post.id, viewer=viewer)
        assert posts_lists.page(db, limit=1, author="ada", viewer=viewer).rows == []
    assert posts_lists.page(db, limit=1, viewer=ada).rows == []


def test_a_post_becomes_public_at_published_at(db: Connection, ada: User) -> None:
    post = publish(db, ada, published_at=now())
    assert posts.get(db, post.id, viewer=None) == post
    assert [row.id for row in posts_lists.page(db, limit=1).rows] == [post.id]


def test_revise_changes_the_given_columns_and_the_revision(db: Connection, ada: User) -> None:
    post = publish(db, ada, tags=["x"])
    revised = posts.revise(db, post, title="new")
    assert (revised.title, revised.body, revised.tags) == ("new", "b", ["x"])
    assert (revised.revision != post.revision, revised.created_at) == (True, post.created_at)
    assert revised.updated_at > post.updated_at


def test_revise_with_the_stored_values_changes_nothing(db: Connection, ada: User) -> None:
    post, draft = publish(db, ada, tags=["x", "y"]), publish(db, ada, published_at=None)
    local = YESTERDAY.astimezone(timezone(timedelta(hours=5)))
    assert posts.revise(db, post, title="t", body="b", tags=["x", "y"], published_at=local) is post
    assert posts.revise(db, draft, published_at=None) is draft
    assert posts.get(db, post.id, viewer=ada) == post


def test_the_tag_index_is_written_only_for_other_tags_or_another_time(
    db: Connection, ada: User, database: Database
) -> None:
    def positions() -> list[str]:
        rows = select_rows(db, sa.text(f"SELECT {position} AS position FROM post_tags").columns(position=sa.Text))
        return [str(row.position) for row in rows]

    position = "rowid" if database.is_sqlite else "ctid"
    post = publish(db, ada, tags=["x", "y"])
    publish(db, ada, tags=["z"])
    before = positions()
    revised = posts.revise(db, post, title="new", tags=["x", "y"], published_at=YESTERDAY)
    assert positions() == before
    revised = posts.revise(db, revised, tags=["y", "x"])
    assert positions() != before


def test_only_the_author_may_change_a_post(db: Connection, ada: User, bob: User) -> None:
    post = publish(db, ada)
    assert posts.get_for_update(db, post.id, principal=ada) == post
    with pytest.raises(Forbidden):
        posts.get_for_update(db, post.id, principal=bob)


def test_drafts_of_other_authors_are_not_found(db: Connection, ada: User, bob: User) -> None:
    draft = publish(db, ada, published_at=None)
    with pytest.raises(NotFound):
        posts.get_for_update(db, draft.id, principal=bob)


def traced_peak(call: Callable[[], object]) -> int:
    """Return how many bytes of memory a call that raises `NotFound` takes at most."""
    with pytest.raises(NotFound):
        call()
    tracemalloc.start()
    with pytest.raises(NotFound):
        call()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("published_at", [None, TOMORROW])
def test_the_body_of_an_unpublished_post_is_not_read_for_others(
    db: Connection, ada: User, bob: User, published_at: datetime | None
) -> None:
    draft = publish(db, ada, body="\N{SCROLL}" * constraints.BODY_MAX_LENGTH, published_at=published_at)
    for post_id in (draft.id, draft.id + 1):
        for call in (
            lambda post_id=post_id: posts.get(db, post_id, viewer=None),
            lambda post_id=post_id: posts.get(db, post_id, viewer=bob),
            lambda post_id=post_id: posts.get_for_update(db, post_id, principal=bob),
        ):
            assert traced_peak(call) < 20_000
    viewer = seen_by(bob)
    assert db.all(posts._VISIBLE_BY_ID, post_id=draft.id, at=now(), **viewer) == []
    assert db.all(posts._OWN_BY_ID_FOR_UPDATE, post_id=draft.id, **viewer) == []


def test_the_body_of_a_post_is_not_read_for_others_who_want_to_change_it(db: Connection, ada: User, bob: User) -> None:
    post = publish(db, ada)
    assert db.all(posts._OWN_BY_ID_FOR_UPDATE, post_id=post.id, **seen_by(bob)) == []


def test_sqlite_stores_the_body_after_the_columns_of_lists(settings: Settings) -> None:
    """It reads a row up to the last column that it needs."""
    database = Database(settings)
    with database.engine.connect() as db:
        names = [column["name"] for column in sa.inspect(db).get_columns("posts")]
    assert names.index("body") > max(names.index(name) for name in PostSummary._fields if name in names)
    database.close()


def test_removed_posts_are_not_found(db: Connection, ada: User) -> None:
    post = publish(db, ada, tags=["x"])
    posts.remove(db, post)
    with pytest.raises(NotFound):
        posts.get(db, post.id, viewer=ada)
    assert posts_lists.page(db, limit=1, tag="x").rows == []


def test_a_post_changed_since_the_read_is_not_overwritten_or_removed(db: Connection, ada: User) -> None:
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
def test_the_tag_index_follows_the_post(
    db: Connection, ada: User, changes: dict[str, Any], tags: Sequence[str]
) -> None:
    post = publish(db, ada, tags=["x"])
    revised = posts.revise(db, post, **changes)
    indexed = select_rows(db, sa.select(post_tags))
    assert [(row.tag, row.published_at, row.author_id) for row in indexed] == [
        (tag, revised.published_at, ada.id) for tag in tags
    ]


def test_lists_can_be_filtered(db: Connection, ada: User, bob: User) -> None:
    for author, tags in ((ada, ["x"]), (ada, ["y"]), (bob, ["x", "y"])):
        publish(db, author, title=f"{author.username} {tags}", tags=tags)

    def titles(**query: str) -> set[str]:
        return {row.title for row in posts_lists.page(db, limit=10, **query).rows}  # type: ignore[arg-type] # all are text

    assert titles(author="ada") == {"ada ['x']", "ada ['y']"}
    assert titles(tag="x") == {"ada ['x']", "bob ['x', 'y']"}
    assert titles(author="ada", tag="x") == {"ada ['x']"}
    assert titles(author="eve") == titles(tag="z") == set()


def test_lists_have_bodies_only_if_expanded(db: Connection, ada: User) -> None:
    publish(db, ada)
    assert "body" not in posts_lists.page(db, limit=1).rows[0]._asdict()
    assert posts_lists.page(db, limit=1, expand="body").rows[0]._asdict()["body"] == "b"


def test_removed_authors_cannot_publish(db: Connection, ada: User) -> None:
    users_removal.delete(db, ada)
    with pytest.raises(Unauthenticated), savepoint(db):
        publish(db, ada)
