"""Suspension of users: they cannot sign in, and only admins see them and what they wrote, until it ends."""

from collections import Counter
from datetime import datetime
from functools import partial
from typing import NamedTuple

import sqlalchemy as sa

from api.store import tokens, users_content, users_removal
from api.store.change_positions import next_position
from api.store.columns import Timestamp
from api.store.engine.connections import Connection, Query
from api.store.errors import UserIsAdmin, UserSuspended
from api.store.pages import NewestFirst, Page
from api.store.queries import one, time_of_change
from api.store.sweeping import Transact
from api.store.users import USER_COLUMNS, User, get, not_found, users


class Suspension(NamedTuple):
    """A suspended user."""

    id: int
    username: str
    display_name: str
    bio: str
    revision: str
    created_at: datetime
    updated_at: datetime
    suspended_at: datetime


_NEWEST_FIRST = NewestFirst(
    Suspension,
    sa.select(*(users.c[name] for name in Suspension._fields)).where(users.c.suspended_at.is_not(None)),
    users.c.suspended_at,
    users.c.id,
)
_IS_USER = users.c.id == sa.bindparam("user_id")
_BY_ID_FOR_KEY_SHARE = Query(User, sa.select(*USER_COLUMNS).where(_IS_USER).with_for_update(key_share=True, read=True))
_CHANGE = (
    sa.update(users)
    .where(_IS_USER)
    .values(suspended_at=sa.bindparam("at", type_=Timestamp()), change_position=next_position("users"))
)


def page(db: Connection, *, limit: int, cursor: str | None = None) -> Page[Suspension]:
    """Return a page of the suspended users; those who were suspended last come first."""
    return _NEWEST_FIRST.page(db, limit=limit, cursor=cursor)


def suspend(db: Connection, username: str) -> None:
    """Suspend the user and hide what they have.

    `NotFound` if there is none, `UserIsAdmin` for an admin, `TooMuchContent` if it would take too long for one
    transaction.
    """
    user = _begin(db, username)
    users_content.change_all(db, users_content.hidings(), user, command=f"pressroom users suspend {username}")


def unsuspend(db: Connection, username: str) -> None:
    """End the suspension of the user, and show again what they have; the same errors, but for admins."""
    user = _end(db, username)
    users_content.change_all(db, users_content.showings(), user, command=f"pressroom users unsuspend {username}")


def suspend_in_batches(transact: Transact, username: str) -> Counter[str]:
    """Do the same as `suspend` for any number of rows in short transactions; return how many of each kind.

    The user is suspended from the start. Run it again if it is interrupted. `UserSuspended` if the suspension ends
    while it runs.
    """
    user = transact(partial(_begin, username=username))
    check = partial(_require, user=user, suspended=True)
    return users_content.change_in_batches(transact, users_content.hidings(), user, check=check)


def unsuspend_in_batches(transact: Transact, username: str) -> Counter[str]:
    """Do the same as `unsuspend`, likewise."""
    user = transact(partial(_end, username=username))
    check = partial(_require, user=user, suspended=False)
    return users_content.change_in_batches(transact, users_content.showings(), user, check=check)


def _begin(db: Connection, username: str) -> User:
    user = users_removal.lock(db, get(db, username))
    if user.role == "admin":
        raise UserIsAdmin(f"{username!r} is an admin. Run `pressroom users demote {username}` first.")
    if user.suspended_at is None:
        db.execute(_CHANGE, user_id=user.id, at=time_of_change(user.created_at))
    # Those, too, that were created until the user was locked.
    tokens.revoke_all(db, user_id=user.id)
    return user


def _end(db: Connection, username: str) -> User:
    user = users_removal.lock(db, get(db, username))
    if user.suspended_at:
        db.execute(_CHANGE, user_id=user.id, at=None)
    return user


def _require(db: Connection, *, user: User, suspended: bool) -> None:
    """Check that no other transaction has begun the opposite, and let none do so until this one ends."""
    current = one(db, _BY_ID_FOR_KEY_SHARE, not_found(user.username), user_id=user.id)
    if (current.suspended_at is not None) != suspended:
        state = "no longer suspended" if suspended else "suspended again"
        raise UserSuspended(f"{user.username!r} is {state}, by another command or request.")
