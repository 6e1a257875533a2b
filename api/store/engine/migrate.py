"""Schema migrations, run by Alembic."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from api.store.errors import Unavailable

MIGRATIONS = Path(__file__).parents[1] / "migrations"
HEAD = max(path.stem for path in MIGRATIONS.glob("versions/[0-9]*.py")).partition("_")[0]


def upgrade(connection: sa.Connection, revision: str = "+1") -> bool:
    """Migrate the schema to a revision, the next unless it is given, in the transaction of `connection`.

    Return False if it is at `HEAD`; `Unavailable` if it is newer.
    """
    # Alembic takes 0.2 s and 10 MB to import; only migrations need it.
    from alembic import command, config, migration, util  # noqa: PLC0415

    if migration.MigrationContext.configure(connection).get_current_revision() == HEAD:
        return False

    configuration = config.Config()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    try:
        command.upgrade(configuration, revision)
    except util.CommandError as error:
        raise Unavailable("The database schema is from a newer version of Pressroom. Run that version.") from error
    return True


@contextmanager
def autocommitting(connection: sa.Connection) -> Iterator[sa.Connection]:
    """Open another connection to PostgreSQL, without timeouts, on which each statement is committed by itself.

    The transaction of `connection` keeps other migrations from starting.
    """
    with connection.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
        other.connection.driver_connection.reply_seconds = None  # type: ignore[union-attr] # it is connected
        for name in ("statement_timeout", "lock_timeout"):
            other.execute(sa.text(f"SET {name} = 0"))
        try:
            yield other
        finally:
            for name in ("statement_timeout", "lock_timeout"):
                other.execute(sa.text(f"RESET {name}"))
