"""Users, as they are kept."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from api import constraints
from api.store.columns import FOREIGN_KEY, Id, Timestamp, change, metadata, now, one, translating, unchanged_since_read
from api.store.engine.connections import Connection, Row
from api.store.errors import Forbidden, UserHasPosts, UsernameTaken
from api.store.pages import NewestFirst, Page

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("username", sa.String(constraints.USERNAME_MAX_LENGTH), nullable=False, unique=True),
    sa.Column("display_name", sa.String(constraints.DISPLAY_NAME_MAX_LENGTH), nullable=False),
    sa.Column("bio", sa.Text, nullable=False),
    sa.Column("password_hash", sa.String(200)),
    sa.Column("role", sa.String(6), nullable=False, server_default="member"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("updated_at", Timestamp, nullable=False),
    sa.CheckConstraint(
        sa.func.length(sa.column("display_name")).between(1, constraints.DISPLAY_NAME_MAX_LENGTH), name="display_name"
    ),
    sa.CheckConstraint(sa.func.length(sa.column("bio")) <= constraints.BIO_MAX_LENGTH, name="bio"),
    sa.CheckConstraint(sa.column("role").in_(["member", "admin"]), name="role"),
    sa.Index(None, "created_at", "id"),
    # An id must not come back with another meaning.
    sqlite_autoincrement=True,
)

_USER = sa.select(*(each for each in users.c if each is not users.c.password_hash))
_BY_ID = _USER.where(users.c.id == sa.bindparam("user_id"))
_BY_NAME = _USER.where(users.c.username == sa.bindparam("username"))
# "No key": who is being revised may publish meanwhile.
_EDITABLE = _BY_NAME.with_for_update(key_share=True)
_HELD = _BY_NAME.with_for_update(key_share=True, read=True)
_ALL = NewestFirst(_USER, users.c.created_at, users.c.id)
# SQLite says it in the same words.
_REGISTER = insert(users).on_conflict_do_nothing(index_elements=[users.c.username])
_REVISE = sa.update(users).where(unchanged_since_read(users)).values(version=users.c.version + 1)
_ASSIGN = sa.update(users).where(users.c.username == sa.bindparam("named"))
_REMOVE = sa.delete(users).where(unchanged_since_read(users))


def page(db: Connection, *, limit: int, cursor: str | None = None) -> Page:
    """A page of all users, who came last first."""
    return _ALL.page(db, limit=limit, cursor=cursor)


def get(db: Connection, username: str) -> Row:
    """The user of that name; `NotFound` if there is none."""
    return one(db, _BY_NAME, f"There is no user {username!r}.", username=username)


def lock(db: Connection, username: str) -> Row:
    """The user of that name, who cannot be removed until the transaction ends; `NotFound` if there is none."""
    return one(db, _HELD, f"There is no user {username!r}.", username=username)


def register(
    db: Connection,
    *,
    username: str,
    display_name: str | None = None,
    bio: str = "",
    password_hash: str | None = None,
) -> Row:
    """A new user, who can sign in if there is a `password_hash`; `UsernameTaken` if the name is not free."""
    moment = now()
    values = {
        "username": username,
        "display_name": display_name or username,
        "bio": bio,
        "password_hash": password_hash,
        "version": 1,
        "created_at": moment,
        "updated_at": moment,
    }
    if not db.execute(_REGISTER, **values):
        raise UsernameTaken(f"The username {username!r} is taken. Choose another one.")
    return get(db, username)


def may_change(editor: Row, *, owner_id: int) -> bool:
    """Whether the editor may change what belongs to that user: members their own, admins anything."""
    return editor.id == owner_id or bool(editor.role == "admin")


def assign(db: Connection, username: str, role: str) -> Row:
    """The user, a `member` or an `admin` from now on; `NotFound` if there is none."""
    db.execute(_ASSIGN, named=username, role=role)
    return get(db, username)


def get_for_update(db: Connection, username: str, *, editor: Row) -> Row:
    """The user, whom nobody else changes until the transaction ends; `Forbidden` if the editor must not either."""
    user = one(db, _EDITABLE, f"There is no user {username!r}.", username=username)
    if not may_change(editor, owner_id=user.id):
        raise Forbidden("You can change only your own account.")
    return user


def revise(db: Connection, user: Row, **changes: object) -> Row:
    """The user with `changes`; `PreconditionFailed` if they have been changed since `user` was read."""
    change(db, _REVISE, user, updated_at=now(), **changes)
    return one(db, _BY_ID, "The user is gone.", user_id=user.id)


def remove(db: Connection, user: Row) -> None:
    """Remove the user and their tokens; `UserHasPosts` while posts remain, `PreconditionFailed` if out of date."""
    with translating(
        FOREIGN_KEY, UserHasPosts(f"{user.username!r} still has posts, drafts included. Delete them first.")
    ):
        change(db, _REMOVE, user)
