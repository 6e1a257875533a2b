"""Who waits for a database that answers nobody."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from api.store.engine.breaker import BLINK, CircuitBreaker
from api.store.errors import Unavailable


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.store.engine.breaker.SUSPICION", 0.05)
    monkeypatch.setattr("api.store.engine.breaker.PAUSE", 0.2)


class Failed(Exception):
    """What a probe may raise."""


@contextmanager
def refused_at_once() -> Iterator[None]:
    began = time.monotonic()
    with pytest.raises(Unavailable, match="does not answer"):
        yield
    assert time.monotonic() - began < BLINK


@pytest.fixture
def breaker() -> CircuitBreaker:
    """It is open: somebody has waited for too long."""
    breaker = CircuitBreaker()
    assert not breaker.is_open(idle=True)
    time.sleep(0.1)
    assert breaker.is_open(idle=False)
    return breaker


@contextmanager
def probing(breaker: CircuitBreaker) -> Iterator[None]:
    """Another thread has begun a probe, which is answered when the block ends."""
    began, answered = threading.Event(), threading.Event()

    def ask() -> None:
        began.set()
        answered.wait(5)

    other = threading.Thread(target=breaker.probe, args=[ask])
    other.start()
    began.wait(5)
    yield
    answered.set()
    other.join()


def unasked() -> None:
    raise AssertionError


def fail() -> None:
    time.sleep(0.1)
    raise Failed


def test_who_comes_alone_is_let_in_however_long_ago_the_last_one_was_answered() -> None:
    breaker = CircuitBreaker()
    for _ in range(2):
        assert not breaker.is_open(idle=True)
        breaker.answered(well=True)
        time.sleep(0.1)


def test_who_comes_alone_after_a_failure_is_not(breaker: CircuitBreaker) -> None:
    breaker.answered(well=False)
    assert breaker.is_open(idle=True)


def test_whoever_is_answered_closes_it(breaker: CircuitBreaker) -> None:
    breaker.answered(well=True)
    assert not breaker.is_open(idle=False)
    breaker.probe(unasked)


def test_one_at_a_time_asks_and_others_are_refused_at_once(breaker: CircuitBreaker) -> None:
    with probing(breaker):
        time.sleep(2 * BLINK)
        with refused_at_once():
            breaker.probe(unasked)
    assert not breaker.is_open(idle=False)


def test_a_probe_that_is_quick_refuses_nobody(breaker: CircuitBreaker) -> None:
    with probing(breaker):
        others = [threading.Thread(target=breaker.probe, args=[unasked]) for _ in range(3)]
        for other in others:
            other.start()
    for other in others:
        other.join()


def test_after_a_probe_in_vain_there_is_a_pause(breaker: CircuitBreaker) -> None:
    with pytest.raises(Failed):
        breaker.probe(fail)
    with refused_at_once():
        breaker.probe(unasked)
    time.sleep(0.2)
    breaker.probe(lambda: None)
    assert not breaker.is_open(idle=False)
