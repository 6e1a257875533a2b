"""One request, one transaction: committed before the answer leaves, rolled back if a refusal leaves instead."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any

from flask import Flask, current_app
from flask.typing import ResponseReturnValue

from api.http.application import asked
from api.store.connections import Connection
from api.store.database import Database

SAFE = frozenset({"GET", "HEAD"})


def init_app(app: Flask, database: Database) -> None:
    """Let the requests of `app` reach `database`."""
    app.extensions["database"] = database


def database() -> Database:
    """The database of the current application."""
    kept: Database = current_app.extensions["database"]
    return kept


class Work:
    """What a request does in the database: nothing, until it asks for its connection."""

    _opened: AbstractContextManager[Connection] | None = None
    _connection: Connection

    def connection(self) -> Connection:
        """The one connection of the request."""
        if self._opened is None:
            opened = database().read() if asked().method in SAFE else database().write()
            self._connection = opened.__enter__()
            self._opened = opened
        return self._connection

    def __enter__(self) -> "Work":
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
        with Work() as asked().work:
            return view(*args, **kwargs)

    return wrapper


def connection() -> Connection:
    """The request's connection. It begins when it is first used: whoever computes before using it holds nobody up."""
    work: Work = asked().work
    return work.connection()
