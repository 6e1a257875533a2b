"""Responses to requests with an Idempotency-Key: claimed, stored and rolled back together with their effects."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from api import constraints
from api.store.clock import steady_now
from api.store.columns import JSON, Timestamp, metadata, now
from api.store.engine.connections import Connection, Query
from api.store.errors import IdempotencyKeyReused, RequestInProgress, Unauthenticated
from api.store.queries import FOREIGN_KEY_VIOLATION, LOCK_TIMEOUT, translating
from api.store.sweeping import MAX_ROWS_IN_REQUEST, Sweep, Transact

RETENTION = timedelta(hours=24)
"""How long a response is replayed."""

keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("user_id", sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String(constraints.IDEMPOTENCY_KEY_MAX_LENGTH), primary_key=True),
    sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    # The response; NULL while the request is in progress.
    sa.Column("status", sa.Integer),
    sa.Column("headers", JSON),
    sa.Column("body", sa.LargeBinary),
    # The properties of the body that are null because the request has them, too.
    sa.Column("omitted", JSON),
    sa.Index(None, "user_id", "created_at"),
)


class StoredResponse(NamedTuple):
    """The response to the first request with a key, and the fingerprint of that request."""

    fingerprint: bytes
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    omitted: list[str] | None


class _Key(NamedTuple):
    key: str


_OF_USER = keys.c.user_id == sa.bindparam("of_user")
_OF_KEY = _OF_USER, keys.c.key == sa.bindparam("of_key")
_EXPIRED = keys.c.created_at <= sa.bindparam("expired_before", type_=Timestamp)
# SQLite has the same syntax. PostgreSQL waits here while another transaction claims the same key, and then locks the
# row, so that it cannot be deleted before it is read.
_INSERT = insert(keys)
_CLAIM = Query(
    _Key,
    _INSERT.on_conflict_do_update(
        index_elements=[keys.c.user_id, keys.c.key],
        set_={
            name: _INSERT.excluded[name]
            for name in ("fingerprint", "created_at", "status", "headers", "body", "omitted")
        },
        where=_EXPIRED,
    ).returning(keys.c.key),
)
_STORED = Query(StoredResponse, sa.select(*(keys.c[name] for name in StoredResponse._fields)).where(*_OF_KEY))
_STORE = sa.update(keys).where(*_OF_KEY)
_SWEEP = Sweep(keys, _EXPIRED)
# Rows that another transaction has locked are deleted by that transaction; this one does not wait.
_EXPIRED_OF_USER = Query(
    _Key,
    sa.select(keys.c.key)
    .where(_OF_USER, _EXPIRED)
    .order_by(keys.c.created_at)
    .limit(MAX_ROWS_IN_REQUEST)
    .with_for_update(skip_locked=True),
)
_DELETE = sa.delete(keys).where(*_OF_KEY)


def claim(db: Connection, *, user_id: int, key: str, fingerprint: bytes) -> StoredResponse | None:
    """Claim the key until the transaction ends and return None, or return the response to the same request.

    The oldest expired keys of the user are deleted. `IdempotencyKeyReused` if the key was sent with another request,
    `RequestInProgress` if the first request with the key does not finish in time.
    """
    timestamp = now()
    expired_before = _expired_before()
    in_progress = RequestInProgress("A request with this Idempotency-Key is in progress. Try again.")
    with (
        translating(FOREIGN_KEY_VIOLATION, Unauthenticated("The user has been removed. Register again.")),
        translating(LOCK_TIMEOUT, in_progress),
    ):
        claimed = db.one_or_none(
            _CLAIM,
            user_id=user_id,
            key=key,
            fingerprint=fingerprint,
            created_at=timestamp,
            expired_before=expired_before,
        )
    if claimed:
        if expired := db.all(_EXPIRED_OF_USER, of_user=user_id, expired_before=expired_before):
            db.execute_many(_DELETE, [{"of_user": user_id, "of_key": row.key} for row in expired])
        return None
    [stored] = db.all(_STORED, of_user=user_id, of_key=key)
    if stored.fingerprint != fingerprint:
        raise IdempotencyKeyReused(
            "This Idempotency-Key was sent with another request. Choose a new one for each request."
        )
    return stored


def store(
    db: Connection,
    *,
    user_id: int,
    key: str,
    status: int,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    omitted: Sequence[str] = (),
) -> None:
    """Store the response to the request that claimed the key."""
    db.execute(_STORE, of_user=user_id, of_key=key, status=status, headers=headers, body=body, omitted=omitted)


def sweep(transact: Transact) -> int:
    """Delete all expired keys; return how many."""
    return _SWEEP.run(transact, expired_before=_expired_before())


def _expired_before() -> datetime:
    # A wall clock that is set forward must not let a request that is repeated be performed twice.
    return min(now(), steady_now()) - RETENTION
