"""Random revisions of users and posts in place of their version numbers.

Revision ID: 0008
Revises: 0007

On PostgreSQL, a server of 0.1.0 goes on: 0016 removes the version numbers, which it needs.
"""

import sqlalchemy as sa
from alembic import op

from api.store.engine.migrate import autocommitting, batches
from api.store.engine.postgresql_ddl import execute_ddl
from api.store.engine.sqlite_rebuild import rebuild

revision = "0008"
down_revision = "0007"

BATCH = 10_000
"""Rows that one statement changes: others can change them between statements."""
TABLES = "users", "posts"
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIMESTAMP = sa.DateTime(timezone=True)
REVISION = sa.String(16)
DEFAULT = "0" * 16
SQLITE_RANDOM = "lower(hex(randomblob(8)))"
# gen_random_uuid has 122 random bits, but not in its first 16 digits.
POSTGRESQL_RANDOM = "left(encode(sha256(convert_to(gen_random_uuid()::text, 'UTF8')), 'hex'), 16)"


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        op.execute("DROP TRIGGER post_tags_author")
        # SQLite adds no column without a default, unless it may be null.
        op.add_column("users", sa.Column("revision", REVISION, nullable=False, server_default=DEFAULT))
        op.execute(f"UPDATE users SET revision = {SQLITE_RANDOM}")  # noqa: S608 (constant)
        op.drop_column("users", "version")
        # Before the body, because SQLite reads a row up to the last column that it needs.
        columns = (
            "id, author_id, slug, title, tags, metadata, published_at, created_at, updated_at, change_position, "
            "was_public_until, body"
        )
        rebuild(connection, "posts", _create_posts, columns, child="post_tags", added={"revision": SQLITE_RANDOM})
        return
    # Each statement is committed by itself, so that reads and writes go on. All may be executed again.
    with autocommitting(connection) as other:
        for table in TABLES:
            # In two steps, because a column that is added with this default rewrites the table while it is locked.
            default = f"ALTER COLUMN revision SET DEFAULT {POSTGRESQL_RANDOM}"
            execute_ddl(other, f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS revision varchar(16), {default}")
            fill = sa.text(
                f"UPDATE {table} SET revision = {POSTGRESQL_RANDOM} "  # noqa: S608 (constants)
                "WHERE id >= :first AND id < :after AND revision IS NULL"
            )
            for batch in batches(other, table, "id", BATCH):
                other.execute(fill, batch)
            # A valid constraint spares SET NOT NULL from reading all rows while it locks the table.
            name = f"{table}_revision"
            execute_ddl(other, f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
            execute_ddl(other, f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK (revision IS NOT NULL) NOT VALID")
            other.execute(sa.text(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}"))


def _create_posts(name: str) -> None:
    op.create_table(
        name,
        sa.Column("id", ID, nullable=False),
        sa.Column("author_id", ID, nullable=False),
        sa.Column("slug", sa.String(80)),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("published_at", TIMESTAMP, nullable=False),
        sa.Column("revision", REVISION, nullable=False),
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
