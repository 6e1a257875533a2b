"""Roles of users, and the time of a token's last use.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    check = sa.CheckConstraint("role IN ('member', 'admin')", name="ck_users_role")
    op.add_column("users", sa.Column("role", sa.String(6), check, nullable=False, server_default="member"))
    op.add_column("tokens", sa.Column("last_used_at", sa.DateTime(timezone=True)))
