"""`pressroom db`."""

import click
from flask.cli import AppGroup

from api.http.application import current_application
from api.store import change_sweeping, idempotency, posts_reindex, tokens, usage
from api.store.engine.migrate import HEAD

db = AppGroup("db", help="Manage the database.")


@db.command()
def upgrade() -> None:
    """Migrate the database to this version.

    SQLite databases are also migrated automatically.
    """
    current_application().database.migrate_if_embedded().upgrade()
    click.echo(f"The database is at migration {HEAD}.")


@db.command()
def sweep() -> None:
    """Delete expired tokens and idempotency keys, the usage of earlier days, and what change feeds list as removed.

    Keys expire after a day. Feeds list removed posts and users for 91 days. Safe to run at any time, such as from cron.
    """
    database = current_application().database.require_current_schema()
    deleted_keys, deleted_tokens = idempotency.sweep(database.transact), tokens.sweep(database.transact)
    usage.sweep(database.transact)
    change_sweeping.sweep(database.transact)
    click.echo(f"Deleted {deleted_keys} expired idempotency keys and {deleted_tokens} expired tokens.")


@db.command()
def reindex() -> None:
    """Index for searches the posts that are not indexed, or by another version of Python or Pressroom.

    Run it after an upgrade of Python, whose version of Unicode may have more letters. Safe to run at any time, in short
    transactions, and to interrupt.
    """
    database = current_application().database.require_current_schema()
    click.echo(f"Indexed {posts_reindex.run(database.transact)} posts.")
