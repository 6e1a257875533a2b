"""Posts that are imported with an id, and exports without a snapshot."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any

import pytest

from api.archive import export, export_user, import_
from api.store import (
    archive,
    archive_accounts,
    archive_locks,
    comments,
    follows,
    likes,
    posts,
    suspensions,
    tokens,
    users,
)
from api.store.columns import now
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.errors import NotFound
from api.store.users import User


def add_post(db: Connection, author: User, post_id: int | None = None) -> int:
    content: dict[str, Any] = {"title": "t", "body": "b", "tags": ["x"], "published_at": now()}
    return posts.publish(db, author_id=author.id, post_id=post_id, **content).id


@pytest.fixture
def reserved(database: Database, db: Connection) -> Connection:
    """A transaction in which ids up to 17 are reserved."""
    if not database.is_sqlite:
        archive_locks.reserve_ids(db, 17)
    return db


def test_posts_keep_free_ids_and_later_ids_are_higher(reserved: Connection, ada: User) -> None:
    assert [add_post(reserved, ada, post_id) for post_id in (17, 5, None)] == [17, 5, 18]


def test_a_taken_id_is_replaced_by_the_next(reserved: Connection, ada: User) -> None:
    assert [add_post(reserved, ada, post_id) for post_id in (17, 17, 18)] == [17, 18, 19]


def test_reserving_lower_ids_does_not_reset_the_sequence(database: Database, reserved: Connection, ada: User) -> None:
    assert add_post(reserved, ada, 17) == 17
    if not database.is_sqlite:
        archive_locks.reserve_ids(reserved, 3)
    assert [add_post(reserved, ada, post_id) for post_id in (3, None)] == [3, 18]


def test_concurrent_publishers_wait_and_get_other_ids(database: Database) -> None:
    with database.write() as db:
        ada = users.register(db, username="ada")
    published: list[int] = []

    def publish() -> None:
        with database.write() as db:
            published.append(add_post(db, ada))

    publisher = threading.Thread(target=publish)
    with database.write() as db:
        if not database.is_sqlite:
            archive_locks.reserve_ids(db, 1)
        publisher.start()
        publisher.join(0.3)
        assert publisher.is_alive()
        assert add_post(db, ada, 1) == 1
    publisher.join()
    assert published == [2]


@pytest.mark.parametrize("accounts", [False, True])
def test_an_export_without_a_snapshot_has_the_user_of_each_record(database: Database, *, accounts: bool) -> None:
    """As on Citus, whose nodes share no snapshot."""
    database.transact(lambda db: users.register(db, username="ada"))
    with database.read() as db:
        lines = export(db, accounts=accounts)
        first = json.loads(next(lines))

        def add(other: Connection) -> None:
            bob = users.register(other, username="bob", password_hash="hash")
            lifetime = timedelta(days=1)
            tokens.create(other, user_id=bob.id, password_hash="hash", name="", sha256=bytes(32), lifetime=lifetime)
            add_post(other, bob)
            add_post(other, bob)

        database.transact(add)
        records = [first, *map(json.loads, lines)]
    kinds = [next(iter(record)) for record in records]
    assert kinds == ["user", "user", *["token"] * accounts, "post", "post"]
    assert [record["user"]["username"] for record in records if "user" in record] == ["ada", "bob"]
    assert ("password_hash" in records[1]["user"]) == accounts


def test_an_export_fails_if_the_user_of_a_record_has_been_removed_since_it_was_read(db: Connection) -> None:
    for find in (archive.find_user, archive_accounts.find_account):
        with pytest.raises(NotFound, match=r"The user .bob. was removed during the export"):
            find(db, "bob")


def interrupt(database: Database, run: Callable[..., Any], username: str) -> None:
    """Run a suspension or the end of one in batches, and stop after the first transaction."""
    transactions = iter(range(2))

    def transact(work: Any) -> Any:
        if next(transactions) == 1:
            raise KeyboardInterrupt
        return database.transact(work)

    with pytest.raises(KeyboardInterrupt):
        run(transact, username)


def add_content(database: Database) -> User:
    """Return a user with 25 posts, and three comments, a like and a follow."""

    def add(db: Connection) -> User:
        ada, _ = (users.register(db, username=name) for name in ("ada", "bob"))
        for _ in range(25):
            post_id = add_post(db, ada)
        for number in range(3):
            comments.create(db, post_id, author=ada, body=f"{number}")
        likes.add(db, post_id, user=ada)
        follows.add(db, "bob", follower_id=ada.id)
        return ada

    return database.transact(add)


@pytest.mark.parametrize("run", [suspensions.suspend_in_batches, suspensions.unsuspend_in_batches])
def test_an_import_during_a_suspension_or_its_end_stores_nothing_twice(
    database: Database, run: Callable[..., Any]
) -> None:
    """Rows are hidden and shown in several transactions."""
    add_content(database)
    with database.read() as db:
        lines = [*export(db)]
    if run is suspensions.unsuspend_in_batches:
        suspensions.suspend_in_batches(database.transact, "ada")
    interrupt(database, run, "ada")
    assert Counter(outcome.result for outcome in import_(database, lines)) == {"skipped": len(lines)}


def test_an_export_of_oneself_is_complete_before_the_end_of_a_suspension_has_shown_all_rows(
    database: Database,
) -> None:
    ada = add_content(database)
    with database.read() as db:
        lines = [*export_user(db, ada.id)]
    suspensions.suspend_in_batches(database.transact, "ada")
    interrupt(database, suspensions.unsuspend_in_batches, "ada")
    with database.read() as db:
        assert [*islice(export_user(db, ada.id), len(lines) + 1)] == lines


def test_an_export_of_oneself_has_no_user_who_is_suspended(database: Database) -> None:
    """No list of whom the user follows has them, until the suspension ends."""
    ada = add_content(database)
    for suspends, followed in ((True, []), (False, ["bob"])):
        change = suspensions.suspend if suspends else suspensions.unsuspend
        database.transact(partial(change, username="bob"))
        with database.read() as db:
            records = [json.loads(line) for line in export_user(db, ada.id)]
            complete = [json.loads(line) for line in export(db)]
        assert [record["follow"]["followed"] for record in records if "follow" in record] == followed
        assert [record["follow"]["followed"] for record in complete if "follow" in record] == ["bob"]
