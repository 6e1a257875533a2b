"""Users who follow others.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

from api.store.engine.migrate import autocommitting
from api.store.engine.postgresql_ddl import execute_ddl

revision = "0011"
down_revision = "0010"

TABLE = """
CREATE TABLE IF NOT EXISTS follows (
    follower_id {id} NOT NULL,
    followed_id {id} NOT NULL,
    followed_at {timestamp} NOT NULL,
    hidden BOOLEAN NOT NULL,
    CONSTRAINT pk_follows PRIMARY KEY (follower_id, followed_id),
    CONSTRAINT fk_follows_follower_id FOREIGN KEY (follower_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT fk_follows_followed_id FOREIGN KEY (followed_id) REFERENCES users (id) ON DELETE CASCADE
)
"""
INDEXES = (
    (
        "CREATE INDEX IF NOT EXISTS ix_follows_follower_id_followed_at_followed_id "
        "ON follows (follower_id, followed_at, followed_id)"
    ),
    (
        "CREATE INDEX IF NOT EXISTS ix_follows_followed_id_hidden_followed_at_follower_id "
        "ON follows (followed_id, hidden, followed_at, follower_id)"
    ),
)


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        for statement in (TABLE.format(id="INTEGER", timestamp="DATETIME"), *INDEXES):
            op.execute(statement)
        return
    # A foreign key locks `users` against writes for an instant. All may be executed again.
    with autocommitting(connection) as other:
        for statement in (TABLE.format(id="BIGINT", timestamp="TIMESTAMP WITH TIME ZONE"), *INDEXES):
            execute_ddl(other, statement)
