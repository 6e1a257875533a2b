"""One request, one transaction: committed before the response is sent, rolled back if it is an error."""

from collections.abc import Callable

from flask import Response

from api.http.application import Request
from api.http.unit_of_work import UnitOfWork
from api.store.engine.connections import Connection
from api.store.engine.replica import RetryOnOtherServer


def in_transaction(
    request: Request, work: Callable[[], Response], authorize: Callable[[Connection], None] | None = None
) -> Response:
    """Return what `work` returns, run in a unit of work; run again on the primary if the replica cannot serve it.

    `authorize` is called in the transaction before any other statement, even if `work` executes none.
    """
    try:
        with UnitOfWork(request.connection_factory(), authorize) as request.unit_of_work:
            return work()
    except RetryOnOtherServer as retry:
        with UnitOfWork(retry.read) as request.unit_of_work:
            return work()
