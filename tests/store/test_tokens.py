"""Tokens, as they are kept."""

from datetime import timedelta

import pytest

from api.settings import Settings
from api.store import credentials, tokens, users
from api.store.columns import now
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.errors import NotFound, Unauthenticated
from api.store.tokens import Token, TokenUser
from api.store.users import User

HASH = bytes(range(32))


def grant(db: Connection, user: User, sha256: bytes = HASH, days: int = 1) -> Token:
    return tokens.create(
        db,
        user_id=user.id,
        password_hash=credentials.get(db, user.username).password_hash,
        name="laptop",
        sha256=sha256,
        expires_at=now() + timedelta(days=days),
    )


def test_a_live_token_tells_whose_it_is(db: Connection, ada: User) -> None:
    grant(db, ada)
    bearer = tokens.find_user(db, HASH)
    assert bearer
    assert (bearer.username, bearer.role) == ("ada", "member")
    assert "password_hash" not in bearer._asdict()
    assert tokens.find_user(db, bytes(32)) is None


def test_an_expired_token_is_nobodys(db: Connection, ada: User) -> None:
    token = grant(db, ada, days=-1)
    with pytest.raises(NotFound):
        tokens.get(db, token.id, user_id=ada.id)
    assert tokens.find_user(db, HASH) is None
    assert tokens.page(db, user_id=ada.id, limit=1).rows == []


def test_expired_tokens_are_swept_when_another_is_granted(db: Connection, ada: User) -> None:
    grant(db, ada, days=-1)
    grant(db, ada)  # the same hash again would break its uniqueness, were the expired one still there
    assert tokens.find_user(db, HASH)


def test_a_revoked_token_is_nobodys(db: Connection, ada: User) -> None:
    tokens.revoke(db, grant(db, ada).id, user_id=ada.id)
    assert tokens.find_user(db, HASH) is None


def test_nobody_sees_or_revokes_the_tokens_of_others(db: Connection, ada: User, bob: User) -> None:
    token = grant(db, ada)
    with pytest.raises(NotFound, match=f"no token {token.id}"):
        tokens.revoke(db, token.id, user_id=bob.id)
    assert tokens.page(db, user_id=bob.id, limit=1).rows == []
    assert tokens.get(db, token.id, user_id=ada.id) == token


def test_tokens_go_with_their_user(db: Connection, ada: User) -> None:
    grant(db, ada)
    users.remove(db, ada)
    assert tokens.find_user(db, HASH) is None


def test_who_is_gone_or_has_another_password_gets_no_token(db: Connection, ada: User) -> None:
    proven = credentials.get(db, "ada")
    credentials.change(db, proven, "another")
    with pytest.raises(Unauthenticated):
        tokens.create(
            db,
            user_id=proven.id,
            password_hash=proven.password_hash,
            name="",
            sha256=HASH,
            expires_at=now() + timedelta(days=1),
        )
    changed = credentials.get(db, "ada")
    users.remove(db, ada)
    with pytest.raises(Unauthenticated):
        tokens.create(
            db,
            user_id=changed.id,
            password_hash=changed.password_hash,
            name="",
            sha256=HASH,
            expires_at=now() + timedelta(days=1),
        )


def test_the_last_use_is_known_to_the_minute(db: Connection, ada: User) -> None:
    def read() -> TokenUser:
        bearer = tokens.find_user(db, HASH)
        assert bearer
        return bearer

    token = grant(db, ada)
    assert token.last_used_at is None
    assert not tokens.is_recently_touched(read())
    tokens.touch(db, token.id)
    first = read()
    assert tokens.is_recently_touched(first)
    tokens.touch(db, token.id)
    assert read().last_used_at == first.last_used_at
    db.execute(tokens.tokens.update().values(last_used_at=now() - timedelta(seconds=61)))
    assert not tokens.is_recently_touched(read())
    tokens.touch(db, token.id)
    assert str(read().last_used_at) >= str(first.last_used_at)


def test_who_finds_a_token_held_does_not_wait(postgresql_url: str) -> None:
    """On SQLite nobody else gets so far."""
    database = Database(Settings(database_url=postgresql_url))
    with database.write() as db:
        token = grant(db, users.register(db, username="ada", password_hash="hash"))
    with database.write() as first, database.write() as second:
        tokens.revoke_all(first, user_id=1)
        tokens.touch(second, token.id)
    database.close()


def test_all_tokens_of_a_user_end_but_one(db: Connection, ada: User, bob: User) -> None:
    kept, _, others = grant(db, ada), grant(db, ada, bytes(32)), grant(db, bob, b"x" * 32)
    tokens.revoke_all(db, user_id=ada.id, keep_token=kept.id)
    assert [row.id for row in tokens.page(db, user_id=ada.id, limit=9).rows] == [kept.id]
    tokens.revoke_all(db, user_id=ada.id)
    assert tokens.page(db, user_id=ada.id, limit=9).rows == []
    assert [row.id for row in tokens.page(db, user_id=bob.id, limit=9).rows] == [others.id]
