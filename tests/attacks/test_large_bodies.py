"""Many of the worst bodies at once, at gunicorn with its shipped configuration."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event

import pytest

from tests.attacks.site import WORKER_MAX_MB, rows
from tests.support.memory import peak_mb, reset_peak
from tests.support.servers import Server, sign_up, worker_pids
from tests.support.worst_bodies import ILLEGAL

pytestmark = [pytest.mark.heavy, pytest.mark.alone]

AT_ONCE, PER_CLIENT = 16, 3
NAMES = [
    "numbers",
    "short texts",
    "unknown properties",
    "unknown properties and a colon",
    "nested objects",
    "a long text",
]


@pytest.mark.parametrize("name", NAMES)
def test_the_worst_bodies_delay_no_other_client_and_take_little_memory(serve: Callable[..., Server], name: str) -> None:
    server = serve(WEB_CONCURRENCY="2", PRESSROOM_RATE_LIMITS="off")
    headers = {"Content-Type": "application/json", **sign_up(server)}
    raw = ILLEGAL[name].fill(b"tags")
    is_over, done_at = Event(), list[float]()

    def send(_: object = None) -> int:
        with closing(server.connect(timeout=120)) as connection:
            connection.request("POST", "/posts", raw, headers)
            status = connection.getresponse().status
            done_at.append(time.monotonic())
            return status

    def read(path: str) -> list[tuple[float, float]]:
        times = []
        while not is_over.wait(0.05):
            started_at = time.monotonic()
            assert server.get_status(path) == 200
            times.append((started_at, time.monotonic()))
        return times

    started_at = time.monotonic()
    send()
    alone = time.monotonic() - started_at
    for pid in worker_pids(server):
        reset_peak(pid)
    with ThreadPoolExecutor(AT_ONCE) as attackers, ThreadPoolExecutor(2) as others:
        reading = [others.submit(read, path) for path in ("/health/live", "/posts")]
        try:
            statuses = set(attackers.map(send, range(AT_ONCE * PER_CLIENT)))
        finally:
            is_over.set()
        reads = [times for each in reading for times in each.result()]
    peak = max(map(peak_mb, worker_pids(server)))
    slowest = max(end - start for start, end in reads)
    bodies = max(sum(start < at < end for at in done_at) for start, end in reads)
    other = f"slowest {slowest:.2f} s, {bodies} bodies"
    rows.append((f"4 MiB of {name}, {alone:.2f} s each", AT_ONCE * PER_CLIENT, f"{peak:.0f} MB", other, ""))
    # 503: too many large bodies at once.
    assert ILLEGAL[name].status in statuses
    assert statuses <= {ILLEGAL[name].status, 503}
    assert peak <= WORKER_MAX_MB
    # Seconds depend on what else the machine does.
    assert bodies < AT_ONCE
    assert slowest <= max(1, 12 * alone)
