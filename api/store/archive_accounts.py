"""SQL to export and import what permits to sign in: password hashes, roles and tokens."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from api.store.archive import ROWS_PER_QUERY, USER_REMOVED, read_all
from api.store.engine.connections import Connection, Query
from api.store.errors import Conflict
from api.store.queries import one
from api.store.tokens import tokens
from api.store.users import users


class ArchivedAccount(NamedTuple):
    """A user with everything that permits to sign in; `id` is not archived."""

    id: int
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
    """A token; the hash is archived in hexadecimal digits, and `id` is not archived."""

    id: int
    user: str
    name: str
    scope: str
    sha256: bytes | str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


class TokenLeftOut(Exception):
    """The token is not stored, and must not be, because it may have been revoked."""


class _Id(NamedTuple):
    id: int


_ACCOUNTS = sa.select(*(users.c[name] for name in ArchivedAccount._fields))
_LAST_ID: sa.BindParameter[int] = sa.bindparam("last_id")
_NEXT_ACCOUNTS = Query(
    ArchivedAccount, _ACCOUNTS.where(users.c.id > _LAST_ID).order_by(users.c.id).limit(ROWS_PER_QUERY)
)
_ACCOUNT_BY_NAME = Query(ArchivedAccount, _ACCOUNTS.where(users.c.username == sa.bindparam("by_username")))
_NEXT_TOKENS = Query(
    ArchivedToken,
    sa.select(tokens.c.id, users.c.username.label("user"), *(tokens.c[name] for name in ArchivedToken._fields[2:]))
    .join_from(tokens, users)
    .where(tokens.c.id > _LAST_ID)
    .order_by(tokens.c.id)
    .limit(ROWS_PER_QUERY),
)
_TOKEN_BY_HASH = Query(_Id, sa.select(tokens.c.id).where(tokens.c.sha256 == sa.bindparam("by_sha256")))
# SQLite has the same syntax.
_INSERT_TOKEN = Query(
    _Id, insert(tokens).on_conflict_do_nothing(index_elements=[tokens.c.sha256]).returning(tokens.c.id)
)


def all_accounts(db: Connection) -> Iterator[ArchivedAccount]:
    """Yield all users with their password hashes and roles, oldest first."""
    return read_all(db, _NEXT_ACCOUNTS)


def find_account(db: Connection, username: str) -> ArchivedAccount:
    """Return the user of a record; `NotFound` if they have been removed since that was read."""
    return one(db, _ACCOUNT_BY_NAME, USER_REMOVED.format(username), by_username=username)


def all_tokens(db: Connection) -> Iterator[ArchivedToken]:
    """Yield all tokens, in the order of their ids."""
    for token in read_all(db, _NEXT_TOKENS):
        yield token._replace(sha256=token.sha256.hex())


def require_token(db: Connection, sha256: str) -> None:
    """Raise `TokenLeftOut` unless the token is stored."""
    if db.one_or_none(_TOKEN_BY_HASH, by_sha256=bytes.fromhex(sha256)) is None:
        raise TokenLeftOut


def create_token(db: Connection, *, user_id: int, sha256: str, **values: object) -> None:
    """Insert a token; `Conflict` if it exists."""
    if not db.all(_INSERT_TOKEN, user_id=user_id, sha256=bytes.fromhex(sha256), **values):
        raise Conflict("The token exists.")
