"""The role of a user, and when a token was last used.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    known = sa.CheckConstraint("role IN ('member', 'admin')", name="ck_users_role")
    op.add_column("users", sa.Column("role", sa.String(6), known, nullable=False, server_default="member"))
    op.add_column("tokens", sa.Column("last_used_at", sa.DateTime(timezone=True)))
