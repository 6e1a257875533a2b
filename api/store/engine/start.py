"""What a server that starts will find."""

from api.store.engine import backup, sqlite
from api.store.engine.database import Database
from api.store.engine.migrate import HEAD


def describe(database: Database) -> str:
    """Return the state of the database, such as "is up to date"; create and migrate nothing.

    Raises `Unavailable` if a server could not use it.
    """
    if not database.is_sqlite:
        database.require_current_schema()
        return "is up to date"
    file = backup.file(database).absolute()
    sqlite.check_writable(file)
    if not file.exists():
        return f"will be created at {file}"
    is_old = (database.revision() or "") < HEAD
    return f"{file} will be migrated when the server starts" if is_old else "is up to date"
