"""One request, one transaction: committed before the response is sent, rolled back if it is an error."""

from collections.abc import Callable
from functools import partial

from flask import Response

from api.http.application import Request
from api.http.unit_of_work import UnitOfWork
from api.store.engine import retries
from api.store.engine.connections import Connection
from api.store.engine.replica import Read, RetryOnOtherServer
from api.store.errors import TransactionRolledBack

Authorize = Callable[[Connection], None]


def in_transaction(request: Request, work: Callable[[], Response], authorize: Authorize | None = None) -> Response:
    """Return what `work` returns, run in a unit of work.

    It is run again on the primary if the replica cannot serve it, and if the database rolls the transaction back
    because of concurrent ones, even at its commit: nothing has been sent, and `work` changes nothing but the database.
    `authorize` is called in the transaction before any other statement, even if `work` executes none.
    """
    try:
        with UnitOfWork(request.connection_factory(), authorize) as request.unit_of_work:
            return work()
    except RetryOnOtherServer as retry:
        return retries.run(partial(_run, request, work, retry.read, None))
    except TransactionRolledBack as error:
        return retries.run_again(partial(_run, request, work, request.connection_factory(), authorize), error)


def _run(request: Request, work: Callable[[], Response], connect: Read, authorize: Authorize | None) -> Response:
    with UnitOfWork(connect, authorize) as request.unit_of_work:
        return work()
