"""Writers that wait for SQLite's lock leave threads to readers."""

import threading
import time
from collections.abc import Callable
from functools import partial

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


def test_half_of_the_threads_may_wait_while_no_write_succeeds() -> None:
    sizes = {1: 0, 2: 0, 4: 1, 8: 3, 9: 3}  # the number of threads, and of those that may wait
    durations: dict[int, list[float]] = {threads: [] for threads in sizes}
    queues = {threads: WriteQueue(threads, TIMEOUTS) for threads in sizes}

    def write(threads: int) -> None:
        began = time.monotonic()
        with pytest.raises(Unavailable, match="Too many concurrent writes"):
            queues[threads].acquire()
        durations[threads].append(time.monotonic() - began)

    writers = []
    for threads, queue in queues.items():
        queue.acquire()
        writers += start(partial(write, threads), threads + 4)
    for writer in writers:
        writer.join()
    for threads, waiting in sizes.items():
        assert len(durations[threads]) == threads + 4
        assert sum(duration >= TIMEOUTS.write_slot_seconds for duration in durations[threads]) == waiting


def test_writers_are_rejected_at_once_after_a_writer_could_not_begin() -> None:
    queue = WriteQueue(2, TIMEOUTS)
    queue.acquire()
    time.sleep(0.3)
    queue.release(success=False)
    queue.acquire()
    began = time.monotonic()
    with pytest.raises(Unavailable):
        queue.acquire()
    assert time.monotonic() - began < TIMEOUTS.write_slot_seconds / 2


def test_all_writers_wait_while_writes_succeed() -> None:
    """Longer than without a success, in which a busy machine may not delay a writer."""
    queue, written = WriteQueue(2, Timeouts(write_slot_seconds=60, write_stall_seconds=1)), list[int]()
    began = time.monotonic()

    def write() -> None:
        queue.acquire()
        time.sleep(0.06)
        written.append(1)
        queue.release(success=True)

    for thread in start(write, 20):
        thread.join()
    assert len(written) == 20
    assert time.monotonic() - began > 1


def let_a_writer_wait_for_another(queue: WriteQueue) -> None:
    queue.acquire()
    other = start(queue.acquire, 1)
    time.sleep(0.1)
    queue.release(success=True)
    other[0].join()
    queue.release(success=True)


def test_a_queue_that_was_empty_for_long_is_not_stalled() -> None:
    queue = WriteQueue(2, Timeouts(write_slot_seconds=60, write_stall_seconds=1))
    time.sleep(1.1)
    let_a_writer_wait_for_another(queue)


def test_a_writer_that_did_not_wait_shows_no_stall() -> None:
    queue = WriteQueue(2, Timeouts(write_slot_seconds=60, write_stall_seconds=1))
    queue.acquire(wait=False)
    queue.release(success=False, waited=False)
    time.sleep(1.1)
    let_a_writer_wait_for_another(queue)


def test_writers_that_do_not_wait_are_rejected_at_once() -> None:
    queue = WriteQueue(8, TIMEOUTS)
    queue.acquire()
    began = time.monotonic()
    with pytest.raises(Unavailable):
        queue.acquire(wait=False)
    assert time.monotonic() - began < TIMEOUTS.write_slot_seconds / 2
