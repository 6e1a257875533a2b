"""Tokens in the database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from api.settings import Settings
from api.store import accounts, credentials, tokens, tokens_use, users, users_removal
from api.store.columns import now
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.errors import NotFound, Unauthenticated
from api.store.tokens import Token
from api.store.tokens_use import TokenUser
from api.store.users import User

HASH = bytes(range(32))


def create_token(db: Connection, user: User, sha256: bytes = HASH, days: int = 1) -> Token:
    return tokens.create(
        db,
        user_id=user.id,
        password_hash=credentials.get(db, user.username).password_hash,
        name="laptop",
        sha256=sha256,
        lifetime=timedelta(days=days),
    )


def run_in_transaction(database: Database, call: Callable[..., object], *arguments: object, **named: object) -> None:
    with database.write() as db:
        call(db, *arguments, **named)


def test_a_token_identifies_its_user(db: Connection, ada: User) -> None:
    create_token(db, ada)
    user = tokens_use.find_user(db, HASH)
    assert user
    assert (user.username, user.role) == ("ada", "member")
    assert "password_hash" not in user._asdict()
    assert tokens_use.find_user(db, bytes(32)) is None


def test_expired_tokens_are_not_found(db: Connection, ada: User) -> None:
    token = create_token(db, ada, days=-1)
    with pytest.raises(NotFound):
        tokens.get(db, token.id, user_id=ada.id)
    assert tokens_use.find_user(db, HASH) is None
    assert tokens.page(db, user_id=ada.id, limit=1).rows == []


def test_creating_a_token_deletes_expired_ones_of_the_user(db: Connection, ada: User) -> None:
    create_token(db, ada, days=-1)
    create_token(db, ada)  # the same hash would violate UNIQUE if the expired token still existed
    assert tokens_use.find_user(db, HASH)


def test_revoked_tokens_are_not_found(db: Connection, ada: User) -> None:
    tokens.revoke(db, create_token(db, ada).id, user_id=ada.id)
    assert tokens_use.find_user(db, HASH) is None


def test_users_cannot_read_or_revoke_tokens_of_others(db: Connection, ada: User, bob: User) -> None:
    token = create_token(db, ada)
    with pytest.raises(NotFound, match=f"no token {token.id}"):
        tokens.revoke(db, token.id, user_id=bob.id)
    assert tokens.page(db, user_id=bob.id, limit=1).rows == []
    assert tokens.get(db, token.id, user_id=ada.id) == token


def test_tokens_are_deleted_with_their_user(db: Connection, ada: User) -> None:
    create_token(db, ada)
    users_removal.delete(db, ada)
    assert tokens_use.find_user(db, HASH) is None


def test_no_token_is_created_if_the_password_changed_or_the_user_was_removed(db: Connection, ada: User) -> None:
    verified = credentials.get(db, "ada")
    credentials.change(db, verified, "another")
    with pytest.raises(Unauthenticated):
        tokens.create(
            db,
            user_id=verified.id,
            password_hash=verified.password_hash,
            name="",
            sha256=HASH,
            lifetime=timedelta(days=1),
        )
    changed = credentials.get(db, "ada")
    users_removal.delete(db, ada)
    with pytest.raises(Unauthenticated):
        tokens.create(
            db,
            user_id=changed.id,
            password_hash=changed.password_hash,
            name="",
            sha256=HASH,
            lifetime=timedelta(days=1),
        )


def test_touch_updates_last_used_at_at_most_once_a_minute(db: Connection, ada: User) -> None:
    def read() -> TokenUser:
        user = tokens_use.find_user(db, HASH)
        assert user
        return user

    token = create_token(db, ada)
    assert token.last_used_at is None
    assert not tokens_use.is_recently_touched(read())
    tokens_use.touch(db, token.id)
    first = read()
    assert tokens_use.is_recently_touched(first)
    tokens_use.touch(db, token.id)
    assert read().last_used_at == first.last_used_at
    db.execute(tokens.tokens.update().values(last_used_at=now() - timedelta(seconds=61)))
    assert not tokens_use.is_recently_touched(read())
    tokens_use.touch(db, token.id)
    assert str(read().last_used_at) >= str(first.last_used_at)


def test_touch_does_not_wait_for_a_locked_token(postgresql_url: str) -> None:
    """On PostgreSQL only, because SQLite has one writer at a time."""
    database = Database(Settings(database_url=postgresql_url))
    with database.write() as db:
        token = create_token(db, users.register(db, username="ada", password_hash="hash"))
    with database.write() as first, database.write() as second:
        tokens.revoke_all(first, user_id=1)
        tokens_use.touch(second, token.id)
    database.close()


def test_a_token_in_use_cannot_be_revoked_and_writes_with_it_do_not_wait_for_each_other(postgresql_url: str) -> None:
    """On PostgreSQL only, because SQLite has one writer at a time."""
    database = Database(Settings(database_url=postgresql_url))
    with database.write() as db:
        ada = users.register(db, username="ada", password_hash="hash")
        create_token(db, ada)
    with ThreadPoolExecutor(1) as threads:
        with database.write() as first, database.write() as second:
            for db in (first, second):
                assert tokens_use.lock_and_find_user(db, HASH)
            revised = users.revise(first, users.get_for_update(first, "ada", principal=ada), bio="b")
            revocation = threads.submit(run_in_transaction, database, tokens.revoke_all, user_id=ada.id)
            with pytest.raises(TimeoutError):
                revocation.result(0.3)
        revocation.result()
    with database.read() as db:
        assert tokens_use.find_user(db, HASH) is None
        assert users.get(db, "ada") == revised
    database.close()


def test_a_change_of_role_can_wait_for_transactions_with_the_former_role(postgresql_url: str) -> None:
    """On PostgreSQL only, because SQLite has one writer at a time."""
    database = Database(Settings(database_url=postgresql_url))
    with database.write() as db:
        ada = users.register(db, username="ada", password_hash="hash")
        accounts.set_role(db, "ada", "admin")
        create_token(db, ada)
    with ThreadPoolExecutor(1) as threads:
        with database.write() as db:
            user = tokens_use.lock_and_find_user(db, HASH)
            assert user
            assert user.role == "admin"
            run_in_transaction(database, accounts.set_role, "ada", "member")
            waiting = threads.submit(run_in_transaction, database, tokens_use.wait_until_unused, user_id=ada.id)
            with pytest.raises(TimeoutError):
                waiting.result(0.3)
        waiting.result()
    database.close()


def test_using_a_token_does_not_keep_its_last_use_from_being_updated(postgresql_url: str) -> None:
    database = Database(Settings(database_url=postgresql_url))
    with database.write() as db:
        token = create_token(db, users.register(db, username="ada", password_hash="hash"))
    with database.write() as first, database.write() as second:
        tokens_use.lock_and_find_user(first, HASH)
        tokens_use.touch(second, token.id)
    with database.read() as db:
        assert tokens.get(db, token.id, user_id=1).last_used_at
    database.close()


def test_revoke_all_can_keep_one_token(db: Connection, ada: User, bob: User) -> None:
    remaining, _, of_bob = create_token(db, ada), create_token(db, ada, bytes(32)), create_token(db, bob, b"x" * 32)
    tokens.revoke_all(db, user_id=ada.id, keep_token=remaining.id)
    assert [row.id for row in tokens.page(db, user_id=ada.id, limit=9).rows] == [remaining.id]
    tokens.revoke_all(db, user_id=ada.id)
    assert tokens.page(db, user_id=ada.id, limit=9).rows == []
    assert [row.id for row in tokens.page(db, user_id=bob.id, limit=9).rows] == [of_bob.id]
