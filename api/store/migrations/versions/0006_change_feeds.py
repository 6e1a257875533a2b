"""Positions of changes, and what has been removed.

Revision ID: 0006
Revises: 0005

Stored rows need no position: a client first reads all of them, and each change gives one to the row.
"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIMESTAMP = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("posts", sa.Column("change_position", sa.BigInteger()))
    op.add_column("posts", sa.Column("was_public_until", TIMESTAMP))
    op.add_column("users", sa.Column("change_position", sa.BigInteger()))
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
    op.create_index("ix_posts_change_position_id", "posts", ["change_position", "id"])
    op.create_index("ix_users_change_position_id", "users", ["change_position", "id"])
    op.create_index("ix_removed_posts_change_position_post_id", "removed_posts", ["change_position", "post_id"])
    op.create_index("ix_removed_users_change_position_user_id", "removed_users", ["change_position", "user_id"])
