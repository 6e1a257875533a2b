"""Slugs and metadata of posts, whose bodies may be empty.

Revision ID: 0007
Revises: 0006

In SQLite the table is built again: a constraint cannot be changed, and a column that is added would be behind the body,
which SQLite would then read for each list.
"""

import sqlalchemy as sa
from alembic import op

from api.store.engine.migrate import autocommitting
from api.store.engine.postgresql_ddl import execute_ddl
from api.store.engine.sqlite_rebuild import rebuild

revision = "0007"
down_revision = "0006"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIMESTAMP = sa.DateTime(timezone=True)
BODY = "CHECK (length(body) <= 262144)"
INDEX = "ix_posts_author_id_slug"
# One statement, because each waits for the exclusive lock. A server of the version before does not know the columns.
POSTGRESQL_COLUMNS = f"""
ALTER TABLE posts
    ADD COLUMN IF NOT EXISTS slug varchar(80),
    ADD COLUMN IF NOT EXISTS metadata json NOT NULL DEFAULT '{{}}',
    DROP CONSTRAINT IF EXISTS ck_posts_body,
    ADD CONSTRAINT ck_posts_body {BODY} NOT VALID
"""


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        columns = (
            "id, author_id, title, tags, published_at, version, created_at, updated_at, change_position, "
            "was_public_until, body"
        )
        rebuild(connection, "posts", _create, columns, child="post_tags")
        op.execute(f"CREATE UNIQUE INDEX {INDEX} ON posts (author_id, slug) WHERE slug IS NOT NULL")
        return
    # Each statement is committed by itself, so that reads and writes go on. All may be executed again.
    with autocommitting(connection) as other:
        execute_ddl(other, POSTGRESQL_COLUMNS)
        other.execute(sa.text("ALTER TABLE posts VALIDATE CONSTRAINT ck_posts_body"))
        other.execute(sa.text(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}"))  # an interrupted one is not valid
        other.execute(
            sa.text(f"CREATE UNIQUE INDEX CONCURRENTLY {INDEX} ON posts (author_id, slug) WHERE slug IS NOT NULL")
        )


def _create(name: str) -> None:
    op.create_table(
        name,
        sa.Column("id", ID, nullable=False),
        sa.Column("author_id", ID, nullable=False),
        sa.Column("slug", sa.String(80)),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("published_at", TIMESTAMP, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.Column("updated_at", TIMESTAMP, nullable=False),
        sa.Column("change_position", sa.BigInteger()),
        sa.Column("was_public_until", TIMESTAMP),
        sa.Column("body", sa.Text(), nullable=False),
        sa.CheckConstraint("length(title) BETWEEN 1 AND 200", name="ck_posts_title"),
        sa.CheckConstraint("length(body) <= 262144", name="ck_posts_body"),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name="fk_posts_author_id"),
        sa.PrimaryKeyConstraint("id", name="pk_posts"),
        sqlite_autoincrement=True,
    )
