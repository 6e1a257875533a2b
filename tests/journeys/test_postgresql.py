"""PostgreSQL goes, hangs and fails over under gunicorn and its clients: what is acknowledged stays, the rest is 503.

`.venv/bin/pytest tests/journeys/test_postgresql.py --log-cli-level=INFO` tells how long it took.
"""

import json
import logging
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path

import pytest

from tests.journeys.conftest import Server, sign_up
from tests.postgresql import Cluster

pytestmark = pytest.mark.heavy

_logger = logging.getLogger(__name__)


class Load:
    """Clients that read and publish without a pause, each on a connection of its own, and what they are answered."""

    def __init__(self, server: Server) -> None:
        self._port = server.port
        self._headers = sign_up(server) | {"Content-Type": "application/json"}
        self._stopped = threading.Event()
        self.published: list[tuple[float, int]] = []
        self.statuses: dict[str, Counter[int]] = {"GET": Counter(), "POST": Counter()}

    @contextmanager
    def going(self) -> Iterator["Load"]:
        """While the block runs: four clients publish, two read what the first has published."""
        threads = [threading.Thread(target=self._ask, args=(method,)) for method in ["POST"] * 4 + ["GET"] * 2]
        threads[0].start()
        self.go_on()
        for thread in threads[1:]:
            thread.start()
        try:
            self.go_on()
            yield self
            self.go_on()
        finally:
            self._stopped.set()
            for thread in threads:
                thread.join()

    def go_on(self) -> None:
        """Wait until fifty more posts are published."""
        wanted, deadline = len(self.published) + 50, time.monotonic() + 60
        while len(self.published) < wanted:
            assert time.monotonic() < deadline, self.statuses
            time.sleep(0.02)

    def _ask(self, method: str) -> None:
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            while not self._stopped.is_set():
                if method == "GET":
                    connection.request("GET", "/posts/1")
                else:
                    connection.request("POST", "/posts", '{"title": "t", "body": "b"}', self._headers)
                answer = connection.getresponse()
                content = json.loads(answer.read())
                self.statuses[method][answer.status] += 1
                if answer.status == 201:
                    self.published.append((time.monotonic(), content["id"]))
                if answer.status == 503:
                    assert answer.headers["Retry-After"] == "1"
                    time.sleep(0.05)

    def outage(self) -> float:
        """The longest time in which nothing was published, in seconds."""
        moments = [moment for moment, _ in self.published]
        return max(later - earlier for earlier, later in pairwise(moments))

    def lost(self, cluster: Cluster) -> set[int]:
        """What was acknowledged and is not there."""
        kept = {number for (number,) in cluster.query("SELECT id FROM posts", "pressroom")}
        return {number for _, number in self.published} - kept

    def tell(self, fault: str) -> None:
        _logger.info("%s: answers %s, nothing published for %.2f s", fault, self.statuses, self.outage())


def restart(cluster: Cluster) -> None:
    cluster.stop()
    cluster.start()


def kill_postmaster(cluster: Cluster) -> None:
    os.kill(cluster.pid, signal.SIGKILL)
    cluster.start()


def kill_backend(cluster: Cluster) -> None:
    """PostgreSQL then restarts all others, too, and recovers."""
    [(pid,), *_] = cluster.query("SELECT pid FROM pg_stat_activity WHERE datname = 'pressroom'")
    os.kill(pid, signal.SIGKILL)


def end_backends(cluster: Cluster) -> None:
    cluster.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'pressroom'")


def hold(cluster: Cluster) -> None:
    cluster.hold()
    time.sleep(14)
    cluster.release()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster.made(tmp_path / "primary") as cluster:
        yield cluster


@pytest.mark.parametrize("fault", [restart, kill_postmaster, kill_backend, end_backends, hold])
def test_whatever_happens_to_the_server_clients_see_503_at_most(
    serve: Callable[..., Server], cluster: Cluster, fault: Callable[[Cluster], None]
) -> None:
    server = serve(PRESSROOM_DATABASE_URL=cluster.url(), PRESSROOM_RATE_LIMITS="off")
    with Load(server).going() as load:
        fault(cluster)
    load.tell(fault.__name__)
    assert load.statuses["GET"].keys() <= {200, 503}
    assert load.statuses["POST"].keys() <= {201, 503}
    assert load.lost(cluster) == set()
    assert load.outage() < 20


def test_a_replica_takes_over(serve: Callable[..., Server], cluster: Cluster, tmp_path: Path) -> None:
    with cluster.replica(tmp_path / "replica") as replica:
        cluster.query("ALTER SYSTEM SET synchronous_standby_names = '*'")
        cluster.query("SELECT pg_reload_conf()")
        hosts = f"host=127.0.0.1:{cluster.port}&host=127.0.0.1:{replica.port}"
        server = serve(
            PRESSROOM_DATABASE_URL=f"postgresql+psycopg://postgres@/pressroom?{hosts}&target_session_attrs=read-write",
            PRESSROOM_REPLICA_URL=f"postgresql+psycopg://postgres@/pressroom?{hosts}&target_session_attrs=prefer-standby",
            PRESSROOM_RATE_LIMITS="off",
        )
        with Load(server).going() as load:
            replica.catch_up(cluster)
            cluster.kill()
            time.sleep(0.5)
            replica.promote()
        load.tell("failover")
        assert load.statuses["GET"].keys() == {200}
        assert load.statuses["POST"].keys() <= {201, 503}
        assert load.lost(replica) == set()
        assert load.outage() < 5
