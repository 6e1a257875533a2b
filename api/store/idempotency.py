"""What was answered to requests that may be repeated: claimed, kept and undone together with their effects."""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from api import limits
from api.store.errors import InProgress, KeyReused, SignedOut
from api.store.sql import FOREIGN_KEY, LOCK_TIMEOUT, Connection, Row, Timestamp, metadata, now, refusing

LIFE = timedelta(hours=24)
"""How long an answer is given again."""

keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("user_id", sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String(limits.IDEMPOTENCY_KEY_MAX), primary_key=True),
    sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    # The answer, which is not there yet while the request is in progress.
    sa.Column("status", sa.Integer),
    sa.Column("headers", sa.JSON),
    sa.Column("body", sa.LargeBinary),
    sa.Index(None, "created_at"),
)

_THIS = keys.c.user_id == sa.bindparam("claimer"), keys.c.key == sa.bindparam("claimed")
_OLD = keys.c.created_at <= sa.bindparam("long_ago", type_=Timestamp)
# SQLite says it in the same words. PostgreSQL waits here while another transaction claims the same key.
_CLAIM = insert(keys).on_conflict_do_nothing().returning(keys.c.key)
_KEPT = sa.select(keys).where(*_THIS)
_KEEP = sa.update(keys).where(*_THIS)
_SWEEP = sa.delete(keys).where(_OLD)
_SWEEP_OWN = _SWEEP.where(keys.c.user_id == sa.bindparam("claimer"))


def claim(db: Connection, *, user_id: int, key: str, fingerprint: bytes) -> Row | None:
    """None, and the key is claimed until the transaction ends; or the answer that was given to the same request.

    `KeyReused` if the key was sent with another request, `InProgress` if its first request takes too long. The user's
    keys of more than a day ago are swept away.
    """
    moment = now()
    this = {"claimer": user_id, "claimed": key}
    db.execute(_SWEEP_OWN, {"claimer": user_id, "long_ago": moment - LIFE})
    values = {"user_id": user_id, "key": key, "fingerprint": fingerprint, "created_at": moment}
    with (
        refusing(FOREIGN_KEY, SignedOut("The user has been removed. Register anew.")),
        refusing(LOCK_TIMEOUT, InProgress("The first request with this Idempotency-Key is in progress. Try again.")),
    ):
        if db.execute(_CLAIM, values).one_or_none():
            return None
    kept = db.execute(_KEPT, this).one()
    if kept.fingerprint != fingerprint:
        raise KeyReused("This Idempotency-Key was sent with another request. Choose a new one for each.")
    return kept


def keep(
    db: Connection, *, user_id: int, key: str, status: int, headers: Sequence[tuple[str, str]], body: bytes
) -> None:
    """Remember what is answered to the request that has claimed the key."""
    db.execute(_KEEP, {"claimer": user_id, "claimed": key, "status": status, "headers": headers, "body": body})


def sweep(db: Connection) -> int:
    """Forget the answers of more than a day ago, and tell how many."""
    return db.execute(_SWEEP, {"long_ago": now() - LIFE}).rowcount
