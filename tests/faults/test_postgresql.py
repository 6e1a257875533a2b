"""PostgreSQL terminates connections, crashes, restarts or hangs: requests fail with 503 and `Retry-After` only."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.accounting import under_load
from tests.faults.load_generator import CLIENTS, LIVENESS
from tests.support.postgresql import Cluster
from tests.support.servers import Server, worker_pids
from tests.support.waiting import wait_until

pytestmark = pytest.mark.heavy

EXTRA_READERS = 32
"""Twice as many as there are threads."""
PRESSROOM_SESSIONS = "FROM pg_stat_activity WHERE datname = 'pressroom'"

# A sequence counts the commits, because it is not rolled back. No 19 others happen in the at most 50 ms after which a
# request is run again.
FAIL_COMMITS = """CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE number bigint := nextval('commits');
BEGIN
    IF number % 20 = 0 THEN
        RAISE EXCEPTION 'planned' USING ERRCODE = CASE WHEN number % 40 = 0 THEN '40001' ELSE '40P01' END;
    END IF;
    RETURN NULL;
END $$"""
FAIL_AT_COMMIT = """CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON posts DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION fail()"""


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster.create(tmp_path / "primary") as cluster:
        yield cluster


@pytest.fixture
def replica(primary: Cluster, tmp_path: Path) -> Iterator[Cluster]:
    with primary.replica(tmp_path / "replica") as cluster:
        yield cluster


def test_connections_terminated_by_postgresql_fail_at_most_one_request_per_client(
    serve: Callable[..., Server], primary: Cluster
) -> None:
    server = serve(PRESSROOM_DATABASE_URL=primary.url())
    with under_load("every connection terminated by PostgreSQL", server) as load:
        primary.query(f"SELECT pg_terminate_backend(pid) {PRESSROOM_SESSIONS}")
    assert load.failures().keys() <= {503}
    assert load.failures().total() <= CLIENTS


def test_no_request_fails_while_postgresql_rolls_back_every_twentieth_commit(
    serve: Callable[..., Server], primary: Cluster
) -> None:
    """Half of the failures are serialization failures, the other half deadlocks."""
    primary.query("CREATE SEQUENCE commits", "pressroom")
    primary.query(FAIL_COMMITS, "pressroom")
    server = serve(PRESSROOM_DATABASE_URL=primary.url())
    with under_load("every 20th commit rolled back by PostgreSQL", server) as load:
        primary.query(FAIL_AT_COMMIT, "pressroom")
    [(commits,)] = primary.query("SELECT last_value FROM commits", "pressroom")
    assert commits >= 20
    assert server.log.read_text().count("A transaction was rolled back, and is run again") >= commits // 20
    assert not load.failures()


def test_requests_get_503_while_postgresql_is_stopped(serve: Callable[..., Server], primary: Cluster) -> None:
    server = serve(PRESSROOM_DATABASE_URL=primary.url())
    with under_load("PostgreSQL stopped for 1 s", server) as load:
        primary.stop()
        time.sleep(1)
        primary.start()
    assert load.failures().keys() == {503}


def test_requests_get_503_while_postgresql_recovers_from_a_crash(
    serve: Callable[..., Server], primary: Cluster
) -> None:
    server = serve(PRESSROOM_DATABASE_URL=primary.url())
    with under_load("PostgreSQL backend killed", server) as load:
        [(backend,)] = primary.query(f"SELECT pid {PRESSROOM_SESSIONS} LIMIT 1")
        os.kill(backend, signal.SIGKILL)
    assert load.failures().keys() == {503}


def test_requests_get_503_while_the_postmaster_is_down(serve: Callable[..., Server], primary: Cluster) -> None:
    """A new postmaster starts only when the old one's backends have noticed its end and have exited."""
    server = serve(PRESSROOM_DATABASE_URL=primary.url())
    with under_load("PostgreSQL postmaster killed", server) as load:
        os.kill(primary.pid, signal.SIGKILL)
        primary.start()
    assert load.failures().keys() == {503}


@pytest.mark.alone
def test_requests_get_503_in_time_while_postgresql_hangs(serve: Callable[..., Server], primary: Cluster) -> None:
    server = serve(PRESSROOM_DATABASE_URL=primary.url())
    with under_load("PostgreSQL hanging for 14 s", server, extra_readers=EXTRA_READERS) as load:
        primary.suspend()
        time.sleep(14)
        primary.resume()
    assert load.failures().keys() == {503}
    assert load.slowest() < 13
    # Requests that need no database wait at most until the circuit breaker opens, after a second.
    assert load.longest_gap(LIVENESS) < 3


def test_requests_that_fail_while_postgresql_hangs_restart_no_worker(
    serve: Callable[..., Server], primary: Cluster
) -> None:
    """It would wait for those that hang, and serve no other client in that time."""
    server = serve(
        WEB_CONCURRENCY="1",
        PRESSROOM_DATABASE_URL=primary.url(),
        PRESSROOM_MAX_REQUESTS="100",
        PRESSROOM_MAX_REQUESTS_JITTER="0",
    )
    [worker] = worker_pids(server)
    with ThreadPoolExecutor(8) as clients:
        primary.suspend()
        waiting = [clients.submit(server.get_status, "/posts") for _ in range(8)]
        # Seven wait for PostgreSQL, the eighth for one of their connections until the circuit breaker opens.
        wait_until(lambda: any(client.done() for client in waiting))
        for _ in range(200):
            assert server.get_status("/posts") == 503
            assert server.get_status("/health/live") == 200
        assert worker_pids(server) == [worker]
        primary.resume()
    wait_until(lambda: server.get_status("/posts") == 200)
    for _ in range(100):
        assert server.get_status("/health/live") == 200
    wait_until(lambda: worker not in worker_pids(server))


def test_a_worker_that_starts_while_postgresql_hangs_does_not_wait_for_it(
    serve: Callable[..., Server], primary: Cluster
) -> None:
    server = serve(WEB_CONCURRENCY="1", PRESSROOM_DATABASE_URL=primary.url())
    [worker] = worker_pids(server)
    primary.suspend()
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: worker not in worker_pids(server))
    assert server.get_status("/health/live") == 200
    assert "timeout expired" not in server.log.read_text()
    assert server.get_status("/posts") == 503
    assert "timeout expired" in server.log.read_text()


@pytest.mark.alone
@pytest.mark.nightly
def test_a_replica_serves_anonymous_reads_while_the_primary_hangs(
    serve: Callable[..., Server], primary: Cluster, replica: Cluster
) -> None:
    replica.query("ALTER SYSTEM SET wal_receiver_timeout = '2s'")
    replica.query("SELECT pg_reload_conf()")
    server = serve(PRESSROOM_DATABASE_URL=primary.url(), PRESSROOM_REPLICA_URL=replica.url())
    with under_load("primary hanging for 14 s, with a replica", server, extra_readers=EXTRA_READERS) as load:
        primary.suspend()
        time.sleep(14)
        primary.resume()
    assert load.failures().keys() == {503}
    assert load.longest_gap("GET") < 3
    assert load.longest_gap(LIVENESS) < 3


def test_no_request_fails_while_a_replica_lags(
    serve: Callable[..., Server], primary: Cluster, replica: Cluster
) -> None:
    server = serve(PRESSROOM_DATABASE_URL=primary.url(), PRESSROOM_REPLICA_URL=replica.url())
    with under_load("replica 5 s behind", server) as load:
        replica.query("SELECT pg_wal_replay_pause()")
        time.sleep(5)
        replica.query("SELECT pg_wal_replay_resume()")
    assert not load.failures()


def test_no_request_fails_when_a_replica_is_killed(
    serve: Callable[..., Server], primary: Cluster, replica: Cluster
) -> None:
    server = serve(PRESSROOM_DATABASE_URL=primary.url(), PRESSROOM_REPLICA_URL=replica.url())
    with under_load("replica killed", server) as load:
        replica.kill()
    assert not load.failures()


@pytest.mark.alone
def test_a_hanging_replica_fails_no_request_and_blocks_at_most_half_of_the_threads(
    serve: Callable[..., Server], primary: Cluster, replica: Cluster
) -> None:
    server = serve(PRESSROOM_DATABASE_URL=primary.url(), PRESSROOM_REPLICA_URL=replica.url())
    with under_load("replica hanging for 14 s", server, extra_readers=EXTRA_READERS) as load:
        replica.suspend()
        time.sleep(14)
        replica.resume()
    assert not load.failures()
    assert 4.5 < load.slowest() < 7
    # In each of the two workers: the reads that hang, on at most half of its threads, and a probe after 5 s and 10 s.
    assert sum(request.end - request.start > 2.5 for request in load.requests) <= 8
    assert load.longest_gap("GET") < 3
    assert load.longest_gap(LIVENESS) < 3


def test_no_acknowledged_write_is_lost_when_a_synchronous_replica_is_promoted(
    serve: Callable[..., Server], primary: Cluster, replica: Cluster
) -> None:
    primary.query("ALTER SYSTEM SET synchronous_standby_names = '*'")
    primary.query("SELECT pg_reload_conf()")
    hosts = f"host=127.0.0.1:{primary.port}&host=127.0.0.1:{replica.port}&target_session_attrs=read-write"
    server = serve(PRESSROOM_DATABASE_URL=f"postgresql+psycopg://postgres@/pressroom?{hosts}")
    with under_load("primary killed, synchronous replica promoted after 0.5 s", server) as load:
        primary.kill()
        time.sleep(0.5)
        replica.promote()
    assert load.failures().keys() == {503}
