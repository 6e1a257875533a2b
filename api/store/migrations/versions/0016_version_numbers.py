"""No more of what only a server of 0.1.0 needs: version numbers, and the trigger of 0005.

Revision ID: 0016
Revises: 0015

On PostgreSQL, such a server fails from here on, so it is stopped before. SQLite has had neither since 0008.

The responses that it has stored for repeated requests get the properties that posts have since.
"""

import hashlib

import orjson
import sqlalchemy as sa
from alembic import op

from api.store.engine.migrate import autocommitting
from api.store.engine.postgresql_ddl import execute_ddl

revision = "0016"
down_revision = "0015"

_keys = sa.table(
    "idempotency_keys",
    *map(sa.column, ("user_id", "key", "status")),
    sa.column("headers", sa.JSON()),
    sa.column("body", sa.LargeBinary()),
    sa.column("omitted", sa.JSON()),
)
_posts = sa.table("posts", sa.column("id"), sa.column("revision"))
_BATCH_ROWS = 20
"""Each may have a post of 1 MiB."""


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        _drop_version_numbers(connection)
    # After that: this transaction holds a lock on the posts that it reads.
    _complete_stored_responses(connection)


def _drop_version_numbers(connection: sa.Connection) -> None:
    # All may be executed again. One table after the other, because with both locked, a transaction that reads both
    # could be part of a deadlock.
    with autocommitting(connection) as other:
        for table, default in (("users", f"SET DEFAULT '{'0' * 16}'"), ("posts", "DROP DEFAULT")):
            execute_ddl(
                other,
                f"ALTER TABLE {table} ALTER COLUMN revision SET NOT NULL, ALTER COLUMN revision {default}, "
                f"DROP CONSTRAINT IF EXISTS {table}_revision, DROP COLUMN IF EXISTS version",
            )
        execute_ddl(other, "DROP TRIGGER IF EXISTS post_tags_author ON post_tags")
        execute_ddl(other, "DROP FUNCTION IF EXISTS post_tags_author()")


def _complete_stored_responses(connection: sa.Connection) -> None:
    # Only 0.1.0, in which just posts could be published repeatedly, has stored NULL.
    stored = sa.select(_keys).where(_keys.c.status == 201, _keys.c.omitted.is_(sa.null())).limit(_BATCH_ROWS)
    while rows := connection.execute(stored).all():
        for row in rows:
            post = orjson.loads(row.body)
            # Of a post that has been deleted since, no revision is current.
            revision = connection.scalar(sa.select(_posts.c.revision).where(_posts.c.id == post["id"])) or "0" * 16
            # In the order of today's responses, so that the ETag is that of the post.
            names = "id", "slug", "title", "body", "tags", "metadata", "comments", "author"
            today = {**dict.fromkeys(names), **post, "metadata": {}, "comments": "open", "revision": revision}
            today["url"] = today.pop("url")
            body = orjson.dumps(today) + b"\n"
            etag = f'"{revision}.{hashlib.sha256(body, usedforsecurity=False).hexdigest()[:32]}"'
            replaced = {"etag": etag, "content-length": str(len(body))}
            headers = [[name, replaced.get(name.lower(), value)] for name, value in row.headers]
            connection.execute(
                sa.update(_keys)
                .where(_keys.c.user_id == row.user_id, _keys.c.key == row.key)
                .values(headers=headers, body=body, omitted=[])
            )
