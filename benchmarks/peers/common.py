"""Shared by all peers: the database, and the format of cursors."""

import os
from datetime import UTC, datetime, timedelta

DATABASE = os.environ["BENCH_DATABASE"]
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000")
TAG = r"^[a-z0-9][a-z0-9-]{0,48}\Z"
END = datetime.max.replace(tzinfo=UTC)
"""The `published_at` that is stored for drafts."""
SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*\Z"
METADATA_NAME = r"^[a-z][a-z0-9_]{0,39}\Z"
MAX_ID = 2**53 - 1

_EPOCH = datetime.min.replace(tzinfo=UTC)


def cursor(published_at: datetime, post_id: int) -> str:
    """Return the position of a post in the list: microseconds since the year 1, and the id."""
    return f"{(published_at - _EPOCH) // timedelta(microseconds=1):016x}{post_id:016x}"


def position(text: str | None) -> tuple[datetime, int]:
    """Return the timestamp and id of a cursor, or where the list starts without one; `ValueError` if it is invalid."""
    start = datetime.now(UTC), MAX_ID
    if text is None:
        return start
    if len(text) != 32:
        raise ValueError(text)
    return min(start, (_EPOCH + timedelta(microseconds=int(text[:16], 16)), int(text[16:], 16)))


def link(next_cursor: str) -> str:
    """Return the `Link` header of the next page."""
    return f'</posts?expand=body&cursor={next_cursor}>; rel="next"'
