"""`pressroom db`."""

import click
from flask.cli import AppGroup

from api.http.application import current_application
from api.store import idempotency, tokens
from api.store.engine.migrate import HEAD

db = AppGroup("db", help="The database.")


@db.command()
def upgrade() -> None:
    """Bring the tables to this version. An embedded database does so by itself."""
    current_application().database.migrate_if_embedded().upgrade()
    click.echo(f"The tables are those of migration {HEAD}.")


@db.command()
def sweep() -> None:
    """Delete what has expired: idempotency keys after a day, tokens at their end. Safe at any time, such as by cron."""
    with current_application().database.require_current_schema().write() as connection:
        keys, gone = idempotency.sweep(connection), tokens.sweep(connection)
    click.echo(f"{keys} idempotency keys and {gone} tokens have expired and are gone.")
