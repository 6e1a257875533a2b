"""Scopes of tokens: `write` for those that exist.

Revision ID: 0010
Revises: 0009

On PostgreSQL, a column with a constant default and a constraint that is not validated need no scan of the table, so
they lock it for an instant.
"""

import sqlalchemy as sa
from alembic import op

from api.store.engine.migrate import autocommitting
from api.store.engine.postgresql_ddl import execute_ddl

revision = "0010"
down_revision = "0009"

CHECK = "scope IN ('read', 'write')"
POSTGRESQL_COLUMN = f"""
ALTER TABLE tokens
    ADD COLUMN IF NOT EXISTS scope varchar(5) NOT NULL DEFAULT 'write',
    DROP CONSTRAINT IF EXISTS ck_tokens_scope,
    ADD CONSTRAINT ck_tokens_scope CHECK ({CHECK}) NOT VALID
"""


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        check = sa.CheckConstraint(CHECK, name="ck_tokens_scope")
        op.add_column("tokens", sa.Column("scope", sa.String(5), check, nullable=False, server_default="write"))
        return
    # Each statement is committed by itself, so that reads and writes go on. All may be executed again.
    with autocommitting(connection) as other:
        execute_ddl(other, POSTGRESQL_COLUMN)
        other.execute(sa.text("ALTER TABLE tokens VALIDATE CONSTRAINT ck_tokens_scope"))
