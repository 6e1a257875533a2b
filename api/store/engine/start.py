"""What a server that starts will find."""

import logging

from api.store.engine.database import Database
from api.store.engine.migrate import HEAD
from api.store.errors import DatabaseNeedsRepair, Unavailable

_logger = logging.getLogger(__name__)


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
