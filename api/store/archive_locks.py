"""Locks for imports: of the posts to which records refer, and of the tables whose ids they bring."""

from typing import NamedTuple

import sqlalchemy as sa

from api.store.engine.connections import Connection, Query
from api.store.posts_table import posts
from api.store.posts_visibility import HAS_ID, PostId, not_found
from api.store.queries import one


class _Sequence(NamedTuple):
    last_value: int


_LOCK_POST = Query(PostId, sa.select(posts.c.id).where(HAS_ID).with_for_update(read=True, key_share=True))
_ADVANCE_SEQUENCE = {
    table: Query(
        _Sequence,
        sa.text(f"SELECT setval('{table}_id_seq', greatest(:highest, last_value)) AS last_value FROM {table}_id_seq")  # noqa: S608 (two constants)
        .bindparams(sa.bindparam("highest", type_=sa.BigInteger))
        .columns(last_value=sa.BigInteger),
    )
    for table in ("posts", "comments")
}


def lock_post(db: Connection, post_id: int) -> None:
    """Let no other transaction delete the post until this one ends; `NotFound` without the post."""
    one(db, _LOCK_POST, not_found(post_id), post_id=post_id)


def reserve_ids(db: Connection, highest: int, *, table: str = "posts") -> None:
    """Block inserts into a table by other transactions until this one ends, and advance its ids to `highest`.

    For PostgreSQL. On SQLite only one transaction writes at a time, and the next id is higher than any used before.
    """
    # INSERT locks the table before it draws from the sequence, so no other transaction draws while the sequence is set.
    db.execute_sql(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
    db.all(_ADVANCE_SEQUENCE[table], highest=highest)
