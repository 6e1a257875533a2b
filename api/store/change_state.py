"""What a change feed must know of the database before it reads changes: its epoch, and which positions are final."""

from typing import NamedTuple

import sqlalchemy as sa

from api.store.change_positions import XID, DialectSQL, Feed, last_position

HORIZON = XID.format("pg_snapshot_xmin(pg_current_snapshot())")
"""On PostgreSQL, the position below which no change can appear anymore."""
IS_FINAL = DialectSQL(sqlite="1", postgresql=f"change_position < {HORIZON}", type_=sa.Boolean())
"""Whether a change is below it. SQLite has one writer at a time, so all changes that can be read are final."""
_END = XID.format("pg_snapshot_xmax(pg_current_snapshot())")
# A fail-over begins a timeline, which the checkpoint in the control file has only later; a dump that is restored makes
# new tables, and a copy by CREATE DATABASE is another database. Ordinary roles may read all of these.
_SERVER = """
    (SELECT oid FROM pg_database WHERE datname = current_database())
    || ' ' || (SELECT system_identifier FROM pg_control_system())
    || ' ' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
"""
_NAME = "{0}.epoch || ' ' || {0}.tableoid || ' ' || positions.server"
_STATE = """
SELECT {now} AS epoch, {then} AS epoch_of_token, {swept_position} AS swept_position,
    current.swept_id AS swept_id, positions.last_position AS last_position, positions.horizon AS horizon,
    positions.end_position AS end_position
FROM (
    SELECT {last_position} AS last_position, {horizon} AS horizon, {end_position} AS end_position, {server}
) AS positions
JOIN sync_epochs AS current ON current.feed = '{feed}' AND current.first_position = (
    SELECT max(first_position) FROM sync_epochs WHERE feed = '{feed}' AND first_position <= positions.last_position
)
LEFT JOIN sync_epochs AS token ON token.feed = '{feed}' AND token.first_position = (
    SELECT max(first_position) FROM sync_epochs WHERE feed = '{feed}' AND first_position <= :token_seen
)
"""


class State(NamedTuple):
    """The state of a feed in a snapshot."""

    epoch: str
    """That of the last position."""
    epoch_of_token: str | None
    """That of the last position that the token's reader may have seen something of."""
    swept_position: int
    swept_id: int
    last_position: int
    """The highest final position that there is."""
    horizon: int | None
    """The position below which all are final; None on SQLite, where it is the end."""
    end_position: int
    """Above all positions in the snapshot."""


def select_state(feed: Feed, *, is_sqlite: bool) -> sa.Subquery:
    """Return the statement that reads the state, one row, as a subquery."""
    if is_sqlite:
        last = last_position(feed)
        sql = _STATE.format(
            feed=feed,
            now="current.epoch",
            then="token.epoch",
            swept_position="current.swept_position",
            last_position=last,
            horizon="NULL",
            end_position=f"{last} + 1",
            server="'' AS server",
        )
    else:
        sql = _STATE.format(
            feed=feed,
            now=_NAME.format("current"),
            then=_NAME.format("token"),
            # A higher one is that of the server from which a dump was restored, whose transactions had higher ids.
            swept_position="CASE WHEN current.swept_position < horizon THEN current.swept_position ELSE 0 END",
            last_position=last_position(feed, below=HORIZON),
            horizon=HORIZON,
            end_position=_END,
            # OFFSET: otherwise PostgreSQL computes all of this once for each of its uses.
            server=f"{_SERVER} AS server OFFSET 0",
        )
    types = dict.fromkeys(State._fields, sa.BigInteger) | dict.fromkeys(("epoch", "epoch_of_token"), sa.String)
    text = sa.text(sql).bindparams(sa.bindparam("token_seen", type_=sa.BigInteger))
    return text.columns(**types).subquery("state")
