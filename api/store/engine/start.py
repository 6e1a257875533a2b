"""What a server that starts will find."""

from api.store.engine.database import Database
from api.store.engine.migrate import HEAD
from api.store.errors import Unavailable


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
        return f"will be created at {file.path}"
    is_old = (database.revision() or "") < HEAD
    return f"{file.path} will be migrated when the server starts" if is_old else "is up to date"
