"""PostgreSQL on another machine: every wait for it is bounded."""

from collections.abc import Sequence
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.abc import RV, PQGen
from psycopg.conninfo import make_conninfo

from api.settings import Settings
from api.store.engine.timeouts import Timeouts
from api.store.errors import DatabaseNeedsRepair


class Connection(psycopg.Connection[Any]):
    """A connection that raises `OperationalError` if the server sends no reply for `reply_seconds`.

    A server that hangs enforces no timeout, and TCP notices nothing: the machine still acknowledges packets.
    """

    reply_seconds: float | None = None

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait for a reply. psycopg calls this for every one."""
        return super().wait(gen, interval, self.reply_seconds if timeout is None else timeout)


def connect_args(settings: Settings, timeouts: Timeouts) -> dict[str, Any]:
    """Return the driver's connection parameters."""
    arguments = {
        "autocommit": True,
        # Otherwise the environment, the URL or the role may set another one, which cannot encode all text.
        "client_encoding": "utf8",
        "connect_timeout": timeouts.connect_seconds,
        # An idle connection to a machine that has vanished is closed after 15 s.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "tcp_user_timeout": 10_000,
    }
    if settings.pgbouncer == "on":
        # Each transaction may run on another server connection, which has none of the prepared statements.
        return {**arguments, "prepare_threshold": None}
    limits = (
        f"-c lock_timeout={timeouts.lock_seconds}s -c statement_timeout={timeouts.statement_seconds}s"
        f" -c idle_in_transaction_session_timeout={timeouts.idle_in_transaction_seconds}s"
    )
    # No parallel workers: to start them takes longer than any statement, and LIMIT in a parameter makes it expect many
    # rows.
    # Otherwise it plans most lists at each execution, which takes longer than reading them, because it expects a large
    # LIMIT in a parameter. No statement needs another plan for other values (tests/store/test_plans.py).
    return {
        **arguments,
        "options": f"-c timezone=UTC -c plan_cache_mode=force_generic_plan "
        f"-c max_parallel_workers_per_gather=0 {limits}",
    }


def check_url(engine: sa.Engine, url: sa.URL) -> None:
    """Raise `ArgumentError` for options in `url` that the driver does not know, with which no connection would open."""
    _, arguments = engine.dialect.create_connect_args(url)
    arguments.pop("context")  # SQLAlchemy's own, not an option of libpq
    try:
        make_conninfo(**arguments)
    except psycopg.ProgrammingError as error:
        raise sa.exc.ArgumentError(str(error).strip()) from error


def configure(engine: sa.Engine, settings: Settings, timeouts: Timeouts) -> None:
    """Make the engine open connections of the class `Connection`, to databases with the encoding UTF8 only."""

    @sa.event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _record: object, args: Sequence[Any], kwargs: dict[str, Any]) -> Connection:
        connection = Connection.connect(*args, **kwargs)
        connection.reply_seconds = timeouts.reply_seconds
        # The server reports it by itself. SQL_ASCII stores any bytes, and returns bytes instead of text.
        encoding = connection.info.parameter_status("server_encoding")
        if encoding not in {"UTF8", None}:
            connection.close()
            raise DatabaseNeedsRepair(
                f"The encoding of the database is {encoding}, which cannot store all text. "
                "Create one with the encoding UTF8: `createdb --encoding=UTF8 --template=template0 NAME`."
            )
        if settings.pgbouncer == "on":
            # pgbouncer rejects `options`, but carries the time zone from server to server.
            connection.execute("SET timezone TO 'UTC'")
        return connection
