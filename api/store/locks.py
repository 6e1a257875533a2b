"""Locks for what no row stands for, until the transaction ends. SQLite has one writer at a time, and needs none."""

from typing import NamedTuple

import sqlalchemy as sa

from api.store.engine.connections import Connection, Query


class _Lock(NamedTuple):
    is_held: bool


_LOCK = Query(
    _Lock,
    sa.select(sa.true().label("is_held")).where(sa.bindparam("name", type_=sa.String).is_not(None)),
    postgresql=sa.text("SELECT true AS is_held FROM pg_advisory_xact_lock(hashtextextended(:name, 0))")
    .bindparams(sa.bindparam("name", type_=sa.String))
    .columns(is_held=sa.Boolean),
)


def lock_sign_ins(db: Connection, user_id: int) -> None:
    """Let no other transaction sign the user in, or sign them out.

    Before the user's tokens, and these before the user: otherwise a token that has been created after these were locked
    could be used by a transaction that waits for the user, and that the one that has locked the user waits for.
    """
    db.all(_LOCK, name=f"pressroom sign-ins {user_id}")


def lock_content(db: Connection) -> None:
    """Let no other transaction change rows of several kinds or users, which are in each other's order."""
    db.all(_LOCK, name="pressroom content")
