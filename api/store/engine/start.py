"""What a server that starts will find."""

import logging
from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa

from api.store.engine.citus import find_distributed_tables
from api.store.engine.connections import Query
from api.store.engine.database import Database
from api.store.engine.migrate import HEAD
from api.store.errors import DatabaseNeedsRepair, Unavailable

_logger = logging.getLogger(__name__)


class _Setting(NamedTuple):
    value: str


_SYNCHRONOUS_COMMIT = Query(
    _Setting, sa.text("SELECT current_setting('synchronous_commit') AS value").columns(value=sa.String)
)


def describe(database: Database) -> str:
    """Return the state of the database, such as "is up to date"; create and migrate nothing.

    Raises `Unavailable` if a server could not use it.
    """
    file = database.file
    if file is None:
        database.require_current_schema()
        return "is up to date"
    if reason := file.diagnose(may_be_missing=True):
        raise Unavailable(reason)
    if not file.path.exists():
        file.require_no_lost_database()
        return f"will be created at {file.path}"
    is_old = (database.revision() or "") < HEAD
    return f"{file.path} will be migrated when the server starts" if is_old else "is up to date"


def find_warnings(database: Database) -> Iterator[str]:
    """Yield what is wrong with a database that a server can use: on PostgreSQL, what change feeds do not work with."""
    if database.is_sqlite:
        return
    with database.read() as db:
        if tables := find_distributed_tables(db):
            yield f"Citus distributes {', '.join(tables)}, so the server will have no change feeds."
        if any(setting.value == "off" for setting in db.all(_SYNCHRONOUS_COMMIT)):
            yield (
                "synchronous_commit is off. After a crash of PostgreSQL, clients of the change feeds may have changes "
                "that were undone, and miss later ones: set it to another value for this role and database."
            )


def require_usable_server(database: Database) -> None:
    """Connect to PostgreSQL once: raise `DatabaseNeedsRepair` if its database cannot be used.

    A server that does not respond may do so later.
    """
    try:
        if not database.is_sqlite:
            with database.read():
                pass
    except DatabaseNeedsRepair:
        raise
    except Unavailable as error:
        _logger.warning("%s", error.message_for_operators)
