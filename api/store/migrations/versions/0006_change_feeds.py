"""Positions of changes, and what has been removed.

Revision ID: 0006
Revises: 0005

Stored rows need no position: a client first reads all of them, and each change gives one to the row.

On PostgreSQL, each table is altered in a transaction of its own: with two locked, requests would be part of deadlocks.
"""

import secrets

import sqlalchemy as sa
from alembic import op

from api.store.engine.migrate import autocommitting
from api.store.engine.postgresql_ddl import execute_ddl

revision = "0006"
down_revision = "0005"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIMESTAMP = sa.DateTime(timezone=True)


INDEXES = {"posts": "ix_posts_change_position_id", "users": "ix_users_change_position_id"}


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        op.add_column("posts", sa.Column("change_position", sa.BigInteger()))
        op.add_column("posts", sa.Column("was_public_until", TIMESTAMP))
        op.add_column("users", sa.Column("change_position", sa.BigInteger()))
        for table, index in INDEXES.items():
            op.create_index(index, table, ["change_position", "id"])
    else:
        _alter_while_requests_go_on(connection)
    op.create_table(
        "removed_posts",
        sa.Column("post_id", ID, nullable=False, autoincrement=False),
        sa.Column("change_position", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("post_id", name="pk_removed_posts"),
    )
    op.create_table(
        "removed_users",
        sa.Column("username", sa.String(39), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("change_position", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("username", name="pk_removed_users"),
    )
    epochs = op.create_table(
        "sync_epochs",
        sa.Column("feed", sa.String(5), nullable=False),
        sa.Column("first_position", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("epoch", sa.String(16), nullable=False),
        sa.Column("swept_position", sa.BigInteger(), nullable=False),
        sa.Column("swept_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("feed", "first_position", name="pk_sync_epochs"),
    )
    first = {"first_position": 0, "swept_position": 0, "swept_id": 0}
    op.bulk_insert(epochs, [{"feed": feed, "epoch": secrets.token_hex(8), **first} for feed in ("posts", "users")])
    op.create_index("ix_removed_posts_change_position_post_id", "removed_posts", ["change_position", "post_id"])
    op.create_index("ix_removed_users_change_position_user_id", "removed_users", ["change_position", "user_id"])


def _alter_while_requests_go_on(connection: sa.Connection) -> None:
    # All may be executed again.
    with autocommitting(connection) as other:
        for table, columns in (
            ("posts", {"change_position": "bigint", "was_public_until": "timestamp with time zone"}),
            ("users", {"change_position": "bigint"}),
        ):
            added = ", ".join(f"ADD COLUMN IF NOT EXISTS {name} {kind}" for name, kind in columns.items())
            execute_ddl(other, f"ALTER TABLE {table} {added}")
            # One whose creation was interrupted is not valid.
            other.execute(sa.text(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEXES[table]}"))
            other.execute(sa.text(f"CREATE INDEX CONCURRENTLY {INDEXES[table]} ON {table} (change_position, id)"))
