"""Counters that processes share."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api.http.counters import Counters

PROCESSES, HITS = 4, 2_000
fork = multiprocessing.get_context("fork")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "rate_limits")


@pytest.fixture(params=["file", "memory"])
def counters(request: pytest.FixtureRequest, path: str) -> Iterator[Counters]:
    counters = Counters(path if request.param == "file" else None)
    yield counters
    counters.close()


def run(*calls: Callable[[], object]) -> None:
    """Run functions in processes, and wait for them."""
    processes = [fork.Process(target=call) for call in calls]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0


def test_requests_are_counted_by_key(counters: Counters) -> None:
    assert [counters.hit("a", 60).requests for _ in range(3)] == [1, 2, 3]
    assert counters.hit("b", 60).requests == 1
    assert counters.hit("a", 60).requests == 4


def test_a_window_ends_and_the_next_begins_with_a_request(counters: Counters, monkeypatch: pytest.MonkeyPatch) -> None:
    started = time.monotonic()
    windows = []
    for seconds in (0, 1, 59, 61, 62):
        monkeypatch.setattr(time, "monotonic", lambda seconds=seconds: started + seconds)
        windows.append(counters.hit("a", 60))
    assert [window.requests for window in windows] == [1, 2, 3, 1, 2]
    assert [round(window.seconds_left) for window in windows] == [60, 59, 1, 60, 59]


def test_a_window_is_never_longer_than_its_length(counters: Counters, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(100):
        # In binary, the end has one digit more before the point.
        monkeypatch.setattr(time, "monotonic", lambda number=number: 2**15 - 1 - number / 10)
        assert counters.hit(f"a{number}", 60).seconds_left <= 60


def test_an_end_that_is_not_from_this_clock_is_replaced(counters: Counters, monkeypatch: pytest.MonkeyPatch) -> None:
    started = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: started + 1_000_000)
    counters.hit("a", 60)
    monkeypatch.undo()
    window = counters.hit("a", 60)
    assert (window.requests, window.seconds_left <= 60) == (1, True)


def test_processes_count_each_request_once(path: str) -> None:
    def hit() -> None:
        counters = Counters(path)
        for _ in range(HITS):
            counters.hit("a", 60)

    run(*[hit] * PROCESSES)
    assert Counters(path).hit("a", 60).requests == PROCESSES * HITS + 1


def test_a_killed_process_leaves_no_lock_and_no_wrong_count(path: str) -> None:
    counters = Counters(path)

    def hit() -> None:
        own = Counters(path)
        while True:
            own.hit("a", 600)

    for _ in range(5):
        process = fork.Process(target=hit)
        process.start()
        before = counters.hit("a", 600).requests
        while counters.hit("a", 600).requests < before + 200:
            time.sleep(0.001)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
    first = counters.hit("a", 600).requests
    assert [counters.hit("a", 600).requests for _ in range(3)] == [first + 1, first + 2, first + 3]


def test_a_stopped_process_that_has_the_lock_delays_others_briefly(path: str) -> None:
    counters, other = Counters(path), Counters(path)
    with other._locked():
        started = time.monotonic()
        assert counters.hit("a", 60).requests == 1
        # Longer than a busy machine may suspend a process: without the lock, a count may be lost.
        assert 0.1 <= time.monotonic() - started < 3
        assert [counters.hit("a", 60).requests for _ in range(2)] == [2, 3]
    assert counters.hit("a", 60).requests == 4


def test_the_size_is_the_same_for_any_number_of_keys_and_high_counts_remain(path: str) -> None:
    counters = Counters(path)
    size = Path(path).stat()
    victims = [f"sign-in-username/user-{number}" for number in range(100)]
    for victim in victims:
        for _ in range(20):
            counters.hit(victim, 900)
    for number in range(150_000):
        counters.hit(f"sign-in-address/2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::/64", 900)
    assert (Path(path).stat().st_size, Path(path).stat().st_blocks) == (size.st_size, size.st_blocks)
    assert size.st_size < 2_200_000
    assert [counters.hit(victim, 900).requests for victim in victims] == [21] * 100


def test_without_room_for_the_file_this_process_counts_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    for path in ("/dev/full", "/nowhere/rate_limits"):
        assert [Counters(path).hit("a", 60).requests for _ in range(2)] == [1, 1]
        counters = Counters(path)
        assert [counters.hit("a", 60).requests for _ in range(2)] == [1, 2]
    assert "/dev/full cannot be used for rate limits, so this process counts by itself" in caplog.text
