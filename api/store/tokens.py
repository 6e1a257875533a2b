"""Bearer tokens, as they are kept: by their SHA-256, so that reading the database lets nobody in."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from api import constraints
from api.store.columns import Id, Timestamp, metadata, now, one
from api.store.engine.connections import Connection, Row
from api.store.errors import Unauthenticated
from api.store.pages import NewestFirst, Page
from api.store.users import users

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
    sa.Index(None, "user_id", "created_at", "id"),
    # An id must not come back with another meaning.
    sqlite_autoincrement=True,
)

MINUTE = timedelta(minutes=1)
"""How exactly it is known when a token was last used."""

_LIVE = tokens.c.expires_at > sa.bindparam("moment_asked", type_=Timestamp)
_BEARER = (
    sa.select(
        *(each for each in users.c if each is not users.c.password_hash),
        tokens.c.id.label("token_id"),
        tokens.c.last_used_at,
    )
    .join_from(tokens, users)
    .where(tokens.c.sha256 == sa.bindparam("sha256"), _LIVE)
)
_TOKEN = sa.select(*(each for each in tokens.c if each is not tokens.c.sha256)).where(
    tokens.c.user_id == sa.bindparam("user_id"), _LIVE
)
_BY_ID = _TOKEN.where(tokens.c.id == sa.bindparam("token_id"))
_OWN = NewestFirst(_TOKEN, tokens.c.created_at, tokens.c.id)
_UNCHANGED = (
    sa.select(users.c.id)
    .where(users.c.id == sa.bindparam("user_id"), users.c.password_hash == sa.bindparam("known_hash"))
    .with_for_update(read=True)
)
_GRANT = sa.insert(tokens).returning(tokens.c.id)
_SWEEP = sa.delete(tokens).where(~_LIVE)
_SWEEP_OWN = _SWEEP.where(tokens.c.user_id == sa.bindparam("user_id"))
_REVOKE = sa.delete(tokens).where(tokens.c.id == sa.bindparam("token_id"))
_REVOKE_ALL = sa.delete(tokens).where(
    tokens.c.user_id == sa.bindparam("user_id"), tokens.c.id.is_distinct_from(sa.bindparam("keep", type_=Id))
)
_UNNOTED = sa.select(tokens.c.id).where(
    tokens.c.id == sa.bindparam("token_id"),
    sa.or_(tokens.c.last_used_at.is_(None), tokens.c.last_used_at <= sa.bindparam("long_ago", type_=Timestamp)),
)
# Who else holds the row is noting the same, or ending the token.
_USE = sa.update(tokens).where(tokens.c.id.in_(_UNNOTED.with_for_update(skip_locked=True)))


def find_user(db: Connection, sha256: bytes) -> Row | None:
    """The user whose live token has that hash, with `token_id` and `last_used_at`; None if there is none."""
    return db.one_or_none(_BEARER, sha256=sha256, moment_asked=now())


def is_recently_touched(bearer: Row) -> bool:
    """Whether what is kept of the last use of the bearer's token is exact enough."""
    return bearer.last_used_at is not None and now() - bearer.last_used_at < MINUTE


def touch(db: Connection, token_id: int) -> None:
    """Remember that the token is used now, if that is not known to the minute."""
    moment = now()
    db.execute(_USE, token_id=token_id, long_ago=moment - MINUTE, last_used_at=moment)


def page(db: Connection, *, user_id: int, limit: int, cursor: str | None = None) -> Page:
    """A page of the user's live tokens, the latest first."""
    return _OWN.page(db, limit=limit, cursor=cursor, user_id=user_id, moment_asked=now())


def get(db: Connection, token_id: int, *, user_id: int) -> Row:
    """The user's live token; `NotFound` if they have none of that id."""
    return one(
        db,
        _BY_ID,
        f"You have no token {token_id}.",
        token_id=token_id,
        user_id=user_id,
        moment_asked=now(),
    )


def create(db: Connection, *, proven: Row, name: str, sha256: bytes, expires_at: datetime) -> Row:
    """A new token of the user with these credentials. Those of theirs that have expired are swept away.

    `Unauthenticated` if the user has been removed or the password changed since it was verified.
    """
    moment, user_id = now(), proven.id
    if not db.all(_UNCHANGED, user_id=user_id, known_hash=proven.password_hash):
        raise Unauthenticated("The user or their password has been changed meanwhile. Sign in again.")
    db.execute(_SWEEP_OWN, user_id=user_id, moment_asked=moment)
    values = {"user_id": user_id, "name": name, "sha256": sha256, "created_at": moment, "expires_at": expires_at}
    [granted] = db.all(_GRANT, **values)
    return get(db, granted.id, user_id=user_id)


def sweep(db: Connection) -> int:
    """Forget the tokens that have expired, and tell how many."""
    return db.execute(_SWEEP, moment_asked=now())


def revoke(db: Connection, token_id: int, *, user_id: int) -> None:
    """End the user's token at once; `NotFound` if they have none of that id."""
    get(db, token_id, user_id=user_id)
    db.execute(_REVOKE, token_id=token_id)


def revoke_all(db: Connection, *, user_id: int, keep: int | None = None) -> None:
    """End all tokens of the user, but for the one of the id `keep`."""
    db.execute(_REVOKE_ALL, user_id=user_id, keep=keep)
