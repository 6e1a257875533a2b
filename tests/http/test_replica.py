"""Reads from a streaming replica: what clients may rely on while it is behind, gone, or alone."""

import logging
import time
import timeit
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from api.http.application import Application
from api.settings import InvalidSetting
from api.store.engine import postgresql as driver
from tests.conftest import numbers
from tests.support.clients import Client, basic_auth, signed_in_user
from tests.support.instructions import count_instructions
from tests.support.metrics import read_metrics
from tests.support.postgresql import Cluster
from tests.support.problems import assert_problem

_logger = logging.getLogger(__name__)

POST = {"title": "First", "body": "b"}
READS = "pressroom_replica_reads_total"


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster.made(tmp_path_factory.mktemp("cluster") / "primary") as cluster:
        # Pressroom's role is no superuser, as it should be.
        cluster.query("CREATE ROLE app LOGIN IN ROLE pg_read_all_data, pg_write_all_data")
        yield cluster


@pytest.fixture(scope="module")
def standby(primary: Cluster) -> Iterator[Cluster]:
    with primary.replica(primary.directory.with_name("replica")) as cluster:
        yield cluster


@pytest.fixture
def app(build: Callable[..., Application], primary: Cluster, standby: Cluster) -> Iterator[Application]:
    """Pressroom with a database of the test's own on both, one connection to each, and without rate limits."""
    name = f"test_{next(numbers)}"
    primary.query(f"CREATE DATABASE {name} TEMPLATE pressroom")
    standby.catch_up(primary)
    urls = {"database_url": primary.url(name, user="app"), "replica_url": standby.url(name, user="app")}
    app = build(**urls, threads=1, rate_limits="off")
    yield app
    assert app.replica
    app.replica.close()


@pytest.fixture
def post(ada: Client, primary: Cluster, standby: Cluster) -> str:
    """The path of a post that has reached the replica."""
    path = str(content(ada.post("/posts", POST), 201)["url"])
    standby.catch_up(primary)
    return path


@pytest.fixture
def _behind(post: str, standby: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The replica receives what is written, shows none of it, and is asked for a minute nevertheless."""
    monkeypatch.setattr("api.store.engine.replica.LAG", 60)
    standby.query("SELECT pg_wal_replay_pause()")
    yield
    standby.query("SELECT pg_wal_replay_resume()")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judgements last for a moment."""
    monkeypatch.setattr("api.store.engine.replica.INTERVAL", 0.05)
    monkeypatch.setattr("api.store.engine.replica.PAUSE", 0.05)


@pytest.fixture
def difference(anyone: Client) -> Callable[[], dict[str, int]]:
    """The reads that were counted since the test began, or since they were last asked for."""
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


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.usefixtures("_behind")
def test_who_writes_reads_their_own_writes(ada: Client, anyone: Client, post: str) -> None:
    assert title(anyone, post) == "First"
    for turn in range(200):
        assert ada.patch(post, {"title": f"Turn {turn}"}).status_code == 200
        assert title(ada, post) == f"Turn {turn}"
    # The replica would have shown none of it.
    assert title(anyone, post) == "First"


@pytest.mark.usefixtures("_behind")
def test_what_is_new_is_found_by_anybody_at_once(ada: Client, bob: Client, anyone: Client) -> None:
    published = content(ada.post("/posts", POST), 201)["url"]
    assert anyone.get(published).status_code == 200
    assert anyone.get("/users/bob").status_code == 200
    assert len(content(anyone.get("/posts"))["items"]) == 1  # lists are as old as the replica
    assert_problem(anyone.get("/posts/999"), 404)


@pytest.mark.usefixtures("_behind")
def test_a_token_lives_and_dies_at_once(ada: Client) -> None:
    granted = content(ada.post("/tokens", headers=basic_auth("ada")), 201)
    other = ada.with_token(granted["token"])
    assert other.get("/me").status_code == 200
    assert ada.delete(granted["url"]).status_code == 204
    assert_problem(other.get("/me"), 401)


def test_a_read_is_one_round_trip_with_a_replica_too(
    anyone: Client, ada: Client, post: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.store.engine.replica.INTERVAL", 60)
    for client in (anyone, ada):
        client.get(post)
    asked: list[bool] = []
    wait = driver.Connection.wait

    def count(connection: driver.Connection, *arguments: Any) -> Any:
        asked.append(connection.info.parameter_status("in_hot_standby") == "on")
        return wait(connection, *arguments)

    monkeypatch.setattr(driver.Connection, "wait", count)
    anyone.get(post)
    assert asked == [True]
    ada.get(post)
    assert asked == [True, False, False]


@pytest.mark.usefixtures("_behind", "impatient")
def test_a_replica_that_is_too_far_behind_is_not_asked(
    ada: Client,
    anyone: Client,
    post: str,
    difference: Callable[[], dict[str, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ada.patch(post, {"title": "Second"})
    assert title(anyone, post) == "First"
    monkeypatch.setattr("api.store.engine.replica.LAG", 0.3)
    eventually(lambda: title(anyone, post) == "Second")
    assert difference()["['lag', 'primary']"] == 1


@pytest.mark.usefixtures("impatient")
def test_a_replica_that_receives_nothing_is_not_asked(ada: Client, anyone: Client, post: str, standby: Cluster) -> None:
    [(conninfo,)] = standby.query("SHOW primary_conninfo")
    assert title(anyone, post) == "First"
    standby.query("ALTER SYSTEM SET primary_conninfo = ''")
    standby.query("SELECT pg_reload_conf()")
    try:
        eventually(lambda: standby.query("SELECT count(*) FROM pg_stat_wal_receiver") == [(0,)])
        ada.patch(post, {"title": "Second"})
        eventually(lambda: title(anyone, post) == "Second")
    finally:
        standby.query(f"ALTER SYSTEM SET primary_conninfo = $${conninfo}$$")
        standby.query("SELECT pg_reload_conf()")


@pytest.mark.usefixtures("impatient")
def test_nothing_fails_when_the_replica_does(anyone: Client, app: Application, post: str, standby: Cluster) -> None:
    assert title(anyone, post) == "First"
    standby.kill()
    for _ in range(20):
        assert title(anyone, post) == "First"
    standby.start()
    eventually(lambda: anyone.get(post).status_code == 200 and not (app.replica and app.replica._doubt))


def test_each_read_that_a_replica_may_answer_is_counted_once(
    anyone: Client, ada: Client, post: str, standby: Cluster, difference: Callable[[], dict[str, int]]
) -> None:
    assert anyone.app.replica
    with anyone.app.replica._judging:
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


@pytest.mark.usefixtures("impatient")
def test_reads_are_counted_while_the_primary_is_gone(
    anyone: Client, post: str, primary: Cluster, difference: Callable[[], dict[str, int]]
) -> None:
    primary.kill()
    try:
        for _ in range(20):
            assert title(anyone, post) == "First"
        assert difference() == {"['', 'replica']": 20}
        # Nobody has answered this one.
        assert_problem(anyone.get("/posts/999"), 503)
        assert not difference()
    finally:
        primary.start()


@pytest.mark.usefixtures("impatient")
def test_reads_go_on_without_the_primary(
    anyone: Client, ada: Client, post: str, primary: Cluster, standby: Cluster
) -> None:
    primary.kill()
    try:
        for _ in range(20):
            assert title(anyone, post) == "First"
            assert anyone.get("/posts").status_code == 200
            assert_problem(ada.get(post), 503)
        # Only the primary knows what does not exist.
        assert_problem(anyone.get("/posts/999"), 503)
        assert_problem(anyone.get("/health/ready"), 503)
        standby.query("SELECT pg_wal_replay_pause()")
        assert title(anyone, post) == "First"
    finally:
        standby.query("SELECT pg_wal_replay_resume()")
        primary.start()
    assert title(ada, post) == "First"


@pytest.mark.usefixtures("impatient")
def test_without_both_it_is_503(anyone: Client, post: str, primary: Cluster, standby: Cluster) -> None:
    assert title(anyone, post) == "First"
    primary.kill()
    standby.kill()
    for _ in range(3):
        assert_problem(anyone.get(post), 503)
        time.sleep(0.1)  # then the primary is tried again
    primary.start()
    standby.start()
    assert title(anyone, post) == "First"


@pytest.mark.heavy
def test_a_read_costs_as_much_as_without_a_replica(
    build: Callable[..., Application], app: Application, post: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `--log-cli-level=INFO`, this tells how long a read takes, too."""
    monkeypatch.setattr("api.store.engine.replica.INTERVAL", 60)
    url = app.settings.database_url
    apps = {"primary": build(database_url=url), "replica": app, "pgbouncer": build(database_url=url, pgbouncer="on")}
    counted = {}
    for name, each in apps.items():
        read = partial(each.test_client().get, post)
        counted[name] = count_instructions(each, read)
        _logger.info("%s: %.0f µs", name, min(timeit.repeat(read, number=200, repeat=10)) / 200 * 1e6)
    assert counted["replica"] / counted["primary"] < 1.1


@pytest.mark.heavy
def test_few_strangers_wait_for_a_primary_that_has_vanished(
    build: Callable[..., Application], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.store.engine.database.PATIENCE", 2)
    with Cluster.made(tmp_path / "primary") as primary, primary.replica(tmp_path / "replica") as standby:
        app = build(database_url=primary.url(), replica_url=standby.url())
        signed_in_user(app, "ada")
        standby.catch_up(primary)
        standby.query("ALTER SYSTEM SET wal_receiver_timeout = '1s'")
        standby.query("SELECT pg_reload_conf()")
        primary.hold()
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
def test_a_replica_that_hangs_delays_a_stranger_and_fails_none(anyone: Client, post: str, standby: Cluster) -> None:
    assert title(anyone, post) == "First"
    standby.hold()
    waits = []
    for _ in range(20):
        began = time.monotonic()
        assert title(anyone, post) == "First"
        waits.append(time.monotonic() - began)
    standby.release()
    assert 4.5 < max(waits) < 9  # a second more than its statements may take
    assert sum(wait > 1.5 for wait in waits) <= 2  # who reads, and who judges


def test_a_replica_is_postgresqls(build: Callable[..., Application]) -> None:
    with pytest.raises(InvalidSetting, match="PRESSROOM_REPLICA_URL is for PostgreSQL"):
        build(replica_url="postgresql+psycopg://app@replica/pressroom")
