"""Prometheus metrics."""

import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace

import pytest

from api.http.application import Application
from api.settings import Settings
from api.store.engine.database import Database
from api.store.engine.timeouts import Timeouts
from api.store.errors import Unavailable
from tests.support.clients import Client, basic_auth, signed_in_user
from tests.support.metrics import read_metrics
from tests.support.servers import Server, sign_up

REQUESTS = "pressroom_http_request_duration_seconds"


@pytest.fixture
def difference(anyone: Client) -> Callable[[], dict[str, int]]:
    """Return by how much samples have grown since the test began: counters belong to the process, not to a test."""
    anyone.get("/health/ready")  # opens the database connection, which is counted
    before = read_metrics(anyone)
    # The request that read `before` is counted only after it.
    reading = Counter({f"{REQUESTS}_count['/metrics', '200', 'GET']": 1})
    return lambda: dict(read_metrics(anyone) - before - reading)


def test_requests_are_counted_by_method_route_and_status(
    anyone: Client, difference: Callable[[], dict[str, int]]
) -> None:
    for path in ("/posts", "/posts?limit=2", "/posts/1", "/posts/2", "/users/ada"):
        anyone.get(path)
    anyone.post("/posts", {})
    assert difference() == {
        f"{REQUESTS}_count['/posts', '200', 'GET']": 2,
        f"{REQUESTS}_count['/posts/<int:post_id>', '404', 'GET']": 2,
        f"{REQUESTS}_count['/users/<string:username>', '404', 'GET']": 1,
        f"{REQUESTS}_count['/posts', '401', 'POST']": 1,
    }


def test_unknown_methods_and_paths_are_counted_together(
    anyone: Client, difference: Callable[[], dict[str, int]]
) -> None:
    for number in range(10):
        anyone.send("GET", f"/nothing/{number}")
        anyone.send(f"METHOD{number}", "/posts")
    assert difference() == {f"{REQUESTS}_count['', '', '404']": 10, f"{REQUESTS}_count['', '', '405']": 10}


def test_request_durations_are_measured_in_seconds(anyone: Client) -> None:
    anyone.get("/posts")
    [seconds] = re.findall(rf'^{REQUESTS}_sum{{.*"GET".*"/posts".*"200".*}} (.*)$', anyone.get("/metrics").text, re.M)
    assert 0 < float(seconds) < 60


@pytest.mark.sqlite
def test_rate_limited_requests_replays_and_database_errors_are_counted(
    build: Callable[..., Application], difference: Callable[[], dict[str, int]]
) -> None:
    app = build()
    ada, key = signed_in_user(app, "ada"), {"headers": {"Idempotency-Key": "k"}}
    for _ in range(3):
        ada.post("/posts", {"title": "t", "body": "b"}, **key)
    for _ in range(300):
        ada.delete("/posts/9")
    app.database = Database(Settings(database_url="sqlite:////nowhere/pressroom.sqlite"))
    Client(app).get("/posts")
    counts = difference()
    assert counts["pressroom_idempotent_replays_total[]"] == 2
    assert counts["pressroom_rate_limited_requests_total['writes']"] == 3
    assert counts["pressroom_database_errors_total[]"] == 1


@pytest.mark.sqlite
def test_open_connections_are_counted(app: Application, anyone: Client) -> None:
    database, name = app.database, "pressroom_database_connections[]"
    database.close()
    before = read_metrics(anyone)[name]
    with database.read(), database.read():
        pass
    assert read_metrics(anyone)[name] == before + 2
    with suppress(sqlite3.Error), database.read() as db:
        db.execute_sql("no SQL")
    assert read_metrics(anyone)[name] == before + 1
    database.close()
    assert read_metrics(anyone)[name] == before


def wait_seconds(client: Client, name: str) -> tuple[float, float]:
    """Return the number of waits for a resource of the database, and the sum of their durations."""
    values = dict(
        re.findall(rf"^pressroom_database_{name}_wait_seconds_(count|sum) (.*)$", client.get("/metrics").text, re.M)
    )
    return float(values["count"]), float(values["sum"])


def test_waits_for_a_connection_are_measured(anyone: Client, settings: Settings) -> None:
    database = Database(replace(settings, threads=1), timeouts=Timeouts(pool_wait_seconds=0.05), connections=1)
    count, seconds = wait_seconds(anyone, "connection")
    with closing(database), database.read():
        assert wait_seconds(anyone, "connection") == (count, seconds)
        with pytest.raises(Unavailable), database.read():
            pass
    after = wait_seconds(anyone, "connection")
    assert after[0] == count + 1
    assert 0.05 <= after[1] - seconds < 60


@pytest.mark.sqlite
def test_waits_for_other_writers_are_measured(anyone: Client, settings: Settings) -> None:
    """In the queue of the process, and for SQLite's lock, which another process may have."""
    database = Database(settings, timeouts=Timeouts(write_slot_seconds=0.1, lock_seconds=0.1))
    with closing(database), closing(Database(settings)) as other:
        with database.write():
            count, seconds = wait_seconds(anyone, "write")
            with pytest.raises(Unavailable), database.write():
                pass
        in_queue = wait_seconds(anyone, "write")
        assert in_queue[0] == count + 1
        assert in_queue[1] - seconds >= 0.1
        with other.write():
            count, seconds = wait_seconds(anyone, "write")
            with pytest.raises(Unavailable), database.write():
                pass
        for_lock = wait_seconds(anyone, "write")
    assert for_lock[0] == count + 1
    assert for_lock[1] - seconds >= 0.1


@pytest.mark.sqlite
def test_a_writer_that_gets_the_lock_after_a_wait_is_measured(anyone: Client, settings: Settings) -> None:
    with closing(Database(settings)) as database, closing(Database(settings)) as other, ThreadPoolExecutor(1) as pool:
        with other.write():
            count, seconds = wait_seconds(anyone, "write")
            attempt = pool.submit(database.transact, lambda _: None)
            while not attempt.running():
                time.sleep(0.001)
            time.sleep(0.1)
        attempt.result()
    after = wait_seconds(anyone, "write")
    assert after[0] == count + 1
    assert after[1] - seconds > 0.001


def test_rejected_tokens_are_counted_like_other_quotas(
    build: Callable[..., Application], difference: Callable[[], dict[str, int]]
) -> None:
    ada = signed_in_user(build(tokens_per_user=1), "ada")
    assert ada.post("/tokens", headers=basic_auth("ada")).status_code == 403
    assert difference()["pressroom_rate_limited_requests_total['tokens-per-user']"] == 1


def test_errors_of_a_conversation_are_counted_by_route_and_quotas_by_name(
    build: Callable[..., Application], difference: Callable[[], dict[str, int]]
) -> None:
    """No metric names comments, likes or follows: those of requests and of quotas have them already."""
    ada = signed_in_user(build(posts_per_day=2), "ada")
    ada.post("/posts", {"title": "t", "body": "b", "comments": "closed"})
    assert ada.post("/posts/1/comments", {"body": "b"}).status_code == 409
    assert ada.patch("/posts/1", {"comments": "open"}).status_code == 200
    for status in (201, 429):
        assert ada.post("/posts/1/comments", {"body": "b"}).status_code == status
    for _ in range(2):
        assert ada.send("PUT", "/posts/1/like").status_code == 204
    assert ada.send("PUT", "/users/ada/follow").status_code == 409
    counts = difference()
    assert counts["pressroom_rate_limited_requests_total['posts-per-day']"] == 1
    for status, method, route, count in (
        (201, "POST", "/posts/<int:post_id>/comments", 1),
        (409, "POST", "/posts/<int:post_id>/comments", 1),
        (429, "POST", "/posts/<int:post_id>/comments", 1),
        (204, "PUT", "/posts/<int:post_id>/like", 2),
        (409, "PUT", "/users/<string:username>/follow", 1),
    ):
        assert counts[f"{REQUESTS}_count['{route}', '{status}', '{method}']"] == count


def horizon_age(metrics: str) -> float:
    [age] = re.findall(r"^pressroom_change_feed_horizon_age_seconds (.*)$", metrics, re.M)
    return float(age)


def test_the_age_of_the_change_feeds_horizon_is_that_of_the_oldest_open_transaction(
    build: Callable[..., Application], postgresql_url: str
) -> None:
    app = build(database_url=postgresql_url)
    ada = signed_in_user(app, "ada")

    def read_age(path: str = "/changes/posts") -> float:
        assert Client(app).get(path).status_code == 200
        return horizon_age(ada.get("/metrics").text)

    with app.database.write() as db:
        db.execute_sql("SELECT pg_current_xact_id()")
        assert read_age() == 0  # there is nothing that it could hold back
        time.sleep(0.3)
        ada.post("/posts", {"title": "t", "body": "b"})
        first = read_age("/changes/users")
        time.sleep(0.3)
        second = read_age()
    assert second - 0.3 >= first >= 0.3
    assert read_age() == 0
    with app.database.snapshot():  # which only reads
        ada.post("/posts", {"title": "t", "body": "b"})
        assert read_age() == 0


@pytest.mark.heavy
def test_the_age_of_the_horizon_is_the_same_in_all_workers(serve: Callable[..., Server], postgresql_url: str) -> None:
    server = serve(WEB_CONCURRENCY="3", PRESSROOM_DATABASE_URL=postgresql_url)
    database = Database(Settings(database_url=postgresql_url))
    ages = []
    with database.write() as db:
        db.execute_sql("SELECT pg_current_xact_id()")
        sign_up(server)
        for _ in range(30):
            assert server.get_status("/changes/posts") == 200
            ages.append(horizon_age(server.get_text("/metrics")))
            time.sleep(0.02)
    database.close()
    assert ages == sorted(ages)
    assert ages[-1] > 0.6
    for _ in range(10):
        assert server.get_status("/changes/posts") == 200
        assert horizon_age(server.get_text("/metrics")) == 0
