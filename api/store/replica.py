"""A streaming replica of PostgreSQL, for reads that may be some seconds old."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial

import sqlalchemy as sa

from api.settings import BadSetting, Settings
from api.store.connections import Connection
from api.store.database import Database
from api.store.errors import NotFound, Unavailable

LAG = 3
"""Seconds that a replica which is asked may be behind."""
INTERVAL = 1
"""Seconds for which it is trusted to be near."""
PATIENCE = 2
"""Seconds to wait for it, because the primary can be asked instead."""
PAUSE = 5
"""Seconds for which a server is not asked that does not answer, or a replica that is behind."""

# Near is who has replayed all that has come, or something young; one that receives nothing does not know how old it is.
_IS_NEAR = sa.text(
    "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver)"
    " AND (pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn()"
    " OR pg_last_xact_replay_timestamp() > now() - make_interval(secs => :lag)) AS near"
).columns(near=sa.Boolean)

_logger = logging.getLogger(__name__)

Read = Callable[[], AbstractContextManager[Connection]]


class Elsewhere(Exception):
    """What was read is not the last word: read it again, on the connection that `read` opens."""

    def __init__(self, read: Read) -> None:
        self.read = read


class Replica:
    """Reads for which a replica is asked first while it is near the primary, or while the primary does not answer.

    It never has the last word on what does not exist. Making one connects to nothing.
    """

    def __init__(self, settings: Settings, primary: Database) -> None:
        if primary.embedded:
            raise BadSetting("PRESSROOM_REPLICA_URL is for PostgreSQL. Leave it out, or set PRESSROOM_DATABASE_URL.")
        self._primary = primary
        self._replica = Database(replace(settings, database_url=settings.replica_url), patience=PATIENCE)
        self._is_near = False
        self._judge_at = 0.0
        self._judging = threading.Lock()
        self._try_primary_at = 0.0

    def close(self) -> None:
        """Close the connections to the replica that nobody is using."""
        self._replica.close()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection to read on; `Elsewhere` if the block finds nothing there that another server may have."""
        if self._is_first():
            try:
                with self._replica.read() as db:
                    yield db
            except NotFound as refusal:
                raise Elsewhere(self._primary.read) from refusal
            except Unavailable as refusal:
                self._judged(near=False)
                raise Elsewhere(self._primary.read) from refusal
        else:
            try:
                with self._primary.read() as db:
                    yield db
            except Unavailable as refusal:
                self._try_primary_at = time.monotonic() + PAUSE
                raise Elsewhere(partial(self._read_old, refusal)) from refusal
            self._try_primary_at = 0.0

    @contextmanager
    def _read_old(self, refusal: Unavailable) -> Iterator[Connection]:
        """A connection to the replica however old it is; the primary's `refusal` if that does not help either."""
        try:
            with self._replica.read() as db:
                yield db
        except (NotFound, Unavailable):
            raise refusal from refusal.__cause__

    def _is_first(self) -> bool:
        if self._is_judged_near():
            return True
        moment = time.monotonic()
        if moment < self._try_primary_at:
            return True
        if self._try_primary_at:
            # It was not there: while one request tries it, others do not wait.
            self._try_primary_at = moment + PAUSE
        return False

    def _is_judged_near(self) -> bool:
        # While one request judges, others go to the primary: the replica may hang.
        if time.monotonic() >= self._judge_at and self._judging.acquire(blocking=False):
            try:
                self._is_near = False
                self._judged(near=self._judge())
            finally:
                self._judging.release()
        return self._is_near

    def _judged(self, *, near: bool) -> None:
        self._is_near = near
        self._judge_at = time.monotonic() + (INTERVAL if near else PAUSE)

    def _judge(self) -> bool:
        try:
            with self._replica.read() as db:
                [judged] = db.all(_IS_NEAR, lag=LAG)
        except Unavailable as refusal:
            _logger.warning("The replica does not answer; it is asked again in %s s (%s)", PAUSE, refusal.__cause__)
            return False
        if not judged.near:
            _logger.warning("The replica is more than %s s behind; it is asked again in %s s", LAG, PAUSE)
        return bool(judged.near)
