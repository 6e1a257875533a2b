"""Idempotency keys and the responses stored for them."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa

from api.settings import Settings
from api.store import clock, idempotency, sweeping, tokens, usage, users, users_removal
from api.store.columns import now
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.errors import IdempotencyKeyReused, RequestInProgress, Unauthenticated
from api.store.idempotency import StoredResponse
from api.store.users import User
from tests.store.conftest import savepoint
from tests.support.rows import select_rows

FINGERPRINT, OTHER_FINGERPRINT = bytes(32), b"x" * 32
RESPONSE: dict[str, Any] = {"status": 201, "headers": [["Location", "/posts/1"]], "body": b'{"id": 1}\n'}


def claim(db: Connection, user: User, key: str = "k", fingerprint: bytes = FINGERPRINT) -> StoredResponse | None:
    return idempotency.claim(db, user_id=user.id, key=key, fingerprint=fingerprint)


def store_response(db: Connection, user: User, key: str = "k") -> None:
    idempotency.store(db, user_id=user.id, key=key, **RESPONSE)


def set_age(db: Connection, hours: int) -> None:
    """Make all keys this many hours old."""
    db.execute(idempotency.keys.update().values(created_at=now() - timedelta(hours=hours)))


def test_the_first_request_claims_the_key_and_the_next_gets_its_response(db: Connection, ada: User) -> None:
    assert claim(db, ada) is None
    store_response(db, ada)
    again = claim(db, ada)
    assert again
    assert {name: again._asdict()[name] for name in RESPONSE} == RESPONSE


def test_a_key_cannot_be_reused_for_another_request(db: Connection, ada: User) -> None:
    claim(db, ada)
    with pytest.raises(IdempotencyKeyReused):
        claim(db, ada, fingerprint=OTHER_FINGERPRINT)
    assert claim(db, ada, key="K") is None


def test_keys_of_different_users_are_independent(db: Connection, ada: User, bob: User) -> None:
    assert claim(db, ada) is claim(db, bob, fingerprint=OTHER_FINGERPRINT) is None


def test_keys_expire_after_a_day(db: Connection, ada: User, bob: User) -> None:
    for key in ("k", "l"):
        claim(db, ada, key)
        store_response(db, ada, key)
    set_age(db, 23)
    assert claim(db, ada) is not None
    set_age(db, 25)
    assert claim(db, ada, fingerprint=OTHER_FINGERPRINT) is None
    assert select_rows(db, idempotency.keys.select())[0].key == "k"


def test_sweep_deletes_expired_keys(db: Connection, ada: User, bob: User) -> None:
    claim(db, ada)
    set_age(db, 25)
    claim(db, bob)
    assert [idempotency.sweep(lambda work: work(db)) for _ in range(2)] == [1, 0]
    assert select_rows(db, idempotency.keys.select())[0].user_id == bob.id


def test_a_claim_that_is_rolled_back_leaves_the_key_unused(database: Database) -> None:
    with database.write() as db:
        ada = users.register(db, username="ada")
    with pytest.raises(ZeroDivisionError), database.write() as db:
        claim(db, ada)
        raise ZeroDivisionError
    with database.write() as db:
        assert claim(db, ada, fingerprint=OTHER_FINGERPRINT) is None


def test_keys_are_deleted_with_their_user(db: Connection, ada: User) -> None:
    claim(db, ada)
    users_removal.delete(db, ada)
    assert select_rows(db, idempotency.keys.select()) == []
    with pytest.raises(Unauthenticated), savepoint(db):
        claim(db, ada)


def test_repetitions_wait_for_the_response_of_a_request_in_progress(database: Database) -> None:
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
            store_response(db, ada)
        assert {row.body for row in (each.result() for each in repeated) if row} == {RESPONSE["body"]}


def test_requests_with_different_keys_do_not_wait_for_each_other(postgresql_url: str) -> None:
    """Not even to delete the same expired key. On PostgreSQL only, because SQLite has one writer at a time."""
    database = Database(Settings(database_url=postgresql_url))
    with database.write() as db:
        ada = users.register(db, username="ada")
        claim(db, ada, "old")
        set_age(db, 25)
    with database.write() as first, database.write() as second:
        assert claim(first, ada, "k") is claim(second, ada, "l") is None
    database.close()


def test_waiting_too_long_for_a_request_in_progress_is_an_error(impatient: Database) -> None:
    """On PostgreSQL only: on SQLite a writer waits for any other, whatever its key."""
    with impatient.write() as db:
        ada = users.register(db, username="ada")
    with impatient.write() as db:
        claim(db, ada)
        with pytest.raises(RequestInProgress), impatient.write() as other:
            claim(other, ada)


@pytest.mark.parametrize("hours", [25, 24 * 365])
def test_a_step_of_the_wall_clock_does_not_end_keys_early(
    db: Connection, ada: User, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    claim(db, ada)
    store_response(db, ada)
    ahead = now() + timedelta(hours=hours)
    monkeypatch.setattr(idempotency, "now", lambda: ahead)
    assert claim(db, ada) is not None
    assert claim(db, ada, "another") is None  # deletes the user's expired keys
    assert idempotency.sweep(lambda work: work(db)) == 0
    assert claim(db, ada) is not None


def test_a_key_of_a_clock_that_was_ahead_is_replayed_after_the_correction(
    db: Connection, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as context:
        context.setattr(idempotency, "now", lambda: now() + timedelta(hours=25))
        claim(db, ada)
        store_response(db, ada)
    assert claim(db, ada) is not None


def test_workers_age_keys_by_the_clock_of_the_process_that_started_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that starts after a step of the clock inherits the time from before."""
    before_the_step = clock.wall_clock_offset()
    monkeypatch.setenv(clock.OFFSET_VARIABLE, str(before_the_step - 25 * 3600))
    clock.wall_clock_offset.cache_clear()
    try:
        assert abs(now() - timedelta(hours=25) - clock.steady_now()) < timedelta(seconds=5)
    finally:
        clock.wall_clock_offset.cache_clear()


MANY = 20_000


def insert_expired(database: Database, user: User) -> None:
    """Insert many expired keys of the user, without statistics on them."""
    old = {"fingerprint": FINGERPRINT, "created_at": now() - timedelta(hours=25)}
    with database.write() as db:
        db.execute_many(
            sa.insert(idempotency.keys), [{"user_id": user.id, "key": f"{n:05}", **old} for n in range(MANY)]
        )


def test_a_request_deletes_few_of_many_expired_keys(database: Database) -> None:
    with database.write() as db:
        ada = users.register(db, username="ada")
    insert_expired(database, ada)
    seconds = []
    for number in range(3):
        start = time.perf_counter()
        with database.write() as db:
            assert claim(db, ada, f"new {number}") is None
        seconds.append(time.perf_counter() - start)
    with database.read() as db:
        left = len(select_rows(db, sa.select(idempotency.keys.c.key)))
    assert left == MANY - 3 * (sweeping.MAX_ROWS_IN_REQUEST - 1)
    assert min(seconds) < 0.5


def test_a_sweep_is_many_short_transactions(database: Database) -> None:
    with database.write() as db:
        ada, bob = (users.register(db, username=name) for name in ("ada", "bob"))
        claim(db, bob)
    insert_expired(database, ada)
    deleted: list[int] = []

    def transact(work: Callable[[Connection], Any]) -> Any:
        with database.write() as db:
            result = work(db)
        deleted.append(result[0])
        return result

    assert idempotency.sweep(transact) == MANY == sum(deleted)
    assert max(deleted) <= sweeping.ROWS_PER_TRANSACTION
    with database.read() as db:
        assert [row.user_id for row in select_rows(db, sa.select(idempotency.keys.c.user_id))] == [bob.id]


def test_sweeps_delete_expired_tokens_and_old_usage_and_nothing_else(database: Database) -> None:
    with database.write() as db:
        ada = users.register(db, username="ada")
        expired = {"user_id": ada.id, "name": "", "created_at": now(), "expires_at": now() - timedelta(hours=1)}
        live = {**expired, "expires_at": now() + timedelta(hours=1)}
        row = sa.insert(tokens.tokens)
        db.execute_many(row, [{**expired, "sha256": b"%032d" % number} for number in range(2500)])
        db.execute_many(row, [{**live, "sha256": b"x%031d" % number} for number in range(3)])
        db.execute(sa.insert(usage.usage), user_id=1, day=now().date() - timedelta(days=1), posts=1, bytes=1)
        db.execute(sa.insert(usage.usage), user_id=2, day=now().date(), posts=1, bytes=1)
    assert (tokens.sweep(database.transact), usage.sweep(database.transact)) == (2500, 1)
    with database.read() as db:
        assert len(select_rows(db, sa.select(tokens.tokens.c.id))) == 3
        assert [row.user_id for row in select_rows(db, sa.select(usage.usage.c.user_id))] == [2]


def test_signing_in_deletes_few_of_many_expired_tokens(database: Database) -> None:
    with database.write() as db:
        ada = users.register(db, username="ada", password_hash="hash")
        expired = {"user_id": ada.id, "name": "", "created_at": now(), "expires_at": now() - timedelta(hours=1)}
        db.execute_many(sa.insert(tokens.tokens), [{**expired, "sha256": b"%032d" % number} for number in range(2500)])
    with database.write() as db:
        tokens.create(
            db,
            user_id=ada.id,
            password_hash="hash",
            name="",
            sha256=bytes(32),
            lifetime=timedelta(hours=1),
        )
        left = len(select_rows(db, sa.select(tokens.tokens.c.id)))
    assert left == 2501 - sweeping.MAX_ROWS_IN_REQUEST
