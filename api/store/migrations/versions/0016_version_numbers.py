"""No more of what only a server of 0.1.0 needs: version numbers, and the trigger of 0005.

Revision ID: 0016
Revises: 0015

On PostgreSQL, such a server fails from here on, so it is stopped before. SQLite has had neither since 0008.
"""

from alembic import op

from api.store.engine.migrate import autocommitting
from api.store.engine.postgresql_ddl import execute_ddl

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        return
    # All may be executed again. One table after the other, because with both locked, a transaction that reads both
    # could be part of a deadlock.
    with autocommitting(connection) as other:
        for table, default in (("users", f"SET DEFAULT '{'0' * 16}'"), ("posts", "DROP DEFAULT")):
            execute_ddl(
                other,
                f"ALTER TABLE {table} ALTER COLUMN revision SET NOT NULL, ALTER COLUMN revision {default}, "
                f"DROP CONSTRAINT IF EXISTS {table}_revision, DROP COLUMN IF EXISTS version",
            )
        execute_ddl(other, "DROP TRIGGER IF EXISTS post_tags_author ON post_tags")
        execute_ddl(other, "DROP FUNCTION IF EXISTS post_tags_author()")
