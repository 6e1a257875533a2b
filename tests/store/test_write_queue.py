"""Writers that wait for SQLite's lock leave threads to readers."""

import threading
import time
from collections.abc import Callable

import pytest

from api.store.engine.timeouts import Timeouts
from api.store.engine.write_queue import WriteQueue
from api.store.errors import Unavailable

TIMEOUTS = Timeouts(write_slot_seconds=2, write_stall_seconds=0.2)


def start(work: Callable[[], object], number: int) -> list[threading.Thread]:
    threads = [threading.Thread(target=work) for _ in range(number)]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.parametrize(("threads", "waiting"), [(1, 0), (2, 0), (4, 1), (8, 3), (9, 3)])
def test_half_of_the_threads_may_wait_while_no_write_succeeds(threads: int, waiting: int) -> None:
    queue, durations = WriteQueue(threads, TIMEOUTS), list[float]()

    def write() -> None:
        began = time.monotonic()
        with pytest.raises(Unavailable, match="Too many concurrent writes"):
            queue.acquire()
        durations.append(time.monotonic() - began)

    queue.acquire()
    for thread in start(write, threads + 4):
        thread.join()
    assert sum(duration > 1.5 for duration in durations) == waiting
    assert sum(duration < 1 for duration in durations) == threads + 4 - waiting


def test_writers_are_rejected_at_once_after_a_writer_could_not_begin() -> None:
    queue = WriteQueue(2, TIMEOUTS)
    queue.acquire()
    time.sleep(0.3)
    queue.release(success=False)
    queue.acquire()
    began = time.monotonic()
    with pytest.raises(Unavailable):
        queue.acquire()
    assert time.monotonic() - began < 0.1


def test_all_writers_wait_while_writes_succeed() -> None:
    queue, written = WriteQueue(2, TIMEOUTS), list[int]()

    def write() -> None:
        queue.acquire()
        time.sleep(0.03)
        written.append(1)
        queue.release(success=True)

    for thread in start(write, 20):
        thread.join()
    assert len(written) == 20


def test_a_queue_that_was_empty_for_long_is_not_stalled() -> None:
    queue = WriteQueue(2, TIMEOUTS)
    time.sleep(0.3)
    queue.acquire()
    other = start(queue.acquire, 1)
    time.sleep(0.1)
    queue.release(success=True)
    other[0].join()
    queue.release(success=True)


def test_writers_that_do_not_wait_are_rejected_at_once() -> None:
    queue = WriteQueue(8, TIMEOUTS)
    queue.acquire()
    began = time.monotonic()
    with pytest.raises(Unavailable):
        queue.acquire(wait=False)
    assert time.monotonic() - began < 0.1
