"""Bearer tokens, as they are kept: by their SHA-256, so that reading the database lets nobody in."""

from datetime import datetime

import sqlalchemy as sa

from api import limits
from api.store.errors import SignedOut
from api.store.pages import NewestFirst, Page
from api.store.sql import FOREIGN_KEY, Connection, Id, Row, Timestamp, metadata, now, one, refusing
from api.store.users import users

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("name", sa.String(limits.TOKEN_NAME), nullable=False),
    sa.Column("sha256", sa.LargeBinary(32), nullable=False, unique=True),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("expires_at", Timestamp, nullable=False),
    sa.Index(None, "user_id", "created_at", "id"),
    # An id must not come back with another meaning.
    sqlite_autoincrement=True,
)

_LIVE = tokens.c.expires_at > sa.bindparam("moment_asked", type_=Timestamp)
_BEARER = (
    sa.select(*(each for each in users.c if each is not users.c.password_hash))
    .join_from(tokens, users)
    .where(tokens.c.sha256 == sa.bindparam("sha256"), _LIVE)
)
_TOKEN = sa.select(tokens.c.id, tokens.c.name, tokens.c.created_at, tokens.c.expires_at).where(
    tokens.c.user_id == sa.bindparam("user_id"), _LIVE
)
_BY_ID = _TOKEN.where(tokens.c.id == sa.bindparam("token_id"))
_OWN = NewestFirst(_TOKEN, tokens.c.created_at, tokens.c.id)
_GRANT = sa.insert(tokens).returning(tokens.c.id)
_SWEEP = sa.delete(tokens).where(tokens.c.user_id == sa.bindparam("user_id"), ~_LIVE)
_REVOKE = sa.delete(tokens).where(tokens.c.id == sa.bindparam("token_id"))


def bearer(db: Connection, sha256: bytes) -> Row | None:
    """The user whose live token has that hash; None if there is none."""
    return db.execute(_BEARER, {"sha256": sha256, "moment_asked": now()}).one_or_none()


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


def grant(db: Connection, *, user_id: int, name: str, sha256: bytes, expires_at: datetime) -> Row:
    """A new token of the user. Those of theirs that have expired are swept away. `SignedOut` if they are gone."""
    moment = now()
    db.execute(_SWEEP, {"user_id": user_id, "moment_asked": moment})
    values = {"user_id": user_id, "name": name, "sha256": sha256, "created_at": moment, "expires_at": expires_at}
    with refusing(FOREIGN_KEY, SignedOut("The user has been removed. Register anew.")):
        identity = db.execute(_GRANT, values).scalar_one()
    return get(db, identity, user_id=user_id)


def revoke(db: Connection, token_id: int, *, user_id: int) -> None:
    """End the user's token at once; `NotFound` if they have none of that id."""
    get(db, token_id, user_id=user_id)
    db.execute(_REVOKE, {"token_id": token_id})
