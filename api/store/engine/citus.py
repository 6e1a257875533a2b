"""Citus, an extension of PostgreSQL that distributes tables over several nodes, on which change feeds do not work.

Each node numbers its transactions by itself, so the ids of transactions are no order of changes.
"""

from typing import NamedTuple

import sqlalchemy as sa

from api.store.engine.connections import Connection, Query
from api.store.errors import DatabaseNeedsRepair


class _Name(NamedTuple):
    name: str


_EXTENSION = Query(
    _Name, sa.text("SELECT extname AS name FROM pg_extension WHERE extname = 'citus'").columns(name=sa.String)
)
# Reference tables, which each node has a copy of, are in this catalog, too.
_TABLES = Query(
    _Name,
    sa.text("""
        SELECT CAST(logicalrelid AS text) AS name FROM pg_dist_partition
        WHERE logicalrelid IN (
            to_regclass('posts'), to_regclass('removed_posts'), to_regclass('users'), to_regclass('removed_users')
        )
        ORDER BY name
    """).columns(name=sa.String),
)


def find_distributed_tables(db: Connection) -> list[str]:
    """Return those tables of the change feeds, on PostgreSQL, that Citus distributes."""
    # Without Citus, there is no catalog of distributed tables.
    return [table.name for table in db.all(_TABLES)] if db.one_or_none(_EXTENSION) else []


class SingleNode:
    """Whether the tables of the change feeds are on a single node; looked up until they are."""

    def __init__(self, *, is_known: bool) -> None:
        self._is_known = is_known

    def require(self, db: Connection) -> None:
        """Raise `DatabaseNeedsRepair` if the tables are distributed."""
        if self._is_known:
            return
        if tables := find_distributed_tables(db):
            raise DatabaseNeedsRepair(
                "This server has no change feeds.",
                reason=f"Citus distributes {', '.join(tables)}, so there are no change feeds "
                "(deploy/postgresql.md). To have them, run `SELECT undistribute_table(…)` for each of these tables.",
            )
        self._is_known = True
