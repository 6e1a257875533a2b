"""Change feeds: what has changed since a client read last, in the order in which it became visible.

A first walk reads all rows by id. Then a client reads two streams: rows by their `change_position`, and posts by the
time at which they become public, because nothing is written then. What changes while it reads comes again.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from api import constraints, metrics
from api.store import change_statements as statements
from api.store.change_state import State
from api.store.change_statements import CHANGED, FIELDS, AnyRow, RowType, Source
from api.store.columns import START_OF_TIME, now
from api.store.engine.connections import Connection, Select
from api.store.errors import SyncTokenExpired
from api.store.pages import until_full
from api.sync_tokens import EPOCH_LENGTH, SyncToken

HOUR = timedelta(hours=1)
"""Tokens have the hour in which they were issued, so that responses without changes are the same, and 304."""
LIFETIME = timedelta(days=constraints.SINCE_DAYS) + HOUR
_START = SyncToken("walk", bytes(EPOCH_LENGTH), START_OF_TIME, 0, 0, 0, START_OF_TIME, 0)
_ID_AFTER_ALL = constraints.ID_MAX

Change = TypeVar("Change")


class ChangesPage(NamedTuple, Generic[Change]):
    """Changes, and the token of the next page; there are more now, or the client may wait."""

    changes: Sequence[Change]
    next_since: SyncToken
    has_more: bool


class ChangeFeed(Generic[Change]):
    """A feed of changes of one table."""

    def __init__(
        self,
        source: Source,
        change: Callable[[Any, datetime, Any], Change],
        row_type: RowType,
        columns: Select,
        *,
        characters: Callable[[AnyRow], int] | None = None,
    ) -> None:
        """`change` makes a change of the key, the time and the row, which is None if it is no longer public.

        With `characters`, which counts those of a row's large columns, a page has at most `PAGE_MAX_BYTES`.
        """
        self._change = change
        self._row_type = row_type
        self._walk = statements.walk(source, row_type, columns)
        self._delta = statements.delta(source, row_type, columns)
        self._is_scheduled = source.scheduled
        self._until_full = partial(until_full, characters) if characters else None

    def page(self, db: Connection, *, since: SyncToken | None, limit: int, at: datetime | None) -> ChangesPage[Change]:
        """Return at most `limit` changes after `since`, or the first page of the walk if None.

        `SyncTokenExpired` if changes may be missing after `since`. `at` is the current time.
        """
        at = at or now()
        token = since or _START
        if token.time > at:
            # The clock was set back: what has become public comes again.
            token = token._replace(time=at, time_id=_ID_AFTER_ALL)
        entries, is_cut = self._read(db, token, limit, at)
        state = State._make(entries[0][: len(State._fields)])
        if state.horizon is not None:
            metrics.CHANGES_HORIZON.observe(state.horizon, end=state.end_position)
        if since:
            _check(since, state, at)
        public_until = entries[0].public_until or START_OF_TIME
        if entries[0].entry_id is None:
            entries = []
        issued_at = at.replace(minute=0, second=0, microsecond=0)
        issued = token._replace(epoch=_identify(state.epoch), issued_at=issued_at, seen=state.end_position - 1)
        if since is None:
            # What has been swept may be above the last position: of changed rows, only the new positions are left.
            issued = issued._replace(position=max(state.last_position, state.swept_position), time=public_until)
        changes = [*self._changes(entries, at, walks=token.phase == "walk")]
        if token.phase == "walk":
            return ChangesPage(changes, _after_walk(issued, entries, is_cut=is_cut), has_more=True)
        if since and not changes and not is_cut and at - since.issued_at < 2 * HOUR:
            return ChangesPage(changes, since, has_more=False)
        return ChangesPage(changes, _after(issued, entries), has_more=is_cut)

    def _read(self, db: Connection, token: SyncToken, limit: int, at: datetime) -> tuple[list[AnyRow], bool]:
        """Return the entries, or a row without an entry, and whether there are more."""
        query = self._walk if token.phase == "walk" else self._delta
        parameters = {
            "token_seen": token.seen,
            "after_position": token.position,
            "after_id": token.id,
            "after_time": token.time,
            "after_time_id": token.time_id,
            "at": at,
            "entries_limit": limit + 1,
        }
        fitting = limit
        if self._until_full:
            rows, fitting = db.read(self._until_full, query, **parameters)
        else:
            rows = db.all(query, **parameters)
        taken = rows[: min(limit, fitting)]
        return taken, len(taken) < len(rows)

    def _changes(self, entries: Sequence[AnyRow], at: datetime, *, walks: bool) -> Iterator[Change]:
        """Yield one change for each key, the newest state of the row; in the walk, only of rows that are public."""
        seen = set()
        for entry in entries:
            if entry.key in seen:
                continue
            row = self._row_type._make(entry[len(FIELDS) :])  # type: ignore[attr-defined] # it is a NamedTuple
            changed_at = entry.updated_at
            if self._is_scheduled and changed_at:
                changed_at = entry.published_at and entry.published_at <= at and max(changed_at, entry.published_at)
            if changed_at:
                yield self._change(entry.key, changed_at, row)
            elif entry.withdrawn_at and not walks:
                yield self._change(entry.key, entry.withdrawn_at, None)
            else:
                continue
            seen.add(entry.key)


def _identify(epoch: str) -> bytes:
    return hashlib.sha256(epoch.encode()).digest()[:EPOCH_LENGTH]


def _check(token: SyncToken, state: State, at: datetime) -> None:
    """Raise `SyncTokenExpired` if the token is of another database, or if changes after it may be missing."""
    read_until = token.position, _ID_AFTER_ALL if token.phase == "walk" else token.id
    if (
        state.epoch_of_token is None
        or _identify(state.epoch_of_token) != token.epoch
        or token.seen >= state.end_position
        or read_until < (state.swept_position, state.swept_id)
        or at - token.issued_at > LIFETIME
    ):
        raise SyncTokenExpired(
            "The token is too old, or of another database. Start again without `since`, and with an empty copy."
        )


def _after_walk(token: SyncToken, entries: Sequence[AnyRow], *, is_cut: bool) -> SyncToken:
    """Return the token after a page of the walk."""
    if is_cut:
        return token._replace(id=entries[-1].entry_id)
    return token._replace(phase="delta", id=_ID_AFTER_ALL, time_id=_ID_AFTER_ALL)


def _after(token: SyncToken, entries: Sequence[AnyRow]) -> SyncToken:
    """Return the token after a page of changes: it moves to what has been read, not to what cannot come anymore.

    PostgreSQL may assign the ids of transactions that were rolled back again after a crash.
    """
    for entry in entries:
        if entry.stream == CHANGED:
            token = token._replace(position=entry.position, id=entry.entry_id)
        else:
            token = token._replace(time=entry.time, time_id=entry.entry_id)
    return token
