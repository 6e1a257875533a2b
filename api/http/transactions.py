"""One request, one transaction: committed before the answer leaves, rolled back if a refusal leaves instead."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import cast

from flask import Flask, current_app, g, request
from flask.typing import ResponseReturnValue

from api.store.connections import Connection
from api.store.database import Database

SAFE = frozenset({"GET", "HEAD"})


def init_app(app: Flask, database: Database) -> None:
    """Let the requests of `app` reach `database`."""
    app.extensions["database"] = database


def database() -> Database:
    """The database of the current application."""
    return cast("Database", current_app.extensions["database"])


def transactional(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Run `view` so that it may use `connection`."""

    @wraps(view)
    def wrapper(*args: object, **kwargs: object) -> ResponseReturnValue:
        with ExitStack() as stack:
            g.stack = stack
            return view(*args, **kwargs)

    return wrapper


def connection() -> Connection:
    """The request's connection. It begins when it is first used: whoever computes before using it holds nobody up."""
    if "connection" not in g:
        opened = database().read() if request.method in SAFE else database().write()
        g.connection = g.stack.enter_context(opened)
    return cast("Connection", g.connection)
