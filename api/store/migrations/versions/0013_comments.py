"""Comments on posts.

Revision ID: 0013
Revises: 0012

On PostgreSQL, the foreign keys lock posts and users, so the table is made like other changes of tables in use.
"""

from alembic import op

from api.store.engine.migrate import autocommitting
from api.store.engine.postgresql_ddl import execute_ddl

revision = "0013"
down_revision = "0012"

TABLE = """
CREATE TABLE IF NOT EXISTS comments (
    id {id},
    post_id {reference} NOT NULL,
    author_id {reference} NOT NULL,
    hidden BOOLEAN DEFAULT {false} NOT NULL,
    revision VARCHAR(16) NOT NULL,
    created_at {timestamp} NOT NULL,
    updated_at {timestamp} NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT ck_comments_body CHECK (length(body) BETWEEN 1 AND 10000),
    CONSTRAINT fk_comments_post_id FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE,
    CONSTRAINT fk_comments_author_id FOREIGN KEY (author_id) REFERENCES users (id) ON DELETE CASCADE
)
"""
INDEXES = (
    (
        "CREATE INDEX IF NOT EXISTS ix_comments_post_id_hidden_created_at_id "
        "ON comments (post_id, hidden, created_at, id)"
    ),
    "CREATE INDEX IF NOT EXISTS ix_comments_author_id_hidden_id ON comments (author_id, hidden, id)",
)
SQLITE = {
    "id": "INTEGER NOT NULL CONSTRAINT pk_comments PRIMARY KEY AUTOINCREMENT",
    "reference": "INTEGER",
    "false": "0",
    "timestamp": "DATETIME",
}
POSTGRESQL = {
    "id": "BIGSERIAL NOT NULL CONSTRAINT pk_comments PRIMARY KEY",
    "reference": "BIGINT",
    "false": "false",
    "timestamp": "TIMESTAMPTZ",
}


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        for statement in (TABLE.format(**SQLITE), *INDEXES):
            op.execute(statement)
        return
    # Each statement is committed by itself, so that requests go on. All may be executed again.
    with autocommitting(connection) as other:
        for statement in (TABLE.format(**POSTGRESQL), *INDEXES):
            execute_ddl(other, statement)
