"""Deletion of removals that all clients have read, or whose tokens have expired."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import NamedTuple

import sqlalchemy as sa

from api.store.change_positions import DialectSQL, Feed, last_position, removed_posts, removed_users, sync_epochs
from api.store.change_state import HORIZON, IS_FINAL
from api.store.columns import now
from api.store.engine.connections import Connection, Query
from api.store.sweeping import ROWS_PER_TRANSACTION, Transact

AGE = timedelta(91)
"""One day more than the lifetime of tokens."""


class Removal(NamedTuple):
    """A removal, and whether it is old enough to be deleted."""

    change_position: int
    id: int
    is_old: bool


class RemovalsSweep:
    """Deletes old removals of a feed in their order, and stores up to where.

    Those that clients cannot read yet stay, and the last one that they can: on SQLite, the next position follows it.
    """

    def __init__(self, feed: Feed, removed: sa.Table, id_: sa.Column[int]) -> None:
        position = removed.c.change_position
        after = sa.tuple_(sa.bindparam("after_position", type_=position.type), sa.bindparam("after_id", type_=id_.type))
        last_final = sa.select(sa.func.max(position)).where(IS_FINAL)
        self._removals = Query(
            Removal,
            sa.select(
                position,
                id_.label("id"),
                (removed.c.removed_at < sa.bindparam("until", type_=removed.c.removed_at.type)).label("is_old"),
            )
            .where(sa.tuple_(position, id_) > after, position < last_final.scalar_subquery())
            .order_by(position, id_)
            .limit(ROWS_PER_TRANSACTION),
        )
        self._delete = sa.delete(removed).where(
            position == sa.bindparam("old_position", type_=position.type),
            id_ == sa.bindparam("old_id", type_=id_.type),
        )
        swept = sync_epochs.c.swept_position, sync_epochs.c.swept_id
        last = sa.bindparam("last_position", type_=position.type), sa.bindparam("last_id", type_=id_.type)
        # In the epoch of the last position and the one after it, if there is one: others are read only for their names.
        highest = DialectSQL(sqlite=last_position(feed), postgresql="0", type_=sa.BigInteger())
        epoch = sa.select(sa.func.max(sync_epochs.c.first_position)).where(
            sync_epochs.c.feed == feed, sync_epochs.c.first_position <= highest
        )
        is_foreign = DialectSQL(sqlite="0", postgresql=f"swept_position >= {HORIZON}", type_=sa.Boolean())
        self._store = (
            sa.update(sync_epochs)
            .where(
                sync_epochs.c.feed == feed,
                sync_epochs.c.first_position >= epoch.scalar_subquery(),
                sa.or_(sa.tuple_(*swept) < sa.tuple_(*last), is_foreign),
            )
            .values(swept_position=last[0], swept_id=last[1])
        )

    def run(self, transact: Transact) -> int:
        """Delete the removals, and return how many."""
        after, deleted = (-1, -1), 0
        while removals := transact(partial(self._delete_next, after=after)):
            after = removals[-1][:2]
            deleted += sum(removal.is_old for removal in removals)
        return deleted

    def _delete_next(self, db: Connection, *, after: tuple[int, int]) -> Sequence[Removal]:
        removals = db.all(self._removals, after_position=after[0], after_id=after[1], until=now() - AGE)
        old = [removal for removal in removals if removal.is_old]
        if old:
            db.execute_many(self._delete, [{"old_position": each.change_position, "old_id": each.id} for each in old])
            # In the same transaction: a client that has not read all of these must start again.
            db.execute(self._store, last_position=old[-1].change_position, last_id=old[-1].id)
        return removals


_SWEEPS = {
    "posts": RemovalsSweep("posts", removed_posts, removed_posts.c.post_id),
    "users": RemovalsSweep("users", removed_users, removed_users.c.user_id),
}


def sweep(transact: Transact) -> int:
    """Delete the removals of posts and users that are older than `AGE`; return how many."""
    return sum(each.run(transact) for each in _SWEEPS.values())
