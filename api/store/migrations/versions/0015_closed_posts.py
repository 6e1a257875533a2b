"""Posts that are closed for comments: none of those that exist.

Revision ID: 0015
Revises: 0014

A column with a constant default changes no row: on PostgreSQL it locks the table for an instant.
"""

import sqlalchemy as sa
from alembic import op

from api.store.engine.migrate import autocommitting
from api.store.engine.postgresql_ddl import execute_ddl

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        op.add_column("posts", sa.Column("closed", sa.Boolean(), nullable=False, server_default=sa.false()))
        return
    with autocommitting(connection) as other:
        execute_ddl(other, "ALTER TABLE posts ADD COLUMN IF NOT EXISTS closed boolean NOT NULL DEFAULT false")
