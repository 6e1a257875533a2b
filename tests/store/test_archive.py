"""Posts that are imported with an id, and exports without a snapshot."""

import json
import threading
from datetime import timedelta
from typing import Any

import pytest

from api.archive import export
from api.store import archive, archive_accounts, posts, tokens, users
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
        archive.reserve_ids(db, 17)
    return db


def test_posts_keep_free_ids_and_later_ids_are_higher(reserved: Connection, ada: User) -> None:
    assert [add_post(reserved, ada, post_id) for post_id in (17, 5, None)] == [17, 5, 18]


def test_a_taken_id_is_replaced_by_the_next(reserved: Connection, ada: User) -> None:
    assert [add_post(reserved, ada, post_id) for post_id in (17, 17, 18)] == [17, 18, 19]


def test_reserving_lower_ids_does_not_reset_the_sequence(database: Database, reserved: Connection, ada: User) -> None:
    assert add_post(reserved, ada, 17) == 17
    if not database.is_sqlite:
        archive.reserve_ids(reserved, 3)
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
            archive.reserve_ids(db, 1)
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
