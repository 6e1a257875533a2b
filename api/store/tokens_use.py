"""The use of tokens: whom one authenticates, and when it was used last."""

from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from api.store.columns import Timestamp, now
from api.store.engine.connections import Connection, Query
from api.store.locks import lock_sign_ins
from api.store.tokens import NOT_EXPIRED, tokens
from api.store.users import USER_COLUMNS, users

LAST_USED_PRECISION = timedelta(minutes=1)
"""`last_used_at` is written at most this often."""


class TokenUser(NamedTuple):
    """A user authenticated by a token: `role` is the one that the token grants, `account_role` that of the user."""

    id: int
    username: str
    display_name: str
    bio: str
    role: str
    revision: str
    created_at: datetime
    updated_at: datetime
    suspended_at: datetime | None
    account_role: str
    token_id: int
    scope: str
    last_used_at: datetime | None


class _Id(NamedTuple):
    id: int


# An admin's token that can only read is that of a member: it may be in a preview or a build, which others can see.
_ROLE = sa.case((tokens.c.scope == sa.literal_column("'read'"), sa.literal_column("'member'")), else_=users.c.role)
_BY_HASH = (
    sa.select(
        *(_ROLE.label("role") if column is users.c.role else column for column in USER_COLUMNS),
        users.c.role.label("account_role"),
        tokens.c.id.label("token_id"),
        tokens.c.scope,
        tokens.c.last_used_at,
    )
    .join_from(tokens, users)
    .where(tokens.c.sha256 == sa.bindparam("sha256"), NOT_EXPIRED, users.c.suspended_at.is_(None))
)
_USER_BY_HASH = Query(TokenUser, _BY_HASH)
# FOR KEY SHARE: writes with the same token do not wait for each other, and a revocation waits for them. The user's row
# is not locked, because clients that each hold it in share mode would deadlock when they update it.
_USER_BY_HASH_FOR_KEY_SHARE = Query(TokenUser, _BY_HASH.with_for_update(of=tokens, read=True, key_share=True))
_LOCK_ALL_OF_USER = Query(
    _Id, sa.select(tokens.c.id).where(tokens.c.user_id == sa.bindparam("user_id")).with_for_update()
)
_NOT_RECENTLY_TOUCHED = sa.select(tokens.c.id).where(
    tokens.c.id == sa.bindparam("token_id"),
    sa.or_(tokens.c.last_used_at.is_(None), tokens.c.last_used_at <= sa.bindparam("touched_before", type_=Timestamp)),
)
# Another transaction that holds the row is touching it, too, or revoking the token. FOR NO KEY UPDATE, because those
# that only use the token hold it FOR KEY SHARE.
_TOUCHED_AT = sa.bindparam("touched_at", type_=Timestamp)
_TOUCH = (
    sa.update(tokens)
    .where(tokens.c.id.in_(_NOT_RECENTLY_TOUCHED.with_for_update(skip_locked=True, key_share=True)))
    # The clock may have been set back since the token was created.
    .values(last_used_at=sa.case((tokens.c.created_at > _TOUCHED_AT, tokens.c.created_at), else_=_TOUCHED_AT))
)


def find_user(db: Connection, sha256: bytes) -> TokenUser | None:
    """Return the user of the unexpired token with that hash; None if there is none."""
    return db.one_or_none(_USER_BY_HASH, sha256=sha256, at=now())


def lock_and_find_user(db: Connection, sha256: bytes) -> TokenUser | None:
    """Return the same, with the token locked: it cannot be revoked until the transaction ends."""
    return db.one_or_none(_USER_BY_HASH_FOR_KEY_SHARE, sha256=sha256, at=now())


def wait_until_unused(db: Connection, *, user_id: int) -> None:
    """Wait until the transactions that have authenticated by a token of the user have ended.

    Call it after the transaction that changes what the user may do: those that began before may still commit. Until the
    transaction of `db` ends, the user cannot sign in.
    """
    lock_sign_ins(db, user_id)
    db.all(_LOCK_ALL_OF_USER, user_id=user_id)


def is_recently_touched(user: TokenUser) -> bool:
    """Return whether the stored `last_used_at` is precise enough."""
    return user.last_used_at is not None and now() - user.last_used_at < LAST_USED_PRECISION


def touch(db: Connection, token_id: int) -> None:
    """Set `last_used_at` to now, if it is older than `LAST_USED_PRECISION`."""
    timestamp = now()
    db.execute(_TOUCH, token_id=token_id, touched_before=timestamp - LAST_USED_PRECISION, touched_at=timestamp)
