"""PostgreSQL ends connections, crashes, or is started anew: who asks meanwhile is told to come back."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.accounts import under_load
from tests.faults.load import CLIENTS, LIVE
from tests.support.postgresql import Cluster
from tests.support.servers import Server

pytestmark = pytest.mark.heavy

CROWD = 32
"""Twice as many as there are threads."""
OURS = "FROM pg_stat_activity WHERE datname = 'pressroom'"


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster.create(tmp_path / "primary") as cluster:
        yield cluster


@pytest.fixture
def replica(primary: Cluster, tmp_path: Path) -> Iterator[Cluster]:
    with primary.replica(tmp_path / "replica") as cluster:
        yield cluster


def test_connections_that_are_ended_cost_at_most_a_request_of_each_client(
    start: Callable[..., Server], primary: Cluster
) -> None:
    server = start(PRESSROOM_DATABASE_URL=primary.url())
    with under_load("every connection ended by PostgreSQL", server) as load:
        primary.query(f"SELECT pg_terminate_backend(pid) {OURS}")
    assert load.failed().keys() <= {503}
    assert load.failed().total() <= CLIENTS


def test_while_postgresql_is_stopped_requests_are_answered_by_503(
    start: Callable[..., Server], primary: Cluster
) -> None:
    server = start(PRESSROOM_DATABASE_URL=primary.url())
    with under_load("PostgreSQL stopped for a second", server) as load:
        primary.stop()
        time.sleep(1)
        primary.start()
    assert load.failed().keys() == {503}


def test_while_postgresql_recovers_from_a_crash_requests_are_answered_by_503(
    start: Callable[..., Server], primary: Cluster
) -> None:
    server = start(PRESSROOM_DATABASE_URL=primary.url())
    with under_load("backend of PostgreSQL killed", server) as load:
        [(backend,)] = primary.query(f"SELECT pid {OURS} LIMIT 1")
        os.kill(backend, signal.SIGKILL)
    assert load.failed().keys() == {503}


def test_while_postgresql_is_gone_requests_are_answered_by_503(start: Callable[..., Server], primary: Cluster) -> None:
    """Its backends end when they see that it has; until then it does not start again."""
    server = start(PRESSROOM_DATABASE_URL=primary.url())
    with under_load("postmaster of PostgreSQL killed", server) as load:
        os.kill(primary.pid, signal.SIGKILL)
        primary.start()
    assert load.failed().keys() == {503}


def test_while_postgresql_hangs_nobody_waits_for_ever(start: Callable[..., Server], primary: Cluster) -> None:
    server = start(PRESSROOM_DATABASE_URL=primary.url())
    with under_load("PostgreSQL hanging for 14 s", server, crowd=CROWD) as load:
        primary.suspend()
        time.sleep(14)
        primary.resume()
    assert load.failed().keys() == {503}
    assert load.slowest() < 13
    # Who needs no database waits until those who do are refused.
    assert load.gap(LIVE) < 3


def test_while_a_primary_hangs_a_replica_answers_strangers(
    start: Callable[..., Server], primary: Cluster, replica: Cluster
) -> None:
    replica.query("ALTER SYSTEM SET wal_receiver_timeout = '2s'")
    replica.query("SELECT pg_reload_conf()")
    server = start(PRESSROOM_DATABASE_URL=primary.url(), PRESSROOM_REPLICA_URL=replica.url())
    with under_load("primary hanging for 14 s, with a replica", server, crowd=CROWD) as load:
        primary.suspend()
        time.sleep(14)
        primary.resume()
    assert load.failed().keys() == {503}
    assert load.gap("GET") < 3
    assert load.gap(LIVE) < 3


def test_no_request_fails_when_a_replica_falls_behind(
    start: Callable[..., Server], primary: Cluster, replica: Cluster
) -> None:
    server = start(PRESSROOM_DATABASE_URL=primary.url(), PRESSROOM_REPLICA_URL=replica.url())
    with under_load("replica 5 s behind", server) as load:
        replica.query("SELECT pg_wal_replay_pause()")
        time.sleep(5)
        replica.query("SELECT pg_wal_replay_resume()")
    assert not load.failed()


def test_no_request_fails_when_a_replica_is_killed(
    start: Callable[..., Server], primary: Cluster, replica: Cluster
) -> None:
    server = start(PRESSROOM_DATABASE_URL=primary.url(), PRESSROOM_REPLICA_URL=replica.url())
    with under_load("replica killed", server) as load:
        replica.kill()
    assert not load.failed()


def test_while_a_replica_hangs_half_of_the_threads_go_on_and_no_request_fails(
    start: Callable[..., Server], primary: Cluster, replica: Cluster
) -> None:
    server = start(PRESSROOM_DATABASE_URL=primary.url(), PRESSROOM_REPLICA_URL=replica.url())
    with under_load("replica hanging for 14 s", server, crowd=CROWD) as load:
        replica.suspend()
        time.sleep(14)
        replica.resume()
    assert not load.failed()
    assert 4.5 < load.slowest() < 7
    # In each of two workers: who reads there, with half of its threads, and who judges it again after 5 s, and 5 more.
    assert sum(request.ended - request.began > 2.5 for request in load.requests) <= 8
    assert load.gap("GET") < 3
    assert load.gap(LIVE) < 3


def test_nothing_acknowledged_is_lost_when_a_synchronous_replica_takes_over(
    start: Callable[..., Server], primary: Cluster, replica: Cluster
) -> None:
    primary.query("ALTER SYSTEM SET synchronous_standby_names = '*'")
    primary.query("SELECT pg_reload_conf()")
    hosts = f"host=127.0.0.1:{primary.port}&host=127.0.0.1:{replica.port}&target_session_attrs=read-write"
    server = start(PRESSROOM_DATABASE_URL=f"postgresql+psycopg://postgres@/pressroom?{hosts}")
    with under_load("primary killed, synchronous replica promoted after 0.5 s", server) as load:
        primary.kill()
        time.sleep(0.5)
        replica.promote()
    assert load.failed().keys() == {503}
