"""The database connection of a request, opened when it is needed."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType

from api.store.engine.connections import Connection
from api.store.engine.replica import Read


class UnitOfWork:
    """The work of a request in the database. It has no connection before it needs one."""

    connection: Connection | None = None
    is_used = False
    """Whether a connection has been opened, or could not be."""
    _context: AbstractContextManager[Connection]

    def __init__(self, open_connection: Read, authorize: Callable[[Connection], None] | None = None) -> None:
        """`authorize` raises if the client may not use the connection, which is then rolled back."""
        self._open_connection = open_connection
        self._authorize = authorize

    def open(self, open_connection: Read | None = None) -> Connection:
        """Open the connection, by `open_connection` instead if it is given."""
        self.is_used = True
        self._context = (open_connection or self._open_connection)()
        self.connection = self._context.__enter__()
        if self._authorize:
            self._authorize(self.connection)
        return self.connection

    def __enter__(self) -> "UnitOfWork":
        """Return this unit of work."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Commit, or roll back if there was an error. Work that has needed no connection is authorized, too."""
        # It has the request, which has this: only a garbage collection would free the request and its body.
        authorize, self._authorize = self._authorize, None
        if self.connection:
            self._context.__exit__(kind, error, traceback)
        elif authorize and not self.is_used:
            with self._open_connection() as connection:
                authorize(connection)
