"""Passwords, as they are kept: by their hashes, which nothing else reads."""

import sqlalchemy as sa

from api.store import tokens
from api.store.columns import one
from api.store.engine.connections import Connection, Row
from api.store.errors import WrongPassword
from api.store.users import users

_CREDENTIALS = sa.select(users.c.id, users.c.username, users.c.password_hash).where(
    users.c.username == sa.bindparam("username")
)
_REPLACE = sa.update(users).where(
    users.c.id == sa.bindparam("user_id"),
    # Null for users who were imported.
    users.c.password_hash.is_not_distinct_from(sa.bindparam("known_hash")),
)


def get(db: Connection, username: str) -> Row:
    """The id, name and password hash of the user of that name; `NotFound` if there is none."""
    return one(db, _CREDENTIALS, f"There is no user {username!r}.", username=username)


def rehash(db: Connection, proven: Row, password_hash: str) -> Row:
    """The credentials with another hash of the same password; `WrongPassword` if it has been changed meanwhile."""
    if not db.execute(_REPLACE, user_id=proven.id, known_hash=proven.password_hash, password_hash=password_hash):
        raise WrongPassword("The password has been changed meanwhile. Prove the new one.")
    return get(db, proven.username)


def change(db: Connection, proven: Row, password_hash: str, *, keep: int | None = None) -> None:
    """Replace the password and revoke all tokens but `keep`; `WrongPassword` if it has been changed meanwhile."""
    rehash(db, proven, password_hash)
    tokens.revoke_all(db, user_id=proven.id, keep=keep)
