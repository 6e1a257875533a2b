"""gunicorn after the wall clock of the machine was set forward."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from api.store.clock import BOOT_CLOCK, OFFSET_VARIABLE
from tests.support.servers import Server, sign_up

pytestmark = pytest.mark.heavy

DAY_AND_HOUR = timedelta(hours=25)


@pytest.mark.parametrize("is_step", [True, False], ids=["clock set forward", "time passed"])
def test_a_key_is_replayed_though_the_clock_was_set_forward(serve: Callable[..., Server], is_step: bool) -> None:
    """The clock of a test cannot be set, so the master hands down the offset from before, and the key is made older."""
    offset = time.time() - time.clock_gettime(BOOT_CLOCK) - is_step * DAY_AND_HOUR.total_seconds()
    server = serve(**{OFFSET_VARIABLE: str(offset)})
    headers = {**sign_up(server), "Idempotency-Key": "k"}
    content = {"title": "t", "body": "b"}
    first = server.post_json("/posts", content, headers)
    with closing(sqlite3.connect(server.database_url.removeprefix("sqlite:///"))) as database, database:
        created_at = (datetime.now(UTC) - DAY_AND_HOUR).replace(tzinfo=None).isoformat(" ", "microseconds")
        database.execute("UPDATE idempotency_keys SET created_at = ?", [created_at])
    again = server.post_json("/posts", content, headers)
    assert (again == first) == is_step
