"""What was answered to requests that may be repeated."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from api.settings import Settings
from api.store import idempotency, users
from api.store.columns import now
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.errors import IdempotencyKeyReused, RequestInProgress, Unauthenticated
from api.store.idempotency import StoredResponse
from api.store.users import User
from tests.store.conftest import savepoint
from tests.support.rows import select_rows

ONE, ANOTHER = bytes(32), b"x" * 32
ANSWER: dict[str, Any] = {"status": 201, "headers": [["Location", "/posts/1"]], "body": b'{"id": 1}\n'}


def claim(db: Connection, user: User, key: str = "k", fingerprint: bytes = ONE) -> StoredResponse | None:
    return idempotency.claim(db, user_id=user.id, key=key, fingerprint=fingerprint)


def keep(db: Connection, user: User, key: str = "k") -> None:
    idempotency.store(db, user_id=user.id, key=key, **ANSWER)


def age(db: Connection, hours: int) -> None:
    db.execute(idempotency.keys.update().values(created_at=now() - timedelta(hours=hours)))


def test_the_first_request_claims_and_the_next_is_answered_alike(db: Connection, ada: User) -> None:
    assert claim(db, ada) is None
    keep(db, ada)
    again = claim(db, ada)
    assert again
    assert {name: again._asdict()[name] for name in ANSWER} == ANSWER


def test_a_key_is_for_one_request(db: Connection, ada: User) -> None:
    claim(db, ada)
    with pytest.raises(IdempotencyKeyReused):
        claim(db, ada, fingerprint=ANOTHER)
    assert claim(db, ada, key="K") is None


def test_keys_of_different_users_are_different(db: Connection, ada: User, bob: User) -> None:
    assert claim(db, ada) is claim(db, bob, fingerprint=ANOTHER) is None


def test_a_key_is_forgotten_after_a_day(db: Connection, ada: User, bob: User) -> None:
    for key in ("k", "l"):
        claim(db, ada, key)
        keep(db, ada, key)
    age(db, 23)
    assert claim(db, ada) is not None
    age(db, 25)
    assert claim(db, ada, fingerprint=ANOTHER) is None
    assert select_rows(db, idempotency.keys.select())[0].key == "k"


def test_what_is_old_can_be_swept(db: Connection, ada: User, bob: User) -> None:
    claim(db, ada)
    age(db, 25)
    claim(db, bob)
    assert (idempotency.sweep(db), idempotency.sweep(db)) == (1, 0)
    assert select_rows(db, idempotency.keys.select())[0].user_id == bob.id


def test_a_claim_that_fails_is_free_again(database: Database) -> None:
    with database.write() as db:
        ada = users.register(db, username="ada")
    with pytest.raises(ZeroDivisionError), database.write() as db:
        claim(db, ada)
        raise ZeroDivisionError
    with database.write() as db:
        assert claim(db, ada, fingerprint=ANOTHER) is None


def test_keys_go_with_their_user(db: Connection, ada: User) -> None:
    claim(db, ada)
    users.remove(db, ada)
    assert select_rows(db, idempotency.keys.select()) == []
    with pytest.raises(Unauthenticated), savepoint(db):
        claim(db, ada)


def test_who_repeats_while_the_first_is_in_progress_waits_for_its_answer(database: Database) -> None:
    with database.write() as db:
        ada = users.register(db, username="ada")
    claimed = Event()

    def repeat() -> StoredResponse | None:
        claimed.wait()
        with database.write() as db:
            return claim(db, ada)

    with ThreadPoolExecutor(3) as threads:
        repeated = [threads.submit(repeat) for _ in range(3)]
        with database.write() as db:
            assert claim(db, ada) is None
            claimed.set()
            keep(db, ada)
        assert {row.body for row in (each.result() for each in repeated) if row} == {ANSWER["body"]}


def test_another_key_does_not_wait(postgresql_url: str) -> None:
    """Not even where both would sweep the same old key. SQLite has one writer at a time."""
    database = Database(Settings(database_url=postgresql_url))
    with database.write() as db:
        ada = users.register(db, username="ada")
        claim(db, ada, "old")
        age(db, 25)
    with database.write() as first, database.write() as second:
        assert claim(first, ada, "k") is claim(second, ada, "l") is None
    database.close()


def test_sweeping_on_the_way_looks_only_at_what_is_old(settings: Settings) -> None:
    database = Database(settings)
    with database.engine.connect() as db:
        statement = idempotency._DELETE_EXPIRED_OF_USER.compile(db)
        plan = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", (1, 1, now().isoformat())).all()
    assert any("ix_idempotency_keys_user_id_created_at (user_id=? AND created_at<?)" in step[3] for step in plan)
    database.close()


def test_who_has_waited_too_long_is_told_so(impatient: Database) -> None:
    """On SQLite one waits for any writer, so nobody learns whether that writer has the same key."""
    with impatient.write() as db:
        ada = users.register(db, username="ada")
    with impatient.write() as db:
        claim(db, ada)
        with pytest.raises(RequestInProgress), impatient.write() as other:
            claim(other, ada)
