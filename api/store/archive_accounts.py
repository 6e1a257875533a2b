"""SQL to export and import what permits to sign in: password hashes, roles and tokens."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from api.store.archive import USER_REMOVED
from api.store.engine.connections import Connection, Query
from api.store.errors import Conflict
from api.store.queries import one
from api.store.tokens import tokens
from api.store.users import users


class ArchivedAccount(NamedTuple):
    """A user with everything that permits to sign in."""

    username: str
    display_name: str
    bio: str
    revision: str
    created_at: datetime
    updated_at: datetime
    suspended_at: datetime | None
    role: str
    password_hash: str | None


class ArchivedToken(NamedTuple):
    """A token; the hash is in hexadecimal digits."""

    user: str
    name: str
    scope: str
    sha256: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


class _StoredToken(NamedTuple):
    user: str
    name: str
    scope: str
    sha256: bytes
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


class TokenLeftOut(Exception):
    """The token is not stored, and must not be, because it may have been revoked."""


class _Id(NamedTuple):
    id: int


_ACCOUNTS = sa.select(*(users.c[name] for name in ArchivedAccount._fields))
_ALL_ACCOUNTS = Query(ArchivedAccount, _ACCOUNTS.order_by(users.c.id))
_ACCOUNT_BY_NAME = Query(ArchivedAccount, _ACCOUNTS.where(users.c.username == sa.bindparam("by_username")))
_ALL_TOKENS = Query(
    _StoredToken,
    sa.select(users.c.username.label("user"), *(tokens.c[name] for name in _StoredToken._fields[1:]))
    .join_from(tokens, users)
    .order_by(tokens.c.id),
)
_TOKEN_BY_HASH = Query(_Id, sa.select(tokens.c.id).where(tokens.c.sha256 == sa.bindparam("by_sha256")))
# SQLite has the same syntax.
_INSERT_TOKEN = Query(
    _Id, insert(tokens).on_conflict_do_nothing(index_elements=[tokens.c.sha256]).returning(tokens.c.id)
)


def all_accounts(db: Connection) -> Sequence[ArchivedAccount]:
    """Return all users with their password hashes and roles, oldest first."""
    return db.all(_ALL_ACCOUNTS)


def find_account(db: Connection, username: str) -> ArchivedAccount:
    """Return the user of a record; `NotFound` if they have been removed since that was read."""
    return one(db, _ACCOUNT_BY_NAME, USER_REMOVED.format(username), by_username=username)


def all_tokens(db: Connection) -> Iterator[ArchivedToken]:
    """Yield all tokens, in the order of their ids."""
    for token in db.all(_ALL_TOKENS):
        yield ArchivedToken(*token._replace(sha256=token.sha256.hex()))  # type: ignore[arg-type] # hexadecimal from here


def require_token(db: Connection, sha256: str) -> None:
    """Raise `TokenLeftOut` unless the token is stored."""
    if db.one_or_none(_TOKEN_BY_HASH, by_sha256=bytes.fromhex(sha256)) is None:
        raise TokenLeftOut


def create_token(db: Connection, *, user_id: int, sha256: str, **values: object) -> None:
    """Insert a token; `Conflict` if it exists."""
    if not db.all(_INSERT_TOKEN, user_id=user_id, sha256=bytes.fromhex(sha256), **values):
        raise Conflict("The token exists.")
