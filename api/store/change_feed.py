"""Change feeds: what has changed since a client read last, in the order in which it became visible.

A first walk reads all rows by id. Then a client reads two streams: rows by their `change_position`, and posts by the
time at which they become public, because nothing is written then. What changes while it reads comes again.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from api import constraints, metrics
from api.store import change_statements as statements
from api.store.change_entries import Source
from api.store.change_state import State
from api.store.change_statements import FIELDS, AnyRow, RowType
from api.store.change_tokens import HOUR, ID_AFTER_ALL, START, after, after_walk, check, identify
from api.store.columns import START_OF_TIME, now
from api.store.engine.connections import Connection, Select
from api.store.pages import until_full
from api.sync_tokens import SyncToken

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
        expand: Callable[[Any], tuple[object, int]] = lambda row: (row, 0),
    ) -> None:
        """`change` makes a change of the key, the time and the row, which is None if it is no longer public.

        With `characters`, which counts those of a row's large columns, a page has at most `PAGE_MAX_BYTES`. `expand`
        adds to a public row, and returns how many of these bytes it takes then.
        """
        self._expand = expand
        self._change = change
        self._row_type = row_type
        self._walk = statements.walk(source, row_type, columns)
        self._delta = statements.delta(source, row_type, columns)
        self._first_of_delta = statements.first_of_delta(source)
        self._is_scheduled = source.scheduled
        self._until_full = partial(until_full, characters) if characters else None

    def page(self, db: Connection, *, since: SyncToken | None, limit: int, at: datetime | None) -> ChangesPage[Change]:
        """Return at most `limit` changes after `since`, or the first page of the walk if None.

        `SyncTokenExpired` if changes may be missing after `since`. `at` is the current time.
        """
        at = at or now()
        token = since or START
        if token.time > at:
            # The clock was set back: what has become public comes again.
            token = token._replace(time=at, time_id=ID_AFTER_ALL)
        entries, is_cut = self._read(db, token, limit, at)
        state = State._make(entries[0][: len(State._fields)])
        if state.horizon is not None:
            metrics.CHANGES_HORIZON.observe(state.horizon, end=state.end_position)
        if since:
            check(since, state, at)
        public_until = entries[0].public_until or START_OF_TIME
        if entries[0].entry_id is None:
            entries = []
        issued_at = at.replace(minute=0, second=0, microsecond=0)
        issued = token._replace(epoch=identify(state.epoch), issued_at=issued_at, seen=state.end_position - 1)
        if since is None:
            # What has been swept may be above the last position: of changed rows, only the new positions are left.
            issued = issued._replace(position=max(state.last_position, state.swept_position), time=public_until)
        changes, taken = self._changes(entries, at, walks=token.phase == "walk")
        is_cut = is_cut or taken < len(entries)
        entries = entries[:taken]
        if token.phase == "walk":
            return ChangesPage(changes, after_walk(issued, entries, is_cut=is_cut), has_more=True)
        if since and not changes and not is_cut and at - since.issued_at < 2 * HOUR:
            return ChangesPage(changes, since, has_more=False)
        return ChangesPage(changes, after(issued, entries), has_more=is_cut)

    def end(self, db: Connection) -> SyncToken:
        """Return the token of a client that has read everything: that after the walk, which is not read for it."""
        return after_walk(self.page(db, since=None, limit=1, at=None).next_since, [], is_cut=False)

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
        # Most polls find nothing, and then need no rows.
        if query is self._delta and (first := db.all(self._first_of_delta, **parameters))[0].entry_id is None:
            return first, False
        fitting = limit
        if self._until_full:
            rows, fitting = db.read(self._until_full, query, **parameters)
        else:
            rows = db.all(query, **parameters)
        taken = rows[: min(limit, fitting)]
        return taken, len(taken) < len(rows)

    def _changes(self, entries: Sequence[AnyRow], at: datetime, *, walks: bool) -> tuple[list[Change], int]:
        """Return a change for each key, the newest state of the row; and of how many entries, until a page is full.

        In the walk, only rows that are public are changes.
        """
        changes, free = dict[object, Change](), constraints.PAGE_MAX_BYTES
        for index, entry in enumerate(entries):
            if entry.key in changes:
                continue
            changed_at = entry.updated_at
            if self._is_scheduled and changed_at:
                changed_at = entry.published_at and entry.published_at <= at and max(changed_at, entry.published_at)
            if changed_at:
                row, size = self._expand(self._row_type._make(entry[len(FIELDS) :]))  # type: ignore[attr-defined] # it is a NamedTuple
                free -= size
                if free < 0 and changes:
                    return [*changes.values()], index
                changes[entry.key] = self._change(entry.key, changed_at, row)
            elif entry.withdrawn_at and not walks:
                changes[entry.key] = self._change(entry.key, entry.withdrawn_at, None)
        return [*changes.values()], len(entries)
