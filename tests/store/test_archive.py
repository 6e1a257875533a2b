"""Posts that come with an id."""

import threading
from typing import Any

import pytest

from api.store import archive, posts, users
from api.store.columns import now
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.users import User


def add(db: Connection, author: User, post_id: int | None = None) -> int:
    content: dict[str, Any] = {"title": "t", "body": "b", "tags": ["x"], "published_at": now()}
    return posts.publish(db, author_id=author.id, post_id=post_id, **content).id


@pytest.fixture
def reserved(database: Database, db: Connection) -> Connection:
    """A transaction that may give ids up to 17."""
    if not database.is_sqlite:
        archive.reserve_ids(db, 17)
    return db


def test_a_post_keeps_its_id_and_those_to_come_are_above_it(reserved: Connection, ada: User) -> None:
    assert [add(reserved, ada, wanted) for wanted in (17, 5, None)] == [17, 5, 18]


def test_an_id_that_is_taken_is_not_given_again(reserved: Connection, ada: User) -> None:
    assert [add(reserved, ada, wanted) for wanted in (17, 17, 18)] == [17, 18, 19]


def test_ids_never_fall(database: Database, reserved: Connection, ada: User) -> None:
    assert add(reserved, ada, 17) == 17
    if not database.is_sqlite:
        archive.reserve_ids(reserved, 3)
    assert [add(reserved, ada, wanted) for wanted in (3, None)] == [3, 18]


def test_who_publishes_meanwhile_gets_an_id_of_their_own(database: Database) -> None:
    with database.write() as db:
        ada = users.register(db, username="ada")
    published: list[int] = []

    def publish() -> None:
        with database.write() as db:
            published.append(add(db, ada))

    publisher = threading.Thread(target=publish)
    with database.write() as db:
        if not database.is_sqlite:
            archive.reserve_ids(db, 1)
        publisher.start()
        publisher.join(0.3)
        assert publisher.is_alive()
        assert add(db, ada, 1) == 1
    publisher.join()
    assert published == [2]
