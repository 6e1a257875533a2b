"""What is counted for operators."""

import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.http.application import Application
from api.settings import Settings
from api.store.engine.database import Database
from api.store.errors import Unavailable
from tests.support.clients import Client, signed_in_user

REQUESTS = "pressroom_http_request_duration_seconds"


def counted(client: Client) -> Counter[str]:
    """Each sample, by its name and labels."""
    answer = client.get("/metrics")
    assert answer.content_type.startswith("text/plain; version=")
    return Counter(
        {
            f"{sample.name}{sorted(sample.labels.values())}": round(sample.value)
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
            if sample.name.startswith("pressroom_") and not sample.name.endswith(("_bucket", "_sum", "_created"))
        }
    )


@pytest.fixture
def difference(anyone: Client) -> Callable[[], dict[str, int]]:
    """What has been counted since the test began: counts are those of the process."""
    anyone.get("/health/ready")  # opens the connection to the database, which is counted
    before = counted(anyone)
    # Of reading the metrics itself.
    own = Counter({f"{REQUESTS}_count['/metrics', '200', 'GET']": 1})
    return lambda: dict(counted(anyone) - before - own)


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


def test_methods_and_paths_that_are_made_up_are_counted_together(
    anyone: Client, difference: Callable[[], dict[str, int]]
) -> None:
    for number in range(10):
        anyone.send("GET", f"/nothing/{number}")
        anyone.send(f"METHOD{number}", "/posts")
    assert difference() == {f"{REQUESTS}_count['', '', '404']": 10, f"{REQUESTS}_count['', '', '405']": 10}


def test_how_long_requests_take_is_told_in_seconds(anyone: Client) -> None:
    anyone.get("/posts")
    [told] = re.findall(rf'^{REQUESTS}_sum{{.*"GET".*"/posts".*"200".*}} (.*)$', anyone.get("/metrics").text, re.M)
    assert 0 < float(told) < 60


def test_what_is_refused_repeated_or_not_kept_is_counted(
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
    found = difference()
    assert found["pressroom_idempotent_replays_total[]"] == 2
    assert found["pressroom_rate_limited_requests_total['writes']"] == 3
    assert found["pressroom_database_errors_total[]"] == 1


def test_connections_are_counted_while_they_are_open(app: Application, anyone: Client) -> None:
    database, name = app.database, "pressroom_database_connections[]"
    database.close()
    before = counted(anyone)[name]
    with database.read(), database.read():
        pass
    assert counted(anyone)[name] == before + 2
    with suppress(Unavailable), database.read() as db:
        db.execute_sql("no SQL")
    assert counted(anyone)[name] == before + 1
    database.close()
    assert counted(anyone)[name] == before
