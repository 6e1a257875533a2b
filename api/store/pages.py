"""Pages of a list, newest first, by keyset: the last page costs what the first one does."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from api import constraints
from api.store.columns import END, START
from api.store.engine.connections import Connection, Row

_MICROSECOND = timedelta(microseconds=1)
_LAST = (END - START) // _MICROSECOND


class Page(NamedTuple):
    """Some rows of a list, and the cursor of the page behind them; None at the end."""

    rows: Sequence[Row]
    next_cursor: str | None


class NewestFirst:
    """A list in the order of a moment, then of an id, both falling."""

    def __init__(self, statement: sa.Select[Any], moment: sa.Column[datetime], identity: sa.Column[int]) -> None:
        self._moment = moment.key
        position = sa.tuple_(sa.bindparam("moment", type_=moment.type), sa.bindparam("identity", type_=identity.type))
        self._statement = (
            statement.where(sa.tuple_(moment, identity) < position)
            .order_by(moment.desc(), identity.desc())
            .limit(sa.bindparam("rows"))
        )

    def page(
        self, db: Connection, *, limit: int, cursor: str | None, until: datetime = END, **parameters: object
    ) -> Page:
        """At most `limit` rows behind `cursor` (None: from the start), none of them after `until`."""
        start = until, constraints.ID_MAX + 1
        moment, identity = min(start, _position(cursor)) if cursor else start
        rows = db.all(self._statement, moment=moment, identity=identity, rows=limit + 1, **parameters)
        if len(rows) <= limit:
            return Page(rows, None)
        last = rows[limit - 1]
        return Page(rows[:limit], _cursor(getattr(last, self._moment) or END, last.id))


def _cursor(moment: datetime, identity: int) -> str:
    """A position as text: microseconds since the year 1, then the id, in hexadecimal."""
    return f"{(moment - START) // _MICROSECOND:016x}{identity:016x}"


def _position(cursor: str) -> tuple[datetime, int]:
    """Any text of a cursor's form is a position, whether or not a row stands there."""
    moment, identity = int(cursor[:16], 16), int(cursor[16:], 16)
    return START + min(moment, _LAST) * _MICROSECOND, identity
