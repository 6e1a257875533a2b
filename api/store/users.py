"""Users."""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from api import constraints
from api.store.change_positions import next_position
from api.store.columns import Id, Revision, Timestamp, metadata, new_revision, now
from api.store.engine.connections import Connection, Query
from api.store.errors import Forbidden, NotFound, UsernameTaken
from api.store.pages import NewestFirst, Page
from api.store.principals import Principal, may_change
from api.store.queries import (
    differing,
    one,
    time_of_change,
    unchanged_since_read,
    update_if_unchanged,
)

IS_SUSPENDED = sa.column("suspended_at").is_not(None)
NOT_SUSPENDED = sa.column("suspended_at").is_(None)
users = sa.Table(
    "users",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("username", sa.String(constraints.USERNAME_MAX_LENGTH), nullable=False, unique=True),
    sa.Column("display_name", sa.String(constraints.DISPLAY_NAME_MAX_LENGTH), nullable=False),
    sa.Column("bio", sa.Text, nullable=False),
    sa.Column("password_hash", sa.String(constraints.PASSWORD_HASH_MAX_LENGTH)),
    sa.Column("role", sa.String(6), nullable=False, server_default="member"),
    # The default is never used: SQLite adds no column without one.
    sa.Column("revision", Revision, nullable=False, server_default="0" * constraints.REVISION_LENGTH),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("updated_at", Timestamp, nullable=False),
    sa.Column("change_position", sa.BigInteger),
    # NULL unless an admin has suspended the user.
    sa.Column("suspended_at", Timestamp),
    sa.CheckConstraint(
        sa.func.length(sa.column("display_name")).between(1, constraints.DISPLAY_NAME_MAX_LENGTH), name="display_name"
    ),
    sa.CheckConstraint(sa.func.length(sa.column("bio")) <= constraints.BIO_MAX_LENGTH, name="bio"),
    sa.CheckConstraint(sa.column("role").in_(["member", "admin"]), name="role"),
    sa.Index(None, "created_at", "id"),
    sa.Index(None, "change_position", "id"),
    sa.Index("ix_users_listed", "created_at", "id", sqlite_where=NOT_SUSPENDED, postgresql_where=NOT_SUSPENDED),
    sa.Index(None, "suspended_at", "id", sqlite_where=IS_SUSPENDED, postgresql_where=IS_SUSPENDED),
    sqlite_autoincrement=True,  # an id is never used again
)


class User(NamedTuple):
    """A user, without their password hash."""

    id: int
    username: str
    display_name: str
    bio: str
    role: str
    revision: str
    created_at: datetime
    updated_at: datetime
    suspended_at: datetime | None


USER_COLUMNS = [users.c[name] for name in User._fields]

_USER = sa.select(*USER_COLUMNS)
_WHERE_USERNAME = _USER.where(users.c.username == sa.bindparam("by_username"))
_BY_USERNAME = Query(User, _WHERE_USERNAME)
# FOR NO KEY UPDATE, so that the user's own posts can be inserted concurrently.
_BY_USERNAME_FOR_UPDATE = Query(User, _WHERE_USERNAME.with_for_update(key_share=True))
_BY_USERNAME_FOR_KEY_SHARE = Query(User, _WHERE_USERNAME.with_for_update(key_share=True, read=True))
_NEWEST_FIRST = NewestFirst(User, _USER.where(users.c.suspended_at.is_(None)), users.c.created_at, users.c.id)
# SQLite has the same syntax.
_INSERT = Query(
    User,
    insert(users)
    .on_conflict_do_nothing(index_elements=[users.c.username])
    .values(change_position=next_position("users"))
    .returning(*USER_COLUMNS),
)
_CHANGE = sa.update(users).where(unchanged_since_read(users)).returning(*USER_COLUMNS)
_UPDATE = Query(User, _CHANGE.values(change_position=next_position("users")))


def page(db: Connection, *, limit: int, cursor: str | None = None) -> Page[User]:
    """Return a page of the users who are not suspended, newest first."""
    return _NEWEST_FIRST.page(db, limit=limit, cursor=cursor)


def get(db: Connection, username: str) -> User:
    """Return the user; `NotFound` if there is none."""
    return one(db, _BY_USERNAME, not_found(username), by_username=username)


def lock(db: Connection, username: str) -> User:
    """Return the user, who cannot be removed until the transaction ends; `NotFound` if there is none."""
    return one(db, _BY_USERNAME_FOR_KEY_SHARE, not_found(username), by_username=username)


def register(
    db: Connection,
    *,
    username: str,
    display_name: str | None = None,
    bio: str = "",
    password_hash: str | None = None,
    role: str = "member",
    revision: str | None = None,
    created_at: datetime | None = None,
    updated_at: datetime | None = None,
    suspended_at: datetime | None = None,
) -> User:
    """Insert a user, who can sign in if `password_hash` is given; `UsernameTaken` if the username exists.

    `revision` and the times are those of an imported user.
    """
    created_at = created_at or now()
    registered = db.one_or_none(
        _INSERT,
        username=username,
        display_name=display_name or username,
        bio=bio,
        password_hash=password_hash,
        role=role,
        revision=revision or new_revision(),
        created_at=created_at,
        updated_at=updated_at or created_at,
        suspended_at=suspended_at,
    )
    if registered is None:
        raise UsernameTaken(f"The username {username!r} is taken. Choose another one.")
    return registered


def get_for_update(db: Connection, username: str, *, principal: Principal) -> User:
    """Return the user, locked until the transaction ends; `Forbidden` if the principal may not change it."""
    user = one(db, _BY_USERNAME_FOR_UPDATE, not_found(username), by_username=username)
    return require_change_allowed(user, principal)


def require_change_allowed(user: User, principal: Principal) -> User:
    """Return the user; `Forbidden` if the principal may not change it, `NotFound` if they may not even see it."""
    require_visible(user, principal)
    if not may_change(principal, owner_id=user.id):
        raise Forbidden("You can change only your own account.")
    return user


def revise(db: Connection, user: User, **changes: object) -> User:
    """Update the user unless it has these values; `PreconditionFailed` if it has been changed since `user` was read."""
    changes = differing(user, changes)
    updated_at = time_of_change(user.created_at)
    return update_if_unchanged(db, _UPDATE, user, updated_at=updated_at, **changes) if changes else user


def require_visible(user: User, viewer: Principal | None) -> User:
    """Return the user; `NotFound` if only admins may see it."""
    if user.suspended_at and not (viewer and viewer.role == "admin"):
        raise NotFound(not_found(user.username))
    return user


def not_found(username: str) -> str:
    """Return the message of `NotFound`."""
    return f"There is no user {username!r}."
