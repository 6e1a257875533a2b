"""Password hashes, which no other module reads."""

from typing import NamedTuple

import sqlalchemy as sa

from api.store import tokens, tokens_use
from api.store import users as users_table
from api.store.engine.connections import Connection, Query
from api.store.errors import WrongPassword
from api.store.queries import one
from api.store.users import users


class Credentials(NamedTuple):
    """What a user signs in with; imported users have no password hash."""

    id: int
    username: str
    password_hash: str | None


_COLUMNS = [users.c[name] for name in Credentials._fields]
_BY_USERNAME = Query(Credentials, sa.select(*_COLUMNS).where(users.c.username == sa.bindparam("by_username")))
_UPDATE = Query(
    Credentials,
    sa.update(users)
    .where(
        users.c.id == sa.bindparam("user_id"),
        users.c.password_hash.is_not_distinct_from(sa.bindparam("known_hash")),
    )
    .returning(*_COLUMNS),
)

_DISABLE = sa.update(users).where(users.c.id == sa.bindparam("user_id")).values(password_hash=None)


def get(db: Connection, username: str) -> Credentials:
    """Return the user's credentials; `NotFound` if there is no such user."""
    return one(db, _BY_USERNAME, f"There is no user {username!r}.", by_username=username)


def rehash(db: Connection, credentials: Credentials, password_hash: str) -> Credentials:
    """Replace the hash of the same password; `WrongPassword` if the password has been changed concurrently."""
    updated = db.one_or_none(
        _UPDATE, user_id=credentials.id, known_hash=credentials.password_hash, password_hash=password_hash
    )
    if updated is None:
        raise WrongPassword("The password has been changed. Sign in with the new one.")
    return updated


def disable(db: Connection, username: str) -> users_table.User:
    """Delete the password and all tokens of the user, so that they can no longer sign in; `NotFound` without one."""
    user = users_table.get(db, username)
    tokens_use.wait_until_unused(db, user_id=user.id)
    db.execute(_DISABLE, user_id=user.id)
    tokens.revoke_all(db, user_id=user.id)
    return user


def change(db: Connection, credentials: Credentials, password_hash: str, *, keep_token: int | None = None) -> None:
    """Replace the password and revoke all tokens but `keep_token`; `WrongPassword` if it was changed concurrently."""
    # First, because a transaction that uses a token may be waiting for the user's row.
    tokens_use.wait_until_unused(db, user_id=credentials.id)
    rehash(db, credentials, password_hash)
    # Those, too, that were created until the row was locked.
    tokens.revoke_all(db, user_id=credentials.id, keep_token=keep_token)
