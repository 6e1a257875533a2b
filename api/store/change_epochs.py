"""Epochs of the change feeds on SQLite, by which tokens from before a backup was restored are recognised.

Each process begins one with its first write, because the file may have been replaced before (`engine/sqlite_epochs`);
so does `pressroom restore`. Tokens from before stay valid, unless they have seen positions that are now given to other
changes. On PostgreSQL, the identity of the server and of its tables shows the same.
"""

import secrets

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from api.store.change_positions import DialectSQL, Feed, last_position, sync_epochs
from api.store.engine.database import Database

EPOCHS_MAX = 1_000
"""The newest ones are stored; tokens from before are expired."""
_FEEDS: tuple[Feed, ...] = ("posts", "users")


def _begin(feed: Feed) -> sa.Insert:
    first_position = DialectSQL(sqlite=f"{last_position(feed)} + 1", postgresql="", type_=sa.BigInteger())
    newest = sa.select(sa.func.max(sync_epochs.c.first_position)).where(sync_epochs.c.feed == feed).scalar_subquery()
    epoch = sa.select(
        sa.literal(feed),
        first_position,
        sa.bindparam("new_epoch", type_=sync_epochs.c.epoch.type),
        sync_epochs.c.swept_position,
        sync_epochs.c.swept_id,
    ).where(sync_epochs.c.feed == feed, sync_epochs.c.first_position == newest)
    statement = insert(sync_epochs).from_select([column.name for column in sync_epochs.c], epoch)
    # A backup may have the epoch of a start after which nothing was written: the next one is another.
    return statement.on_conflict_do_update(
        index_elements=["feed", "first_position"], set_={"epoch": statement.excluded.epoch}
    )


def _forget(feed: Feed) -> sa.Delete:
    oldest = sa.select(sync_epochs.c.first_position).where(sync_epochs.c.feed == feed)
    oldest = oldest.order_by(sync_epochs.c.first_position.desc()).limit(1).offset(EPOCHS_MAX - 1)
    return sa.delete(sync_epochs).where(
        sync_epochs.c.feed == feed, sync_epochs.c.first_position < oldest.scalar_subquery()
    )


_STATEMENTS = {feed: (_begin(feed), _forget(feed)) for feed in _FEEDS}


def begin(database: Database) -> None:
    """Begin an epoch of each feed, if the database is an SQLite file."""
    if not database.is_sqlite:
        return
    with database.write() as db:
        for insertion, deletion in _STATEMENTS.values():
            db.execute(insertion, new_epoch=secrets.token_hex(8))
            db.execute(deletion)
