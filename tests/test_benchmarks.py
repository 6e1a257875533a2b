"""What `make bench` measures, and how it checks the limits."""

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from api.app import create_app
from api.settings import Settings
from benchmarks import calls, databases, limits, processes, rows
from benchmarks.workloads import PAGE

BUSY = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"


def test_cpu_time_of_a_child_counts_while_it_runs_and_after_it_has_ended() -> None:
    before = processes.cpu_seconds(os.getpid())
    with subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in processes.tree(os.getpid())
        running = processes.cpu_seconds(os.getpid())
        child.communicate(b"\n")
    assert running - before > 0.28
    assert processes.cpu_seconds(os.getpid()) >= running


def test_waiting_takes_no_cpu_time() -> None:
    before = processes.cpu_seconds(os.getpid())
    time.sleep(0.3)
    assert processes.cpu_seconds(os.getpid()) - before < 0.2


def test_limits_compare_with_the_cheapest_application_of_a_peer() -> None:
    costs = {"pressroom": {"W1": 0.75}, "B": {"W1": 0.5}, "H": {"W1": 2.0}, "H'": {"W1": 1.0}}
    checks = {each.name: each for each in limits.check_costs(costs)}
    assert checks.keys() == {"W1 ÷ bare Flask", "W1 ÷ Litestar"}
    assert [(each.measured, each.limit, each.passed) for each in checks.values()] == [
        (1.5, 1.25, False),
        (0.75, 0.95, True),
    ]


def test_limits_on_postgresql_compare_with_bare_flask_only() -> None:
    costs = {"pressroom": {"W1": 0.6, "W3": 1.2}, "B": {"W1": 0.5, "W3": 1.0}}
    checks = limits.check_costs(costs, limits.POSTGRESQL_LIMITS)
    assert [(each.name, each.limit, each.passed) for each in checks] == [
        ("W1 ÷ bare Flask on PostgreSQL", 1.15, False),
        ("W3 ÷ bare Flask on PostgreSQL", 1.35, True),
    ]


def test_limits_are_not_checked_without_measurements() -> None:
    assert limits.check_costs({"B": {"W1": 0.6}}) == []


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A benchmark database with 50 posts."""
    path = tmp_path / "posts.sqlite"
    databases.create(path, 50)
    return path


def test_benchmark_rows_are_those_that_pressroom_writes(database: Path) -> None:
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        tagged = db.execute("SELECT tag FROM post_tags WHERE post_id = 50").fetchall()
    assert {tag for (tag,) in tagged} == set(rows.tags(50))


def test_a_computed_cursor_leads_to_the_same_page_as_next_cursor(database: Path) -> None:
    client = create_app(Settings(database_url=f"sqlite:///{database}")).test_client()
    first = client.get(PAGE).get_json()
    assert [post["id"] for post in first["items"]] == list(range(50, 30, -1))
    assert databases.cursor(database, 2) == first["next_cursor"]
    assert len(client.get(f"{PAGE}&cursor={databases.cursor(database, 3)}").get_json()["items"]) == 10


def test_the_benchmark_token_signs_in_and_the_expired_one_does_not(database: Path) -> None:
    client = create_app(Settings(database_url=f"sqlite:///{database}")).test_client()
    for token, status in ((rows.TOKEN, 200), (rows.EXPIRED, 401)):
        assert client.get("/me", headers={"Authorization": f"Bearer {token}"}).status_code == status


def test_calls_and_instructions_of_a_request_are_counted() -> None:
    cost = calls.measure("GET /users/<username>", timed=1)
    assert cost.calls > cost.moves >= cost.files - 1 > 0
    assert cost.instructions > cost.calls
    assert cost.cpu_us > 0
