"""Users."""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from api import constraints
from api.store.change_positions import next_position, record_removal, removed_users
from api.store.columns import Id, Revision, Timestamp, metadata, new_revision, now
from api.store.engine.connections import Connection, Query
from api.store.errors import Forbidden, UserHasPosts, UsernameTaken
from api.store.pages import NewestFirst, Page
from api.store.principals import Principal, may_change
from api.store.queries import (
    FOREIGN_KEY_VIOLATION,
    delete_if_unchanged,
    differing,
    one,
    time_of_change,
    translating,
    unchanged_since_read,
    update_if_unchanged,
)

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
    sa.CheckConstraint(
        sa.func.length(sa.column("display_name")).between(1, constraints.DISPLAY_NAME_MAX_LENGTH), name="display_name"
    ),
    sa.CheckConstraint(sa.func.length(sa.column("bio")) <= constraints.BIO_MAX_LENGTH, name="bio"),
    sa.CheckConstraint(sa.column("role").in_(["member", "admin"]), name="role"),
    sa.Index(None, "created_at", "id"),
    sa.Index(None, "change_position", "id"),
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


USER_COLUMNS = [users.c[name] for name in User._fields]

_USER = sa.select(*USER_COLUMNS)
_WHERE_USERNAME = _USER.where(users.c.username == sa.bindparam("by_username"))
_BY_USERNAME = Query(User, _WHERE_USERNAME)
# FOR NO KEY UPDATE, so that the user's own posts can be inserted concurrently.
_BY_USERNAME_FOR_UPDATE = Query(User, _WHERE_USERNAME.with_for_update(key_share=True))
_BY_USERNAME_FOR_KEY_SHARE = Query(User, _WHERE_USERNAME.with_for_update(key_share=True, read=True))
_NEWEST_FIRST = NewestFirst(User, _USER, users.c.created_at, users.c.id)
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
_UPDATE_ROLE = Query(
    User, sa.update(users).where(users.c.username == sa.bindparam("by_username")).returning(*USER_COLUMNS)
)
_RECORD_REMOVAL = record_removal(
    removed_users,
    ["username"],
    sa.select(
        users.c.username, users.c.id, next_position("users"), sa.bindparam("at", type_=removed_users.c.removed_at.type)
    ).where(users.c.id == sa.bindparam("read_id")),
)
_DELETE = sa.delete(users).where(unchanged_since_read(users))


def page(db: Connection, *, limit: int, cursor: str | None = None) -> Page[User]:
    """Return a page of all users, newest first."""
    return _NEWEST_FIRST.page(db, limit=limit, cursor=cursor)


def get(db: Connection, username: str) -> User:
    """Return the user; `NotFound` if there is none."""
    return one(db, _BY_USERNAME, f"There is no user {username!r}.", by_username=username)


def lock(db: Connection, username: str) -> User:
    """Return the user, who cannot be removed until the transaction ends; `NotFound` if there is none."""
    return one(db, _BY_USERNAME_FOR_KEY_SHARE, f"There is no user {username!r}.", by_username=username)


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
) -> User:
    """Insert a user, who can sign in if `password_hash` is given; `UsernameTaken` if the username exists.

    `revision`, `created_at` and `updated_at` are those of an imported user.
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
    )
    if registered is None:
        raise UsernameTaken(f"The username {username!r} is taken. Choose another one.")
    return registered


def set_role(db: Connection, username: str, role: str) -> User:
    """Make the user a `member` or an `admin`; `NotFound` if there is none."""
    return one(db, _UPDATE_ROLE, f"There is no user {username!r}.", by_username=username, role=role)


def get_for_update(db: Connection, username: str, *, principal: Principal) -> User:
    """Return the user, locked until the transaction ends; `Forbidden` if the principal may not change it."""
    user = one(db, _BY_USERNAME_FOR_UPDATE, f"There is no user {username!r}.", by_username=username)
    if not may_change(principal, owner_id=user.id):
        raise Forbidden("You can change only your own account.")
    return user


def revise(db: Connection, user: User, **changes: object) -> User:
    """Update the user unless it has these values; `PreconditionFailed` if it has been changed since `user` was read."""
    changes = differing(user, changes)
    updated_at = time_of_change(user.created_at)
    return update_if_unchanged(db, _UPDATE, user, updated_at=updated_at, **changes) if changes else user


def remove(db: Connection, user: User) -> None:
    """Delete the user and their tokens; `UserHasPosts` while posts exist, `PreconditionFailed` if out of date."""
    posts_exist = UserHasPosts(f"{user.username!r} still has posts or drafts: delete them, or use `?posts=remove`.")
    with translating(FOREIGN_KEY_VIOLATION, posts_exist):
        db.execute(_RECORD_REMOVAL, read_id=user.id, at=now())
        delete_if_unchanged(db, _DELETE, user)
