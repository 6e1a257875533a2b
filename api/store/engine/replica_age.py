"""The age of a replica's data, proved by what the primary has written."""

import time
from math import inf
from typing import NamedTuple

import sqlalchemy as sa

from api.store.engine.connections import Query
from api.store.engine.database import Database
from api.store.errors import Unavailable


class Proof(NamedTuple):
    """What a check has proved."""

    as_of: float
    """The time, by `time.monotonic`, since when the replica may lack commits; minus infinity if nothing is proved."""
    is_primary_available: bool


class _Position(NamedTuple):
    lsn: str


class _Progress(NamedTuple):
    is_receiving: bool
    has_replayed: bool | None
    commit_milliseconds: int | None
    """The age of the last replayed commit, by the clocks of both servers."""


# What the replica has received proves nothing: its source may be silent. Neither statement needs a privilege.
_POSITION = Query(_Position, sa.text("SELECT pg_current_wal_lsn()::text AS lsn").columns(lsn=sa.String))
# A replica without a WAL receiver may follow another timeline, whose positions mean nothing.
_PROGRESS = Query(
    _Progress,
    sa.text(
        "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver) AS is_receiving,"
        " pg_last_wal_replay_lsn() >= CAST(:lsn AS pg_lsn) AS has_replayed,"
        " CAST(1000 * extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) AS bigint)"
        " AS commit_milliseconds"
    )
    .bindparams(sa.bindparam("lsn", type_=sa.String))
    .columns(is_receiving=sa.Boolean, has_replayed=sa.Boolean, commit_milliseconds=sa.BigInteger),
)


def prove(primary: Database, replica: Database, *, max_lag: float) -> Proof:
    """Compare both servers. Raises `Unavailable` if the replica fails."""
    checked_at = time.monotonic()
    lsn = _find_position(primary)
    with replica.read() as db:
        [progress] = db.all(_PROGRESS, lsn=lsn)
    commit_age = inf if progress.commit_milliseconds is None else progress.commit_milliseconds / 1000
    as_of = -inf
    if progress.is_receiving and progress.has_replayed:
        as_of = checked_at
    # While clients write, the replica is always a little behind. A clock that is wrong by more proves nothing.
    elif progress.is_receiving and abs(commit_age) < max_lag:
        as_of = checked_at - max(commit_age, 0)
    return Proof(as_of, lsn is not None)


def _find_position(primary: Database) -> str | None:
    """Return the position up to which the primary has written WAL; None if it does not respond."""
    try:
        with primary.read() as db:
            return db.all(_POSITION)[0].lsn
    except Unavailable:
        return None
