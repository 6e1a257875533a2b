"""PostgreSQL, on another machine: nobody waits for ever for one that does not answer any more."""

from collections.abc import Sequence
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.abc import RV, PQGen
from psycopg.conninfo import make_conninfo

from api.settings import Settings


class Connection(psycopg.Connection[Any]):
    """A connection that gives up, with an OperationalError, on a server that is silent for `limit` seconds.

    A server that hangs times nothing out itself, and TCP is content: its machine acknowledges what is sent.
    """

    limit: float | None = None

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """What psycopg does to wait for every answer."""
        return super().wait(gen, interval, self.limit if timeout is None else timeout)


def options(settings: Settings, *, patience: float) -> dict[str, Any]:
    """What the driver is told when it connects."""
    told = {
        "autocommit": True,
        "connect_timeout": patience,
        # While it waits for its next use, a connection whose other end has vanished ends after 15 s.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "tcp_user_timeout": 10_000,
    }
    if settings.pgbouncer == "on":
        # The next transaction may come to another server, which has not prepared anything.
        return {**told, "prepare_threshold": None}
    return {**told, "options": f"-c timezone=UTC -c lock_timeout={patience}s -c statement_timeout={2 * patience}s"}


def check(engine: sa.Engine, url: sa.URL) -> None:
    """`ArgumentError` for options in `url` that the driver does not know: else each connection would fail by them."""
    _, given = engine.dialect.create_connect_args(url)
    given.pop("context")  # SQLAlchemy's own, and no option
    try:
        make_conninfo(**given)
    except psycopg.ProgrammingError as error:
        raise sa.exc.ArgumentError(str(error).strip()) from error


def bound(engine: sa.Engine, settings: Settings, *, patience: float) -> None:
    """Make the engine's connections give up a second after the server should have."""

    @sa.event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _record: object, given: Sequence[Any], told: dict[str, Any]) -> Connection:
        made = Connection.connect(*given, **told)
        made.limit = 2 * patience + 1
        if settings.pgbouncer == "on":
            # pgbouncer refuses `options`, but takes the time zone from server to server.
            made.execute("SET timezone TO 'UTC'")
        return made
