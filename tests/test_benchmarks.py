"""What `make bench` counts, and how it judges."""

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
from benchmarks import calls, data, processes, rows, targets
from benchmarks.works import PAGE

BUSY = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"


def test_time_of_a_child_counts_while_it_runs_and_when_it_has_ended() -> None:
    before = processes.cpu_seconds(os.getpid())
    with subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in processes.tree(os.getpid())
        running = processes.cpu_seconds(os.getpid())
        child.communicate(b"\n")
    assert running - before > 0.28
    assert processes.cpu_seconds(os.getpid()) >= running


def test_waiting_costs_nothing() -> None:
    before = processes.cpu_seconds(os.getpid())
    time.sleep(0.3)
    assert processes.cpu_seconds(os.getpid()) - before < 0.2


def test_the_cheapest_application_of_a_peer_counts() -> None:
    costs = {"pressroom": {"W1": 0.75}, "B": {"W1": 0.5}, "H": {"W1": 2.0}, "H'": {"W1": 1.0}}
    judged = {each.what: each for each in targets.verdicts(costs)}
    assert judged.keys() == {"W1 ÷ bare Flask", "W1 ÷ Litestar"}
    assert [(each.measured, each.limit, each.holds) for each in judged.values()] == [
        (1.5, 1.35, False),
        (0.75, 0.95, True),
    ]


def test_what_is_not_measured_is_not_judged() -> None:
    assert targets.verdicts({"B": {"W1": 0.6}}) == []


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A database with a few of the rows that are measured on."""
    path = tmp_path / "filled.sqlite"
    data.fill(path, 50)
    return path


def test_the_rows_are_those_that_pressroom_writes(filled: Path) -> None:
    with closing(sqlite3.connect(filled)) as db:
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        tagged = db.execute("SELECT tag FROM post_tags WHERE post_id = 50").fetchall()
    assert {tag for (tag,) in tagged} == set(rows.tags(50))


def test_a_cursor_leads_where_the_pages_lead(filled: Path) -> None:
    client = create_app(Settings(database_url=f"sqlite:///{filled}")).test_client()
    first = client.get(PAGE).get_json()
    assert [post["id"] for post in first["items"]] == list(range(50, 30, -1))
    assert data.cursor(filled, 2) == first["next_cursor"]
    assert len(client.get(f"{PAGE}&cursor={data.cursor(filled, 3)}").get_json()["items"]) == 10


def test_the_token_signs_in(filled: Path) -> None:
    client = create_app(Settings(database_url=f"sqlite:///{filled}")).test_client()
    for token, status in ((rows.TOKEN, 200), (rows.EXPIRED, 401)):
        assert client.get("/me", headers={"Authorization": f"Bearer {token}"}).status_code == status


def test_calls_and_instructions_of_a_request_are_counted() -> None:
    cost = calls.measure("GET /users/<username>", timed=1)
    assert cost.calls > cost.moves >= cost.files - 1 > 0
    assert cost.instructions > cost.calls
    assert cost.cpu_us > 0
