"""Tokens, as they are kept."""

from datetime import timedelta

import pytest

from api.store import tokens, users
from api.store.errors import NotFound, SignedOut
from api.store.sql import Connection, Row, now

HASH = bytes(range(32))


def grant(db: Connection, user: Row, sha256: bytes = HASH, days: int = 1) -> Row:
    return tokens.grant(db, user_id=user.id, name="laptop", sha256=sha256, expires_at=now() + timedelta(days=days))


def test_a_live_token_tells_whose_it_is(db: Connection, ada: Row) -> None:
    grant(db, ada)
    assert tokens.bearer(db, HASH) == ada
    assert tokens.bearer(db, bytes(32)) is None


def test_an_expired_token_is_nobodys(db: Connection, ada: Row) -> None:
    with pytest.raises(NotFound):
        grant(db, ada, days=-1)
    assert tokens.bearer(db, HASH) is None
    assert tokens.page(db, user_id=ada.id, limit=1).rows == []


def test_expired_tokens_are_swept_when_another_is_granted(db: Connection, ada: Row) -> None:
    with pytest.raises(NotFound):
        grant(db, ada, days=-1)
    grant(db, ada)  # the same hash again would break its uniqueness, were the expired one still there
    assert tokens.bearer(db, HASH) == ada


def test_a_revoked_token_is_nobodys(db: Connection, ada: Row) -> None:
    tokens.revoke(db, grant(db, ada).id, user_id=ada.id)
    assert tokens.bearer(db, HASH) is None


def test_nobody_sees_or_revokes_the_tokens_of_others(db: Connection, ada: Row, bob: Row) -> None:
    token = grant(db, ada)
    with pytest.raises(NotFound, match=f"no token {token.id}"):
        tokens.revoke(db, token.id, user_id=bob.id)
    assert tokens.page(db, user_id=bob.id, limit=1).rows == []
    assert tokens.get(db, token.id, user_id=ada.id) == token


def test_tokens_go_with_their_user(db: Connection, ada: Row) -> None:
    grant(db, ada)
    users.remove(db, ada)
    assert tokens.bearer(db, HASH) is None


def test_a_removed_user_gets_no_token(db: Connection, ada: Row) -> None:
    users.remove(db, ada)
    savepoint = db.begin_nested()
    with pytest.raises(SignedOut):
        grant(db, ada)
    savepoint.rollback()
