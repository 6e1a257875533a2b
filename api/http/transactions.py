"""One request, one transaction: committed before the answer leaves, rolled back if a refusal leaves instead.

Who signs in reads from the primary: what they have written, and whether their token lives. Others read from a replica,
if there is one.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any

from flask.typing import ResponseReturnValue

from api.http.application import asked, current_application
from api.store.engine.connections import Connection
from api.store.engine.replica import Read, RetryOnPrimary

READ_METHODS = frozenset({"GET", "HEAD"})


def _opener() -> Read:
    """What opens the connection of the request."""
    request = asked()
    if request.method not in READ_METHODS:
        return current_application().database.write
    if "HTTP_AUTHORIZATION" in request.environ:
        return current_application().database.read
    return (current_application().replica or current_application().database).read


class UnitOfWork:
    """What a request does in the database: nothing, until it asks for its connection."""

    _opened: AbstractContextManager[Connection] | None = None
    _connection: Connection

    def __init__(self, read: Read | None = None) -> None:
        self._read = read

    def connection(self) -> Connection:
        """The one connection of the request."""
        if self._opened is None:
            opened = (self._read or _opener())()
            self._connection = opened.__enter__()
            self._opened = opened
        return self._connection

    def __enter__(self) -> "UnitOfWork":
        """This work."""
        return self

    def __exit__(self, *error: Any) -> None:
        """Commit it, or roll it back for an error."""
        if self._opened:
            self._opened.__exit__(*error)


def transactional(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Run `view` so that it may use its `connection`."""

    @wraps(view)
    def wrapper(*args: object, **kwargs: object) -> ResponseReturnValue:
        try:
            with UnitOfWork() as asked().work:
                return view(*args, **kwargs)
        except RetryOnPrimary as elsewhere:
            with UnitOfWork(elsewhere.read) as asked().work:
                return view(*args, **kwargs)

    return wrapper


def connection() -> Connection:
    """The request's connection. It begins when it is first used: whoever computes before using it holds nobody up."""
    work: UnitOfWork = asked().work
    return work.connection()
