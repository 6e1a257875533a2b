"""Bearer tokens, stored as SHA-256 hashes, so that reading the database does not grant access."""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple, TypeAlias

import sqlalchemy as sa

from api import constraints
from api.store.columns import Id, Timestamp, metadata, now
from api.store.engine.connections import Connection, Query
from api.store.errors import NotFound, QuotaExceeded, SignInSuspended, Unauthenticated
from api.store.locks import lock_sign_ins
from api.store.pages import NewestFirst, Page
from api.store.queries import one
from api.store.sweeping import MAX_ROWS_IN_REQUEST, Sweep, Transact
from api.store.users import users

Scope: TypeAlias = Literal["read", "write"]
"""What a token permits: `read` only to read, and neither tokens nor exports, without the role of an admin."""

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("name", sa.String(constraints.TOKEN_NAME_MAX_LENGTH), nullable=False),
    sa.Column("sha256", sa.LargeBinary(32), nullable=False, unique=True),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("expires_at", Timestamp, nullable=False),
    sa.Column("last_used_at", Timestamp),
    sa.Column("scope", sa.String(5), nullable=False, server_default="write"),
    sa.CheckConstraint(sa.column("scope").in_(["read", "write"]), name="scope"),
    sa.Index(None, "user_id", "created_at", "id"),
    sqlite_autoincrement=True,  # an id is never used again
)


class Token(NamedTuple):
    """A token, without its hash."""

    id: int
    user_id: int
    name: str
    scope: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


_TOKEN_COLUMNS = [tokens.c[name] for name in Token._fields]
NOT_EXPIRED = tokens.c.expires_at > sa.bindparam("at", type_=Timestamp)
_OF_USER = sa.select(*_TOKEN_COLUMNS).where(tokens.c.user_id == sa.bindparam("user_id"), NOT_EXPIRED)
_BY_ID = Query(Token, _OF_USER.where(tokens.c.id == sa.bindparam("token_id")))
_NEWEST_FIRST = NewestFirst(Token, _OF_USER, tokens.c.created_at, tokens.c.id)


class _Id(NamedTuple):
    id: int


class _User(NamedTuple):
    suspended_at: datetime | None


_LOCK_UNCHANGED_USER = Query(
    _User,
    sa.select(users.c.suspended_at)
    .where(users.c.id == sa.bindparam("user_id"), users.c.password_hash == sa.bindparam("known_hash"))
    .with_for_update(key_share=True),
)


class _Count(NamedTuple):
    number: int


_COUNT_OF_USER = Query(
    _Count,
    sa.select(sa.func.count().label("number"))
    .select_from(tokens)
    .where(tokens.c.user_id == sa.bindparam("user_id"), NOT_EXPIRED),
)
_INSERT = Query(Token, sa.insert(tokens).returning(*_TOKEN_COLUMNS))
_SWEEP = Sweep(tokens, ~NOT_EXPIRED)
_EXPIRED_OF_USER = Query(
    _Id,
    sa.select(tokens.c.id)
    .where(tokens.c.user_id == sa.bindparam("user_id"), ~NOT_EXPIRED)
    .limit(MAX_ROWS_IN_REQUEST)
    .with_for_update(skip_locked=True),
)
_DELETE_BY_ID = sa.delete(tokens).where(tokens.c.id == sa.bindparam("token_id"))
_DELETE = sa.delete(tokens).where(
    tokens.c.id == sa.bindparam("token_id"), tokens.c.user_id == sa.bindparam("of_user"), NOT_EXPIRED
)
_DELETE_ALL_OF_USER = sa.delete(tokens).where(
    tokens.c.user_id == sa.bindparam("of_user"), tokens.c.id.is_distinct_from(sa.bindparam("keep_token", type_=Id))
)


def page(db: Connection, *, user_id: int, limit: int, cursor: str | None = None) -> Page[Token]:
    """Return a page of the user's unexpired tokens, newest first."""
    return _NEWEST_FIRST.page(db, limit=limit, cursor=cursor, user_id=user_id, at=now())


def get(db: Connection, token_id: int, *, user_id: int) -> Token:
    """Return the user's unexpired token; `NotFound` if there is none."""
    return one(db, _BY_ID, _not_found(token_id), token_id=token_id, user_id=user_id, at=now())


def create(
    db: Connection,
    *,
    user_id: int,
    password_hash: str | None,
    name: str,
    sha256: bytes,
    lifetime: timedelta,
    scope: Scope = "write",
    limit: int = 0,
) -> Token:
    """Insert a token and delete the user's expired ones.

    `Unauthenticated` if the user no longer exists or `password_hash`, which was verified, is no longer theirs;
    `SignInSuspended` if they are suspended; `QuotaExceeded` if they have `limit` unexpired tokens, unless that is 0.
    """
    lock_sign_ins(db, user_id)
    timestamp = now()
    user = db.one_or_none(_LOCK_UNCHANGED_USER, user_id=user_id, known_hash=password_hash)
    if user is None:
        raise Unauthenticated("The password has been changed or the user removed. Sign in again.")
    if user.suspended_at:
        raise SignInSuspended("Your account is suspended. Contact an admin of this site.")
    if expired := db.all(_EXPIRED_OF_USER, user_id=user_id, at=timestamp):
        db.execute_many(_DELETE_BY_ID, [{"token_id": row.id} for row in expired])
    if limit and db.all(_COUNT_OF_USER, user_id=user_id, at=timestamp)[0].number >= limit:
        raise QuotaExceeded(f"You have {limit} unexpired tokens, which is the limit. Use one, or delete one.")
    expires_at = timestamp + lifetime
    values = {"name": name, "scope": scope, "sha256": sha256, "created_at": timestamp, "expires_at": expires_at}
    [token] = db.all(_INSERT, user_id=user_id, **values)
    return token


def sweep(transact: Transact) -> int:
    """Delete all expired tokens; return how many."""
    return _SWEEP.run(transact, at=now())


def revoke(db: Connection, token_id: int, *, user_id: int) -> None:
    """Delete the user's token; `NotFound` if they have no such token."""
    if not db.execute(_DELETE, token_id=token_id, of_user=user_id, at=now()):
        raise NotFound(_not_found(token_id))


def revoke_all(db: Connection, *, user_id: int, keep_token: int | None = None) -> None:
    """Delete all tokens of the user but `keep_token`."""
    db.execute(_DELETE_ALL_OF_USER, of_user=user_id, keep_token=keep_token)


def _not_found(token_id: int) -> str:
    return f"You have no token {token_id}."
