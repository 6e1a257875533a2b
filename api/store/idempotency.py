"""What was answered to requests that may be repeated: claimed, kept and undone together with their effects."""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from api import constraints
from api.store.columns import FOREIGN_KEY, JSON, LOCK_TIMEOUT, Timestamp, metadata, now, translating
from api.store.engine.connections import Connection, Row
from api.store.errors import IdempotencyKeyReused, RequestInProgress, Unauthenticated

LIFE = timedelta(hours=24)
"""How long an answer is given again."""

keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("user_id", sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String(constraints.IDEMPOTENCY_KEY_MAX_LENGTH), primary_key=True),
    sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    # The answer, which is not there yet while the request is in progress.
    sa.Column("status", sa.Integer),
    sa.Column("headers", JSON),
    sa.Column("body", sa.LargeBinary),
    sa.Index(None, "user_id", "created_at"),
)

_OWN = keys.c.user_id == sa.bindparam("claimer")
_THIS = _OWN, keys.c.key == sa.bindparam("claimed")
_OLD = keys.c.created_at <= sa.bindparam("long_ago", type_=Timestamp)
# SQLite says it in the same words. PostgreSQL waits here while another transaction claims the same key, and then holds
# the row that is there, so that it stays until it has been read.
_INSERT = insert(keys)
_CLAIM = _INSERT.on_conflict_do_update(
    index_elements=[keys.c.user_id, keys.c.key],
    set_={name: _INSERT.excluded[name] for name in ("fingerprint", "created_at", "status", "headers", "body")},
    where=_OLD,
).returning(keys.c.key)
_KEPT = sa.select(keys).where(*_THIS)
_KEEP = sa.update(keys).where(*_THIS)
_SWEEP = sa.delete(keys).where(_OLD)
# What others hold, they sweep: nobody waits for that.
_SWEEP_OWN = sa.delete(keys).where(
    _OWN, keys.c.key.in_(sa.select(keys.c.key).where(_OWN, _OLD).with_for_update(skip_locked=True))
)


def claim(db: Connection, *, user_id: int, key: str, fingerprint: bytes) -> Row | None:
    """None, and the key is claimed until the transaction ends; or the answer that was given to the same request.

    `IdempotencyKeyReused` if the key was sent with another request, `RequestInProgress` if its first request takes
    too long. The user's keys of more than a day ago are swept away.
    """
    moment = now()
    long_ago = moment - LIFE
    values = {"user_id": user_id, "key": key, "fingerprint": fingerprint, "created_at": moment, "long_ago": long_ago}
    with (
        translating(FOREIGN_KEY, Unauthenticated("The user has been removed. Register anew.")),
        translating(
            LOCK_TIMEOUT, RequestInProgress("The first request with this Idempotency-Key is in progress. Try again.")
        ),
    ):
        claimed = db.one_or_none(_CLAIM, **values)
    if claimed:
        db.execute(_SWEEP_OWN, claimer=user_id, long_ago=long_ago)
        return None
    [kept] = db.all(_KEPT, claimer=user_id, claimed=key)
    if kept.fingerprint != fingerprint:
        raise IdempotencyKeyReused("This Idempotency-Key was sent with another request. Choose a new one for each.")
    return kept


def keep(
    db: Connection, *, user_id: int, key: str, status: int, headers: Sequence[tuple[str, str]], body: bytes
) -> None:
    """Remember what is answered to the request that has claimed the key."""
    db.execute(_KEEP, claimer=user_id, claimed=key, status=status, headers=headers, body=body)


def sweep(db: Connection) -> int:
    """Forget the answers of more than a day ago, and tell how many."""
    return db.execute(_SWEEP, long_ago=now() - LIFE)
