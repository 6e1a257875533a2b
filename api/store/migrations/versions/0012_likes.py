"""Likes of posts.

Revision ID: 0012
Revises: 0011

On PostgreSQL, a foreign key locks the tables of posts and users for an instant.
"""

from alembic import op

from api.store.engine.migrate import autocommitting
from api.store.engine.postgresql_ddl import execute_ddl

revision = "0012"
down_revision = "0011"

TABLE = """
CREATE TABLE IF NOT EXISTS likes (
    post_id {id} NOT NULL,
    user_id {id} NOT NULL,
    liked_at {timestamp} NOT NULL,
    hidden BOOLEAN DEFAULT {false} NOT NULL,
    CONSTRAINT pk_likes PRIMARY KEY (post_id, user_id),
    CONSTRAINT fk_likes_post_id FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE,
    CONSTRAINT fk_likes_user_id FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
)
"""
INDEXES = [
    f"CREATE INDEX IF NOT EXISTS ix_likes_{'_'.join(columns)} ON likes ({', '.join(columns)})"
    for columns in (("post_id", "hidden", "liked_at", "user_id"), ("user_id", "hidden", "liked_at", "post_id"))
]


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        for statement in (TABLE.format(id="INTEGER", timestamp="DATETIME", false="0"), *INDEXES):
            op.execute(statement)
        return
    # Each statement is committed by itself, so that reads and writes go on. All may be executed again.
    with autocommitting(connection) as other:
        execute_ddl(other, TABLE.format(id="BIGINT", timestamp="TIMESTAMP WITH TIME ZONE", false="false"))
        for index in INDEXES:
            execute_ddl(other, index)
