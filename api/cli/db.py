"""`pressroom db`."""

import time

import click
from flask.cli import AppGroup

from api.atomic import atomic_write
from api.cli import sweep_metrics
from api.cli.output import require_other_file
from api.cli.terminal import Choice, FilePath
from api.http.application import current_application
from api.store import change_sweeping, idempotency, posts_reindex, tokens, usage
from api.store.engine.migrate import HEAD, REVISIONS

db = AppGroup("db", help="Manage the database.")

SWEEPS = {
    "idempotency-keys": idempotency.sweep,
    "tokens": tokens.sweep,
    "usage": usage.sweep,
    "removals": change_sweeping.sweep,
}
"""By what they delete."""


@db.command()
@click.option("--to", type=Choice(REVISIONS), default=HEAD, help="The last migration, for PostgreSQL.")
def upgrade(to: str) -> None:
    """Migrate the database to this version.

    SQLite databases are also migrated automatically, always to the last migration.
    """
    database = current_application().database
    if database.is_sqlite and to != HEAD:
        # A server of the version before may be serving.
        raise click.UsageError(f"SQLite is always migrated to {HEAD}. Omit `--to {to}`.")
    database.migrate_if_embedded()
    database.upgrade(to)
    click.echo(f"The database is at migration {database.revision()}.")


@db.command()
@click.option("--metrics-file", type=FilePath(), help="A file for the metrics of this sweep, in Prometheus's format.")
def sweep(metrics_file: str | None) -> None:
    """Delete expired tokens and idempotency keys, the usage of earlier days, and what change feeds list as removed.

    Keys expire after a day. Feeds list removed posts and users for 91 days. Safe to run at any time, such as from cron.

    The metrics also have the number of posts for which `pressroom db reindex` must be run. The file is written if the
    sweep succeeds.
    """
    started_at = time.monotonic()
    database = current_application().database.require_current_schema()
    if metrics_file:
        require_other_file(metrics_file, database.file)
    deleted = {kind: delete(database.transact) for kind, delete in SWEEPS.items()}
    if metrics_file:
        outdated_posts = posts_reindex.count_outdated(database.transact)
        with atomic_write(metrics_file, private=False) as temporary:
            temporary.write_bytes(sweep_metrics.exposition(deleted, time.monotonic() - started_at, outdated_posts))
            # Another user runs the exporter, and the umask of services is 0077.
            temporary.chmod(0o644)
    click.echo(
        f"Deleted {deleted['idempotency-keys']} expired idempotency keys and {deleted['tokens']} expired tokens."
    )


@db.command()
def reindex() -> None:
    """Index for searches the posts that are not indexed, or by another version of Python or Pressroom.

    Run it after an upgrade of Python, whose version of Unicode may have more letters. Safe to run at any time, in short
    transactions, and to interrupt.
    """
    database = current_application().database.require_current_schema()
    click.echo(f"Indexed {posts_reindex.run(database.transact)} posts.")
