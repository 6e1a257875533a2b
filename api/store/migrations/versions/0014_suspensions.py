"""Suspension of users, whose posts are withheld.

Revision ID: 0014
Revises: 0013

On PostgreSQL, columns without a default need no scan of the table, so they lock it for an instant.
"""

import sqlalchemy as sa
from alembic import op

from api.store.engine.migrate import autocommitting
from api.store.engine.postgresql_ddl import execute_ddl

revision = "0014"
down_revision = "0013"

COLUMNS = {"users": "suspended_at", "posts": "withheld_published_at"}
INDEXES = {
    "ix_users_listed": "users (created_at, id) WHERE suspended_at IS NULL",
    "ix_users_suspended_at_id": "users (suspended_at, id) WHERE suspended_at IS NOT NULL",
    "ix_posts_withheld": "posts (author_id, withheld_published_at, id) WHERE withheld_published_at IS NOT NULL",
}


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        for table, column in COLUMNS.items():
            op.add_column(table, sa.Column(column, sa.DateTime(timezone=True)))
        for name, columns in INDEXES.items():
            op.execute(f"CREATE INDEX {name} ON {columns}")
        return
    # Each statement is committed by itself, so that reads and writes go on. All may be executed again.
    with autocommitting(connection) as other:
        for table, column in COLUMNS.items():
            execute_ddl(other, f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column} timestamp with time zone")
        for name, columns in INDEXES.items():
            other.execute(sa.text(f"DROP INDEX CONCURRENTLY IF EXISTS {name}"))  # an interrupted one is not valid
            other.execute(sa.text(f"CREATE INDEX CONCURRENTLY {name} ON {columns}"))
