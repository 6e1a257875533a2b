"""Reads from a streaming replica: what clients can rely on while it lags, fails, or runs without its primary."""

import logging
import os
import re
import signal
import time
import timeit
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from api.http.application import Application
from api.settings import InvalidSetting
from api.store.engine import postgresql as driver
from api.store.engine.timeouts import Timeouts
from tests.conftest import numbers
from tests.support.clients import Client, basic_auth, signed_in_user
from tests.support.instructions import count_instructions
from tests.support.metrics import read_metrics
from tests.support.postgresql import Cluster
from tests.support.problems import assert_problem
from tests.support.waiting import wait_until

_logger = logging.getLogger(__name__)

POST = {"title": "First", "body": "b"}
READS = "pressroom_replica_reads_total"

lag_tolerated = pytest.mark.parametrize("timeouts", [Timeouts(replica_max_lag_seconds=60)], ids=["lag tolerated"])
checked_once = pytest.mark.parametrize(
    "timeouts", [Timeouts(replica_check_seconds=60, replica_max_lag_seconds=60)], ids=["checked once"]
)
checked_often = pytest.mark.parametrize(
    "timeouts", [Timeouts(replica_check_seconds=0.05, replica_retry_seconds=0.05)], ids=["checked often"]
)


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster.create(tmp_path_factory.mktemp("cluster") / "primary") as cluster:
        # Pressroom's role is not a superuser, as in production.
        cluster.query("CREATE ROLE app LOGIN IN ROLE pg_read_all_data, pg_write_all_data")
        yield cluster


@pytest.fixture(scope="module")
def standby(primary: Cluster) -> Iterator[Cluster]:
    with primary.replica(primary.directory.with_name("replica")) as cluster:
        yield cluster


@pytest.fixture
def build_with_replica(
    build: Callable[..., Application], primary: Cluster, standby: Cluster
) -> Iterator[Callable[[Timeouts], Application]]:
    """Build applications on a new database with a replica, with one connection to each and without rate limits."""
    name = f"test_{next(numbers)}"
    primary.query(f"CREATE DATABASE {name} TEMPLATE pressroom")
    standby.catch_up(primary)
    urls = {"database_url": primary.url(name, user="app"), "replica_url": standby.url(name, user="app")}
    with ExitStack() as stack:

        def build_application(timeouts: Timeouts) -> Application:
            app = build(**urls, threads=1, rate_limits="off", timeouts=timeouts)
            assert app.replica
            stack.enter_context(closing(app.replica))
            return app

        yield build_application


@pytest.fixture
def timeouts() -> Timeouts:
    """The timeouts of `app`; tests override them by parametrization."""
    return Timeouts()


@pytest.fixture
def app(build_with_replica: Callable[[Timeouts], Application], timeouts: Timeouts) -> Application:
    return build_with_replica(timeouts)


@pytest.fixture
def post(ada: Client, primary: Cluster, standby: Cluster) -> str:
    """The path of a post that the replica has replayed."""
    path = str(content(ada.post("/posts", POST), 201)["url"])
    standby.catch_up(primary)
    return path


@pytest.fixture
def _replay_paused(post: str, standby: Cluster) -> Iterator[None]:
    """Let the replica receive WAL without replaying it, so that it shows no later commit."""
    standby.query("SELECT pg_wal_replay_pause()")
    yield
    standby.query("SELECT pg_wal_replay_resume()")


@pytest.fixture
def difference(anyone: Client) -> Callable[[], dict[str, int]]:
    """Return the reads counted since the test began, or since the last call."""
    last = read_metrics(anyone)

    def added() -> dict[str, int]:
        nonlocal last
        before, last = last, read_metrics(anyone)
        return {name.removeprefix(READS): more for name, more in (last - before).items() if name.startswith(READS)}

    return added


def content(answer: TestResponse, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json


def title(client: Client, path: str) -> Any:
    return content(client.get(path))["title"]


@lag_tolerated
@pytest.mark.usefixtures("_replay_paused")
def test_users_read_their_own_writes_while_the_replica_lags(ada: Client, anyone: Client, post: str) -> None:
    assert title(anyone, post) == "First"
    for turn in range(200):
        assert ada.patch(post, {"title": f"Turn {turn}"}).status_code == 200
        assert title(ada, post) == f"Turn {turn}"
    # The replica still shows none of these writes.
    assert title(anyone, post) == "First"


@lag_tolerated
@pytest.mark.usefixtures("_replay_paused")
def test_anonymous_clients_find_new_rows_while_the_replica_lags(ada: Client, bob: Client, anyone: Client) -> None:
    published = content(ada.post("/posts", POST), 201)["url"]
    assert anyone.get(published).status_code == 200
    assert anyone.get("/users/bob").status_code == 200
    by_slug = "/users/ada/posts/new"
    content(ada.send("PUT", by_slug, json={**POST, "published_at": None}, headers={"If-None-Match": "*"}), 201)
    assert_problem(anyone.get(by_slug), 404)
    content(ada.send("PUT", by_slug, json={**POST, "published_at": "2026-01-01T00:00:00Z"}, headers={"If-Match": "*"}))
    assert anyone.get(by_slug).headers["Content-Location"].startswith("/posts/")
    assert len(content(anyone.get("/posts"))["items"]) == 1  # lists are as stale as the replica
    assert_problem(anyone.get("/posts/999"), 404)


@lag_tolerated
@pytest.mark.usefixtures("_replay_paused")
def test_tokens_are_valid_and_revoked_immediately_while_the_replica_lags(ada: Client) -> None:
    granted = content(ada.post("/tokens", headers=basic_auth("ada")), 201)
    other = ada.with_token(granted["token"])
    assert other.get("/me").status_code == 200
    assert ada.delete(granted["url"]).status_code == 204
    assert_problem(other.get("/me"), 401)


@checked_once
def test_a_read_takes_one_round_trip_with_a_replica(
    anyone: Client, ada: Client, post: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for client in (anyone, ada):
        client.get(post)
    from_replica: list[bool] = []
    wait = driver.Connection.wait

    def count(connection: driver.Connection, *arguments: Any) -> Any:
        from_replica.append(connection.info.parameter_status("in_hot_standby") == "on")
        return wait(connection, *arguments)

    monkeypatch.setattr(driver.Connection, "wait", count)
    anyone.get(post)
    assert from_replica == [True]
    ada.get(post)
    assert from_replica == [True, False, False]


@lag_tolerated
@pytest.mark.usefixtures("_replay_paused")
def test_a_replica_that_lags_too_far_is_not_used(
    ada: Client,
    anyone: Client,
    post: str,
    difference: Callable[[], dict[str, int]],
    build_with_replica: Callable[[Timeouts], Application],
) -> None:
    ada.patch(post, {"title": "Second"})
    assert title(anyone, post) == "First"
    strict = Client(build_with_replica(Timeouts(replica_max_lag_seconds=0.3, replica_check_seconds=0.05)))
    wait_until(lambda: title(strict, post) == "Second")
    assert difference()["['lag', 'primary']"] == 1


@checked_often
def test_the_lag_of_the_replica_is_a_metric(
    ada: Client, anyone: Client, post: str, primary: Cluster, request: pytest.FixtureRequest
) -> None:
    def lag() -> float:
        anyone.get(post)
        [seconds] = re.findall(r"^pressroom_replica_lag_seconds (.*)$", ada.get("/metrics").text, re.M)
        return float(seconds)

    wait_until(lambda: lag() < 0.5)
    request.getfixturevalue("_replay_paused")
    ada.patch(post, {"title": "Second"})
    wait_until(lambda: lag() > 0.5)


@checked_often
def test_a_replica_that_receives_no_wal_is_not_used(ada: Client, anyone: Client, post: str, standby: Cluster) -> None:
    [(conninfo,)] = standby.query("SHOW primary_conninfo")
    assert title(anyone, post) == "First"
    standby.query("ALTER SYSTEM SET primary_conninfo = ''")
    standby.query("SELECT pg_reload_conf()")
    try:
        wait_until(lambda: standby.query("SELECT count(*) FROM pg_stat_wal_receiver") == [(0,)])
        ada.patch(post, {"title": "Second"})
        wait_until(lambda: title(anyone, post) == "Second")
    finally:
        standby.query(f"ALTER SYSTEM SET primary_conninfo = $${conninfo}$$")
        standby.query("SELECT pg_reload_conf()")


@contextmanager
def stopped_process(server: Cluster, view: str) -> Iterator[None]:
    """Stop the process that `view` lists: the connection stays open, and carries nothing."""
    [(pid,)] = server.query(f"SELECT pid FROM {view}")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def paused_replay(standby: Cluster) -> Iterator[None]:
    standby.query("SELECT pg_wal_replay_pause()")
    try:
        yield
    finally:
        standby.query("SELECT pg_wal_replay_resume()")


SILENCES: dict[str, Callable[[Cluster, Cluster], AbstractContextManager[None]]] = {
    "sender stopped": lambda primary, _: stopped_process(primary, "pg_stat_replication"),
    "receiver stopped": lambda _, standby: stopped_process(standby, "pg_stat_wal_receiver"),
    "replay paused": lambda _, standby: paused_replay(standby),
}


@pytest.mark.parametrize(
    "timeouts", [Timeouts(replica_max_lag_seconds=1, replica_check_seconds=0.1)], ids=["a second of lag"]
)
@pytest.mark.parametrize("silence", SILENCES.values(), ids=SILENCES)
def test_an_unpublished_post_is_not_served_by_a_replica_whose_source_is_silent(
    ada: Client,
    post: str,
    primary: Cluster,
    standby: Cluster,
    silence: Callable[[Cluster, Cluster], AbstractContextManager[None]],
) -> None:
    anyone = Client(ada.app)
    assert title(anyone, post) == "First"
    with silence(primary, standby):
        assert ada.patch(post, {"published_at": None}).status_code == 200
        unpublished_at = time.monotonic()
        while anyone.get(post).status_code == 200:
            assert time.monotonic() - unpublished_at < 1.1 + 1.5  # the lag, a check, and the patience of a busy machine
            time.sleep(0.02)
    standby.catch_up(primary)


@pytest.mark.parametrize(
    "timeouts", [Timeouts(replica_max_lag_seconds=0.5, replica_check_seconds=0.1)], ids=["half a second of lag"]
)
def test_a_replica_of_an_idle_primary_is_used(
    anyone: Client, post: str, difference: Callable[[], dict[str, int]]
) -> None:
    anyone.get(post)
    difference()
    time.sleep(1)
    for _ in range(15):
        assert title(anyone, post) == "First"
        time.sleep(0.1)
    counted = difference()
    assert counted.get("['', 'replica']", 0) >= 12, counted


@pytest.mark.heavy
def test_a_replica_is_used_no_longer_than_the_allowed_lag_while_the_primary_hangs(
    anyone: Client, app: Application, post: str, primary: Cluster, difference: Callable[[], dict[str, int]]
) -> None:
    """A primary that hangs for this process may serve others: its position is unknown."""
    assert title(anyone, post) == "First"
    primary.suspend()
    try:
        wait_until(lambda: app.replica and app.replica._primary_reason == "lag")
        assert title(anyone, post) == "First"  # still served, because the primary does not respond
    finally:
        primary.resume()
    wait_until(lambda: anyone.get(post).status_code == 200 and app.replica and not app.replica._primary_reason)


@checked_often
def test_no_read_fails_when_the_replica_is_killed(
    anyone: Client, app: Application, post: str, standby: Cluster
) -> None:
    assert title(anyone, post) == "First"
    standby.kill()
    for _ in range(20):
        assert title(anyone, post) == "First"
    standby.start()
    wait_until(lambda: anyone.get(post).status_code == 200 and not (app.replica and app.replica._primary_reason))


def test_each_anonymous_read_is_counted_once_by_server_and_reason(
    anyone: Client, ada: Client, post: str, standby: Cluster, difference: Callable[[], dict[str, int]]
) -> None:
    assert anyone.app.replica
    with anyone.app.replica._check_lock:
        anyone.get(post)
    assert difference() == {"['checking', 'primary']": 1}
    for path in (post, post, "/posts"):
        assert anyone.get(path).status_code == 200
        assert ada.get(path).status_code == 200
    assert difference() == {"['', 'replica']": 3}
    assert_problem(anyone.get("/posts/999"), 404)
    assert difference() == {"['not_found', 'primary']": 1}
    standby.kill()
    for _ in range(3):
        assert title(anyone, post) == "First"
    assert difference() == {"['primary', 'unavailable']": 3}
    assert_problem(anyone.get("/posts/999"), 404)
    assert difference() == {"['primary', 'unavailable']": 1}
    standby.start()


@checked_often
def test_reads_from_the_replica_are_counted_while_the_primary_is_down(
    anyone: Client, post: str, primary: Cluster, difference: Callable[[], dict[str, int]]
) -> None:
    primary.kill()
    try:
        for _ in range(20):
            assert title(anyone, post) == "First"
        assert difference() == {"['', 'replica']": 20}
        # No server could serve this read.
        assert_problem(anyone.get("/posts/999"), 503)
        assert not difference()
    finally:
        primary.start()


@checked_often
def test_anonymous_reads_succeed_while_the_primary_is_down(
    anyone: Client, ada: Client, post: str, primary: Cluster, standby: Cluster
) -> None:
    primary.kill()
    try:
        for _ in range(20):
            assert title(anyone, post) == "First"
            assert anyone.get("/posts").status_code == 200
            assert_problem(ada.get(post), 503)
        # Only the primary can decide that a row does not exist.
        assert_problem(anyone.get("/posts/999"), 503)
        assert_problem(anyone.get("/health/ready"), 503)
        standby.query("SELECT pg_wal_replay_pause()")
        assert title(anyone, post) == "First"
    finally:
        standby.query("SELECT pg_wal_replay_resume()")
        primary.start()
    assert title(ada, post) == "First"


@checked_often
def test_reads_fail_with_503_while_primary_and_replica_are_down(
    anyone: Client, post: str, primary: Cluster, standby: Cluster
) -> None:
    assert title(anyone, post) == "First"
    primary.kill()
    standby.kill()
    for _ in range(3):
        assert_problem(anyone.get(post), 503)
        time.sleep(0.1)  # until the primary is tried again
    primary.start()
    standby.start()
    assert title(anyone, post) == "First"


@pytest.mark.heavy
@checked_once
def test_a_read_with_a_replica_costs_as_much_as_without(
    build: Callable[..., Application], app: Application, post: str
) -> None:
    """With `--log-cli-level=INFO`, this also logs how long a read takes."""
    url = app.settings.database_url
    apps = {"primary": build(database_url=url), "replica": app, "pgbouncer": build(database_url=url, pgbouncer="on")}
    counted = {}
    for name, each in apps.items():
        read = partial(each.test_client().get, post)
        counted[name] = count_instructions(each, read)
        _logger.info("%s: %.0f µs", name, min(timeit.repeat(read, number=200, repeat=10)) / 200 * 1e6)
    assert counted["replica"] / counted["primary"] < 1.1


@pytest.mark.heavy
def test_few_anonymous_reads_wait_for_a_primary_that_has_vanished(
    build: Callable[..., Application], tmp_path: Path
) -> None:
    timeouts = Timeouts(connect_seconds=2, lock_seconds=2, statement_seconds=4)
    with Cluster.create(tmp_path / "primary") as primary, primary.replica(tmp_path / "replica") as standby:
        app = build(database_url=primary.url(), replica_url=standby.url(), timeouts=timeouts)
        signed_in_user(app, "ada")
        standby.catch_up(primary)
        standby.query("ALTER SYSTEM SET wal_receiver_timeout = '1s'")
        standby.query("SELECT pg_reload_conf()")
        primary.suspend()
        waits = []
        for _ in range(40):
            began = time.monotonic()
            assert Client(app).get("/users/ada").status_code == 200
            waits.append(time.monotonic() - began)
            time.sleep(0.1)
        assert sum(wait > 1.5 for wait in waits) <= 5, waits
        assert app.replica
        app.replica.close()


@pytest.mark.heavy
def test_a_hanging_replica_delays_few_anonymous_reads_and_fails_none(
    anyone: Client, post: str, standby: Cluster
) -> None:
    assert title(anyone, post) == "First"
    standby.suspend()
    waits = []
    for _ in range(20):
        began = time.monotonic()
        assert title(anyone, post) == "First"
        waits.append(time.monotonic() - began)
    standby.resume()
    assert 4.5 < max(waits) < 9  # a second more than its statements may take
    assert sum(wait > 1.5 for wait in waits) <= 2  # one read, and one check


@pytest.mark.sqlite
def test_a_replica_without_a_postgresql_primary_is_rejected(build: Callable[..., Application]) -> None:
    with pytest.raises(InvalidSetting, match="PRESSROOM_REPLICA_URL requires PostgreSQL"):
        build(replica_url="postgresql+psycopg://app@replica/pressroom")
