"""What the peers share and no framework brings: where the rows are, and the form of cursors."""

import os
from datetime import UTC, datetime, timedelta

DATABASE = os.environ["BENCH_DATABASE"]
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000")
TAG = r"^[a-z0-9][a-z0-9-]{0,48}\Z"
END = datetime.max.replace(tzinfo=UTC)
"""The moment of publication that drafts are kept with."""
MAX_ID = 2**53 - 1

_EPOCH = datetime.min.replace(tzinfo=UTC)


def cursor(moment: datetime, identity: int) -> str:
    """A position in the list: microseconds since the year 1, and the id."""
    return f"{(moment - _EPOCH) // timedelta(microseconds=1):016x}{identity:016x}"


def position(text: str | None) -> tuple[datetime, int]:
    """The moment and id of a cursor, the start of what is public without one; `ValueError` if it is none."""
    start = datetime.now(UTC), MAX_ID
    if text is None:
        return start
    if len(text) != 32:
        raise ValueError(text)
    return min(start, (_EPOCH + timedelta(microseconds=int(text[:16], 16)), int(text[16:], 16)))


def link(next_cursor: str) -> str:
    """The value of `Link` for the next page."""
    return f'</posts?expand=body&cursor={next_cursor}>; rel="next"'
