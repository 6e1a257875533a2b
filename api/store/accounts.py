"""Accounts as operators see them."""

import sqlalchemy as sa

from api.store.engine.connections import Connection, Query
from api.store.errors import UserSuspended
from api.store.pages import NewestFirst, Page
from api.store.queries import one
from api.store.users import USER_COLUMNS, User, not_found, users

_FOR_UPDATE = Query(
    User,
    sa.select(*USER_COLUMNS).where(users.c.username == sa.bindparam("by_username")).with_for_update(key_share=True),
)
_UPDATE_ROLE = Query(User, sa.update(users).where(users.c.id == sa.bindparam("user_id")).returning(*USER_COLUMNS))
_NEWEST_FIRST = NewestFirst(User, sa.select(*USER_COLUMNS), users.c.created_at, users.c.id)


def page(db: Connection, *, limit: int, cursor: str | None = None) -> Page[User]:
    """Return a page of all users, suspended ones, too, newest first."""
    return _NEWEST_FIRST.page(db, limit=limit, cursor=cursor)


def set_role(db: Connection, username: str, role: str) -> User:
    """Make the user a `member` or an `admin`; `NotFound` if there is none, `UserSuspended` for a suspended admin."""
    user = one(db, _FOR_UPDATE, not_found(username), by_username=username)
    if user.suspended_at and role == "admin":
        raise UserSuspended(f"{username!r} is suspended: run `pressroom users unsuspend {username}` first.")
    return one(db, _UPDATE_ROLE, not_found(username), user_id=user.id, role=role)
