"""A streaming replica of PostgreSQL, for reads that may be some seconds old."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Literal, NamedTuple, get_args

import sqlalchemy as sa

from api import metrics
from api.settings import InvalidSetting, Settings
from api.store.engine.connections import Connection, Query
from api.store.engine.database import Database
from api.store.errors import NotFound, Unavailable

LAG = 3
"""Seconds that a replica which is asked may be behind."""
INTERVAL = 1
"""Seconds for which it is trusted to be near."""
PATIENCE = 2
"""Seconds to wait for it, because the primary can be asked instead."""
PAUSE = 5
"""Seconds for which a replica is not asked that does not answer or is behind."""


# Near is who has replayed all that has come, or something young; one that receives nothing does not know how old it is.
class _CaughtUp(NamedTuple):
    near: bool


_IS_NEAR = Query(
    _CaughtUp,
    sa.text(
        "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver)"
        " AND (pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn()"
        " OR pg_last_xact_replay_timestamp() > now() - make_interval(secs => :lag)) AS near"
    ).columns(near=sa.Boolean),
)

_logger = logging.getLogger(__name__)

Read = Callable[[], AbstractContextManager[Connection]]
Reason = Literal["", "checking", "lag", "unavailable", "not_found"]
"""Why the primary is read from; empty where the replica is."""


class RetryOnPrimary(Exception):
    """What was read is not the last word: read it again, on the connection that `read` opens."""

    def __init__(self, read: Read) -> None:
        self.read = read


class Replica:
    """Reads for which a replica is asked first while it is near the primary, and else if that does not answer.

    It never has the last word on what does not exist. Making one connects to nothing.
    """

    def __init__(self, settings: Settings, primary: Database) -> None:
        if primary.is_sqlite:
            raise InvalidSetting(
                "PRESSROOM_REPLICA_URL is for PostgreSQL. Leave it out, or set PRESSROOM_DATABASE_URL."
            )
        self._primary = primary
        url = replace(settings, database_url=settings.replica_url)
        # Should it hang, the other half of the threads serves what needs the primary, or no database.
        self._replica = Database(url, patience=PATIENCE, connections=max(1, settings.threads // 2))
        # All of them now: Prometheus sees no increase in a series that begins with its first read.
        by = metrics.REPLICA_READS.labels
        self._reads = {reason: by("primary" if reason else "replica", reason) for reason in get_args(Reason)}
        self._doubt: Reason = "checking"
        self._judge_at = 0.0
        self._judging = threading.Lock()

    def close(self) -> None:
        """Close the connections to the replica that nobody is using."""
        self._replica.close()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection to read on; `RetryOnPrimary` if the block finds nothing there that another server may have."""
        if not (reason := self._judgement()):
            try:
                with self._replica.read() as db:
                    yield db
            except NotFound as refusal:
                raise RetryOnPrimary(partial(self._read_primary, "not_found")) from refusal
            except Unavailable as refusal:
                self._judged("unavailable")
                raise RetryOnPrimary(partial(self._read_primary, "unavailable")) from refusal
            self._reads[""].inc()
        else:
            try:
                with self._read_primary(reason) as db:
                    yield db
            except Unavailable as refusal:
                raise RetryOnPrimary(partial(self._read_old, refusal)) from refusal

    @contextmanager
    def _read_primary(self, reason: Reason) -> Iterator[Connection]:
        """A connection to the primary, whose word is an answer also if it is that there is nothing."""
        try:
            with self._primary.read() as db:
                yield db
        except NotFound:
            self._reads[reason].inc()
            raise
        self._reads[reason].inc()

    @contextmanager
    def _read_old(self, refusal: Unavailable) -> Iterator[Connection]:
        """A connection to the replica however old it is; the primary's `refusal` if that does not help either."""
        try:
            with self._replica.read() as db:
                yield db
        except (NotFound, Unavailable):
            raise refusal from refusal.__cause__
        self._reads[""].inc()

    def _judgement(self) -> Reason:
        # While one request judges, others go by the last judgement: neither server is to get all for that time.
        if time.monotonic() >= self._judge_at and self._judging.acquire(blocking=False):
            try:
                self._judged(self._judge())
            finally:
                self._judging.release()
        return self._doubt

    def _judged(self, doubt: Reason) -> None:
        self._doubt = doubt
        self._judge_at = time.monotonic() + (PAUSE if doubt else INTERVAL)

    def _judge(self) -> Reason:
        try:
            with self._replica.read() as db:
                [judged] = db.all(_IS_NEAR, lag=LAG)
        except Unavailable as refusal:
            _logger.warning("The replica does not answer; it is asked again in %s s (%s)", PAUSE, refusal.__cause__)
            return "unavailable"
        if judged.near:
            return ""
        _logger.warning("The replica is more than %s s behind; it is asked again in %s s", LAG, PAUSE)
        return "lag"
