"""Which token a client gets after a page of a change feed, and whether one is still valid."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from api import constraints
from api.store.change_entries import CHANGED
from api.store.change_state import State
from api.store.change_statements import AnyRow
from api.store.columns import START_OF_TIME
from api.store.errors import SyncTokenExpired
from api.sync_tokens import EPOCH_LENGTH, SyncToken

HOUR = timedelta(hours=1)
"""Tokens have the hour in which they were issued, so that responses without changes are the same, and 304."""
LIFETIME = timedelta(days=constraints.SINCE_DAYS) + HOUR
START = SyncToken("walk", bytes(EPOCH_LENGTH), START_OF_TIME, 0, 0, 0, START_OF_TIME, 0)
ID_AFTER_ALL = constraints.ID_MAX


def identify(epoch: str) -> bytes:
    """Return what tokens have of the name of an epoch."""
    return hashlib.sha256(epoch.encode()).digest()[:EPOCH_LENGTH]


def check(token: SyncToken, state: State, at: datetime) -> None:
    """Raise `SyncTokenExpired` if the token is of another database, or if changes after it may be missing."""
    read_until = token.position, ID_AFTER_ALL if token.phase == "walk" else token.id
    if (
        state.epoch_of_token is None
        or identify(state.epoch_of_token) != token.epoch
        or token.seen >= state.end_position
        or read_until < (state.swept_position, state.swept_id)
        or at - token.issued_at > LIFETIME
    ):
        raise SyncTokenExpired(
            "The token is too old, or of another database. Start again without `since`, and with an empty copy."
        )


def after_walk(token: SyncToken, entries: Sequence[AnyRow], *, is_cut: bool) -> SyncToken:
    """Return the token after a page of the walk."""
    if is_cut:
        return token._replace(id=entries[-1].entry_id)
    return token._replace(phase="delta", id=ID_AFTER_ALL, time_id=ID_AFTER_ALL)


def after(token: SyncToken, entries: Sequence[AnyRow]) -> SyncToken:
    """Return the token after a page of changes: it moves to what has been read, not to what cannot come anymore.

    PostgreSQL may assign the ids of transactions that were rolled back again after a crash.
    """
    for entry in entries:
        if entry.stream == CHANGED:
            token = token._replace(position=entry.position, id=entry.entry_id)
        else:
            token = token._replace(time=entry.time, time_id=entry.entry_id)
    return token
