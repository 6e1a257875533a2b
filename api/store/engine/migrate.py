"""Schema migrations, run by Alembic."""

from pathlib import Path

import sqlalchemy as sa

from api.store.errors import Unavailable

MIGRATIONS = Path(__file__).parents[1] / "migrations"
HEAD = max(path.stem for path in MIGRATIONS.glob("versions/[0-9]*.py")).partition("_")[0]


def upgrade(connection: sa.Connection, revision: str = "head") -> None:
    """Migrate the schema to a revision, `HEAD` unless it is given, in the transaction of `connection`.

    Raises `Unavailable` if the schema is newer than `HEAD`.
    """
    # Alembic takes 0.2 s and 10 MB to import; only migrations need it.
    from alembic import command, config, util  # noqa: PLC0415

    configuration = config.Config()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    try:
        command.upgrade(configuration, revision)
    except util.CommandError as error:
        raise Unavailable("The database schema is from a newer version of Pressroom. Run that version.") from error
