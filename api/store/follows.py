"""Users who follow others."""

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from api import constraints
from api.store import users as accounts
from api.store.columns import Timestamp, metadata, now
from api.store.engine.connections import Connection, Query
from api.store.errors import FollowsOneself, NotFound, TooManyFollowed
from api.store.pages import NewestFirst, Page
from api.store.principals import Principal
from api.store.queries import FOREIGN_KEY_VIOLATION, one, translating
from api.store.users import users

follows = sa.Table(
    "follows",
    metadata,
    sa.Column("follower_id", sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("followed_id", sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("followed_at", Timestamp, nullable=False),
    # Whether the follower is suspended. That of the followed user is checked when the list is read: it is short.
    sa.Column("hidden", sa.Boolean, nullable=False),
    sa.Index(None, "follower_id", "followed_at", "followed_id"),
    sa.Index(None, "followed_id", "hidden", "followed_at", "follower_id"),
)


class FollowingUser(NamedTuple):
    """A user who follows or is followed, and since when."""

    id: int
    username: str
    display_name: str
    followed_at: datetime


class _Id(NamedTuple):
    id: int


_FOLLOWER_ID = sa.bindparam("by_follower_id", type_=sa.BigInteger)
_FOLLOWED_ID = sa.bindparam("by_followed_id", type_=sa.BigInteger)
_USER_ID = sa.select(users.c.id).where(users.c.username == sa.bindparam("by_username")).scalar_subquery()
_SHOWN_USER_ID = (
    sa.select(users.c.id)
    .where(users.c.username == sa.bindparam("by_username"), users.c.suspended_at.is_(None))
    .scalar_subquery()
)
# The user whose lists they are, also a suspended one for an admin.
_LISTED_USER_ID = (
    sa.select(users.c.id)
    .where(
        users.c.username == sa.bindparam("by_username"),
        sa.or_(users.c.suspended_at.is_(None), sa.bindparam("is_admin", type_=sa.Boolean)),
    )
    .scalar_subquery()
)
_COLUMNS = users.c.id, users.c.username, users.c.display_name, follows.c.followed_at
_FOLLOWERS = NewestFirst(
    FollowingUser,
    sa.select(*_COLUMNS)
    .join_from(follows, users, users.c.id == follows.c.follower_id)
    .where(follows.c.followed_id == _LISTED_USER_ID, follows.c.hidden == sa.false()),
    follows.c.followed_at,
    follows.c.follower_id,
)
_WITH_FOLLOWED = sa.select(*_COLUMNS).join_from(follows, users, users.c.id == follows.c.followed_id)
_FOLLOWING = NewestFirst(
    FollowingUser,
    _WITH_FOLLOWED.where(follows.c.follower_id == _LISTED_USER_ID, users.c.suspended_at.is_(None)),
    follows.c.followed_at,
    follows.c.followed_id,
)
_FOLLOWED = Query(
    FollowingUser,
    _WITH_FOLLOWED.where(follows.c.follower_id == _FOLLOWER_ID, follows.c.followed_id == _USER_ID),
)
_FOLLOWED_SHOWN = Query(
    FollowingUser,
    _WITH_FOLLOWED.where(follows.c.follower_id == _FOLLOWER_ID, follows.c.followed_id == _SHOWN_USER_ID),
)
# FOR NO KEY UPDATE, so that the follows of a user are counted one by one, and others can still follow that user.
_LOCK_FOLLOWER = Query(_Id, sa.select(users.c.id).where(users.c.id == _FOLLOWER_ID).with_for_update(key_share=True))
_COUNT = sa.select(sa.func.count()).select_from(
    sa.select(follows.c.followed_id)
    .where(follows.c.follower_id == _FOLLOWER_ID)
    .limit(constraints.FOLLOWED_MAX_ITEMS)
    .subquery()
)
_EXISTING = Query(
    _Id,
    sa.select(follows.c.followed_id.label("id")).where(
        follows.c.follower_id == _FOLLOWER_ID, follows.c.followed_id == _FOLLOWED_ID
    ),
)
_INSERT = sa.insert(follows).from_select(
    ["follower_id", "followed_id", "followed_at", "hidden"],
    sa.select(
        _FOLLOWER_ID, _FOLLOWED_ID, sa.bindparam("at", type_=Timestamp), sa.bindparam("is_hidden", type_=sa.Boolean)
    ).where(_COUNT.scalar_subquery() < constraints.FOLLOWED_MAX_ITEMS),
)
_DELETE = sa.delete(follows).where(follows.c.follower_id == _FOLLOWER_ID, follows.c.followed_id == _USER_ID)


def followers(db: Connection, username: str, *, viewer: Principal | None = None, **page: Any) -> Page[FollowingUser]:
    """Return a page of the users who follow the user, who came last first; `NotFound` if there is no such user.

    Of a suspended user, only admins see it.
    """
    return _page(db, _FOLLOWERS, username, viewer, page)


def following(db: Connection, username: str, *, viewer: Principal | None = None, **page: Any) -> Page[FollowingUser]:
    """Return a page of the users whom the user follows, newest first; `NotFound` likewise."""
    return _page(db, _FOLLOWING, username, viewer, page)


def get(db: Connection, username: str, *, follower_id: int) -> FollowingUser:
    """Return the followed user; `NotFound` if the follower does not follow a user of that name."""
    message = f"You do not follow a user {username!r}."
    return one(db, _FOLLOWED_SHOWN, message, by_follower_id=follower_id, by_username=username)


def add(db: Connection, username: str, *, follower_id: int) -> None:
    """Follow the user, unless the follower does.

    `NotFound` if there is no such user, `FollowsOneself` if it is the follower, `TooManyFollowed` above the limit.
    """
    followed = accounts.require_visible(accounts.get(db, username), None)
    if followed.id == follower_id:
        raise FollowsOneself("You cannot follow yourself.")
    with translating(FOREIGN_KEY_VIOLATION, NotFound(f"There is no user {username!r}.")):
        is_followed = insert(db, follower_id=follower_id, followed_id=followed.id)
    if not is_followed:
        raise TooManyFollowed(f"You follow {constraints.FOLLOWED_MAX_ITEMS} users. Unfollow one first.")


def insert(
    db: Connection, *, follower_id: int, followed_id: int, followed_at: datetime | None = None, hidden: bool = False
) -> bool:
    """Insert a follow unless it exists; return False if the follower follows too many users."""
    # No other transaction inserts one of this follower, so that what has been counted stays true.
    db.all(_LOCK_FOLLOWER, by_follower_id=follower_id)
    is_stored = exists(db, follower_id=follower_id, followed_id=followed_id)
    ids = {"by_follower_id": follower_id, "by_followed_id": followed_id}
    return is_stored or bool(db.execute(_INSERT, **ids, at=followed_at or now(), is_hidden=hidden))


def exists(db: Connection, *, follower_id: int, followed_id: int) -> bool:
    """Return whether the one user follows the other."""
    return bool(db.all(_EXISTING, by_follower_id=follower_id, by_followed_id=followed_id))


def remove(db: Connection, username: str, *, follower_id: int) -> None:
    """Unfollow the user, if the follower does; `NotFound` if there is no such user."""
    if not db.execute(_DELETE, by_follower_id=follower_id, by_username=username):
        accounts.require_visible(accounts.get(db, username), None)


def _page(
    db: Connection, query: NewestFirst[FollowingUser], username: str, viewer: Principal | None, page: dict[str, Any]
) -> Page[FollowingUser]:
    parameters = {"cursor": None, **page, "is_admin": viewer is not None and viewer.role == "admin"}
    found = query.page(db, by_username=username, **parameters)
    if not found.rows:
        accounts.require_visible(accounts.get(db, username), viewer)
    return found
