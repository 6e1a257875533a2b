"""The removal of users with their posts."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from api import constraints
from api.settings import Settings
from api.store import (
    accounts,
    changes,
    comments,
    comments_content,
    credentials,
    posts,
    posts_lists,
    tokens,
    tokens_use,
    users,
    users_content,
    users_removal,
)
from api.store.columns import now
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.errors import Forbidden, NotFound, TooMuchContent, Unauthenticated, UserHasPosts
from api.store.users import User

HASH = bytes(32)


def publish(db: Connection, author: User, **values: Any) -> int:
    return posts.publish(db, **{"author_id": author.id, "title": "t", "body": "b", "tags": ["x"], **values}).id


def register(database: Database, *names: str) -> list[User]:
    return database.transact(lambda db: [users.register(db, username=name, password_hash="hash") for name in names])


def remove(db: Connection, user: User) -> None:
    users_removal.remove(db, users_removal.get_for_removal(db, user.username, principal=user), with_posts=True)


def removed_posts(database: Database, since: Any) -> set[int]:
    with database.read() as db:
        page = changes.posts_page(db, since=since, limit=100)
    assert not page.has_more
    return {change.id for change in page.changes if change.post is None}


def feed_end(database: Database) -> Any:
    since, has_more = None, True
    with database.read() as db:
        while has_more:
            page = changes.posts_page(db, since=since, limit=100)
            since, has_more = page.next_since, page.has_more
    return since


def test_all_posts_are_removed_with_their_author_and_those_that_were_public_are_in_the_feed(database: Database) -> None:
    ada, bob = register(database, "ada", "bob")
    with database.write() as db:
        published, other = publish(db, ada), publish(db, bob)
        draft, scheduled = publish(db, ada, published_at=None), publish(db, ada, published_at=now() + timedelta(1))
        withdrawn = publish(db, ada)
        posts.revise(db, posts.get(db, withdrawn, viewer=ada), published_at=None)
    since = feed_end(database)
    with database.read() as db:
        users_since = changes.users_page(db, limit=100).next_since
    database.transact(lambda db: remove(db, ada))
    with database.read() as db:
        assert [row.id for row in posts_lists.page(db, limit=9, author="ada", viewer=ada).rows] == []
        assert [row.id for row in posts_lists.page(db, limit=9, tag="x").rows] == [other]
        with pytest.raises(NotFound):
            users.get(db, "ada")
        page = changes.users_page(db, since=users_since, limit=100)
    assert {published, withdrawn} <= removed_posts(database, since) <= {published, scheduled, withdrawn}
    assert draft not in removed_posts(database, since)
    assert [(change.username, change.user) for change in page.changes if change.user is None] == [("ada", None)]


@pytest.mark.parametrize("limit", ["CONTENT_MAX_POSTS", "CONTENT_MAX_CHARACTERS"])
def test_nothing_is_removed_of_a_user_with_too_many_posts(
    database: Database, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(constraints, limit, 3)
    [ada] = register(database, "ada")
    with database.write() as db:
        ids = [publish(db, ada) for _ in range(4)]
    with pytest.raises(TooMuchContent, match="Delete some first, or have an operator of this site run"):
        database.transact(lambda db: remove(db, ada))
    with database.write() as db:
        assert [row.id for row in posts_lists.page(db, limit=9).rows] == ids[::-1]
        posts.remove(db, posts.get(db, ids[0], viewer=ada))
    database.transact(lambda db: remove(db, ada))


def test_batches_remove_any_number_of_posts(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users_content, "BATCH_SECONDS", 0)
    ada, bob = register(database, "ada", "bob")
    with database.write() as db:
        ids = [publish(db, ada, published_at=None if number % 5 else "now") for number in range(45)]
        publish(db, bob)
        tokens.create(db, user_id=ada.id, password_hash="hash", name="", sha256=HASH, lifetime=timedelta(1))
    since, transactions = feed_end(database), 0

    def transact(work: Any) -> Any:
        nonlocal transactions
        transactions += 1
        result = database.transact(work)
        with database.read() as db:
            assert tokens_use.find_user(db, HASH) is None
            if transactions == 1:
                assert credentials.get(db, "ada").password_hash is None
        return result

    assert users_removal.remove_in_batches(transact, "ada", with_posts=True) == {"posts": 45}
    assert transactions > 3
    assert removed_posts(database, since) == set(ids[::5])
    with pytest.raises(NotFound):
        users_removal.remove_in_batches(database.transact, "ada", with_posts=True)
    with database.read() as db:
        assert [row.username for row in posts_lists.page(db, limit=9).rows] == ["bob"]


def test_an_interrupted_removal_can_be_run_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users_content, "BATCH_SECONDS", 0)
    [ada] = register(database, "ada")
    with database.write() as db:
        for _ in range(30):
            publish(db, ada)
    calls = iter(range(9))

    def transact(work: Any) -> Any:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return database.transact(work)

    with pytest.raises(KeyboardInterrupt):
        users_removal.remove_in_batches(transact, "ada", with_posts=True)
    assert 0 < users_removal.remove_in_batches(database.transact, "ada", with_posts=True)["posts"] < 30


def test_batches_do_not_remove_another_user_who_has_registered_the_same_name(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users_content, "BATCH_SECONDS", 0)
    register(database, "ada")
    transactions = iter(range(9))

    def transact(work: Any) -> Any:
        if next(transactions) == 1:
            users_removal.remove_in_batches(database.transact, "ada", with_posts=False)
            register(database, "ada")
        return database.transact(work)

    with pytest.raises(NotFound):
        users_removal.remove_in_batches(transact, "ada", with_posts=True)
    with database.read() as db:
        assert credentials.get(db, "ada").password_hash == "hash"


def test_only_the_user_and_admins_may_remove_a_user(database: Database) -> None:
    ada, bob = register(database, "ada", "bob")
    with database.write() as db:
        with pytest.raises(Forbidden):
            users_removal.get_for_removal(db, "ada", principal=bob)
        admin = accounts.set_role(db, "bob", "admin")
        assert users_removal.get_for_removal(db, "ada", principal=admin) == ada
        with pytest.raises(NotFound):
            users_removal.get_for_removal(db, "eve", principal=admin)


@pytest.fixture
def postgresql_database(postgresql_url: str) -> Any:
    database = Database(Settings(database_url=postgresql_url))
    yield database
    database.close()


def test_a_post_that_is_published_concurrently_is_removed_too(postgresql_database: Database) -> None:
    """On PostgreSQL, because SQLite has one writer at a time."""
    [ada] = register(postgresql_database, "ada")
    with postgresql_database.write() as db:
        draft = publish(db, ada, published_at=None)
    since = feed_end(postgresql_database)
    with ThreadPoolExecutor(1) as threads:
        with postgresql_database.write() as db:
            published = publish(db, ada)
            posts.revise(db, posts.get(db, draft, viewer=ada), published_at=now())
            removal = threads.submit(postgresql_database.transact, lambda other: remove(other, ada))
            with pytest.raises(TimeoutError):
                removal.result(0.3)
        removal.result()
    assert removed_posts(postgresql_database, since) == {published, draft}


def test_a_post_that_is_published_after_the_removal_has_begun_is_rejected(postgresql_database: Database) -> None:
    [ada] = register(postgresql_database, "ada")
    with ThreadPoolExecutor(1) as threads:
        with postgresql_database.write() as db:
            remove(db, ada)
            publication = threads.submit(postgresql_database.transact, lambda other: publish(other, ada))
            with pytest.raises(TimeoutError):
                publication.result(0.3)
        with pytest.raises(Unauthenticated):
            publication.result()


def test_a_removal_waits_for_a_request_of_the_user_without_a_deadlock(postgresql_database: Database) -> None:
    """The request has locked its token and waits for the user; the removal must not hold that lock."""
    [ada] = register(postgresql_database, "ada")
    with postgresql_database.write() as db:
        tokens.create(db, user_id=ada.id, password_hash="hash", name="", sha256=HASH, lifetime=timedelta(1))
    with ThreadPoolExecutor(1) as threads:
        with postgresql_database.write() as db:
            assert tokens_use.lock_and_find_user(db, HASH)
            removal = threads.submit(postgresql_database.transact, lambda other: remove(other, ada))
            with pytest.raises(TimeoutError):
                removal.result(0.3)
            users.revise(db, users.get_for_update(db, "ada", principal=ada), bio="new")
        removal.result()


def test_rows_of_every_kind_count_toward_the_limit_by_their_weight(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    [ada] = register(database, "ada")
    left = {"likes": 30, "posts": 2}

    def step(name: str) -> users_content.Step:
        def remove_one(_db: Connection, user_id: int) -> tuple[int, int]:
            assert user_id == ada.id
            left[name] -= 1
            return (1, 5) if left[name] >= 0 else (0, 0)

        return remove_one

    nothing = users_content.nothing
    kinds = [
        users_content.Kind(name, rows_per_post, step(name), nothing, nothing)
        for name, rows_per_post in (("likes", 10), ("posts", 1))
    ]
    monkeypatch.setattr(users_content, "KINDS", kinds)
    monkeypatch.setattr(users_content, "BATCH_SECONDS", 0)
    monkeypatch.setattr(constraints, "CONTENT_MAX_POSTS", 5)
    steps = users_content.removals(with_posts=True)
    with database.read() as db:
        users_content.change_all(db, steps, ada, command="x")
        left.update(likes=31, posts=2)
        with pytest.raises(TooMuchContent, match=r"or have an operator of this site run `x`\."):
            users_content.change_all(db, users_content.removals(with_posts=True), ada, command="x")
    left.update(likes=31, posts=2)
    changed = users_content.change_in_batches(database.transact, steps, ada)
    assert changed == {"likes": 31, "posts": 2}
    assert users_content.describe(changed) == "31 likes, 2 posts"


def test_without_posts_a_user_with_posts_is_not_removed_nor_signed_out(database: Database) -> None:
    [ada] = register(database, "ada")
    with database.write() as db:
        publish(db, ada, published_at=None)
    with pytest.raises(UserHasPosts):
        users_removal.remove_in_batches(database.transact, "ada", with_posts=False)
    with database.write() as db:
        with pytest.raises(UserHasPosts):
            users_removal.remove(db, users_removal.get_for_removal(db, "ada", principal=ada), with_posts=False)
        assert credentials.get(db, "ada").password_hash == "hash"


def test_a_user_who_is_removed_without_posts_is_signed_out_first_and_each_batch_looks_for_posts(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise they could publish after much has been deleted. Admins can still publish for them."""
    monkeypatch.setattr(users_content, "BATCH_SECONDS", 0)
    monkeypatch.setattr(comments_content, "AT_ONCE", 1)
    ada, bob = register(database, "ada", "bob")
    with database.write() as db:
        post_id = publish(db, bob)
        for _ in range(3):
            comments.create(db, post_id, author=ada, body="b")
        tokens.create(db, user_id=ada.id, password_hash="hash", name="", sha256=HASH, lifetime=timedelta(1))

    def transact(work: Any) -> Any:
        """Run a transaction; after the first one with a comment, publish as an admin."""
        result = database.transact(work)
        with database.write() as db:
            assert (tokens_use.find_user(db, HASH), credentials.get(db, "ada").password_hash) == (None, None)
            if result == {"comments": 1}:
                publish(db, ada)
        return result

    with pytest.raises(UserHasPosts):
        users_removal.remove_in_batches(transact, "ada", with_posts=False)
    with database.read() as db:
        assert len(comments.page(db, post_id, limit=9, viewer=None).rows) == 2
