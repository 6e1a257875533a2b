"""Migrations: which there are, and how a database is brought to the newest."""

from pathlib import Path

import sqlalchemy as sa

from api.store.errors import Unavailable

MIGRATIONS = Path(__file__).parents[1] / "migrations"
HEAD = max(path.stem for path in MIGRATIONS.glob("versions/[0-9]*.py")).partition("_")[0]


def upgrade(connection: sa.Connection) -> None:
    """Bring the tables to `HEAD`, in the transaction of `connection`; `Unavailable` if they are newer."""
    # Alembic costs a fifth of a second and ten megabytes: only who migrates pays.
    from alembic import command, config, util  # noqa: PLC0415

    configuration = config.Config()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    try:
        command.upgrade(configuration, "head")
    except util.CommandError as error:
        raise Unavailable("The tables are of a newer version. Run that one.") from error
