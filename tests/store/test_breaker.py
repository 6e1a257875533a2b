"""Who waits for a database that answers nobody."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from api.store.breaker import BLINK, CircuitBreaker
from api.store.errors import Unavailable


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.store.breaker.SUSPICION", 0.05)
    monkeypatch.setattr("api.store.breaker.PAUSE", 0.2)


class Asking(threading.Thread):
    """Somebody who is let in, and waits until they are told what came of it."""

    def __init__(self, breaker: CircuitBreaker) -> None:
        super().__init__()
        self.breaker, self.entered, self.told, self.answered = breaker, threading.Event(), threading.Event(), False
        self.on_trial: bool | None = None
        self.start()
        self.entered.wait(5)

    def run(self) -> None:
        self.on_trial = self.breaker.enter(alone=False)
        self.entered.set()
        self.told.wait(5)
        self.breaker.leave(answered=self.answered)

    def end(self, *, answered: bool) -> None:
        self.answered = answered
        self.told.set()
        self.join()


@contextmanager
def refused_at_once() -> Iterator[None]:
    began = time.monotonic()
    with pytest.raises(Unavailable, match="does not answer"):
        yield
    assert time.monotonic() - began < BLINK


@pytest.fixture
def breaker() -> CircuitBreaker:
    """It has been open since somebody waited for too long, and others came."""
    breaker = CircuitBreaker()
    assert not breaker.enter(alone=True)
    time.sleep(0.1)
    return breaker


def test_who_comes_alone_is_let_in_however_long_ago_the_last_one_was_answered() -> None:
    breaker = CircuitBreaker()
    for _ in range(2):
        assert not breaker.enter(alone=True)
        breaker.leave(answered=True)
        time.sleep(0.1)


def test_while_others_are_answered_everybody_is_let_in(breaker: CircuitBreaker) -> None:
    breaker.leave(answered=True)
    assert not breaker.enter(alone=False)


def test_one_at_a_time_is_on_trial_and_others_are_refused_at_once(breaker: CircuitBreaker) -> None:
    trial = Asking(breaker)
    assert trial.on_trial
    time.sleep(2 * BLINK)
    with refused_at_once():
        breaker.enter(alone=False)
    trial.end(answered=True)
    assert not breaker.enter(alone=False)


def test_a_trial_that_is_quick_refuses_nobody(breaker: CircuitBreaker) -> None:
    trial = Asking(breaker)
    others = [threading.Thread(target=breaker.enter, kwargs={"alone": False}) for _ in range(3)]
    for other in others:
        other.start()
    trial.end(answered=True)
    for other in others:
        other.join()
    assert not breaker.enter(alone=False)


def test_after_a_trial_in_vain_there_is_a_pause(breaker: CircuitBreaker) -> None:
    trial = Asking(breaker)
    time.sleep(0.1)
    trial.end(answered=False)
    with refused_at_once():
        breaker.enter(alone=True)
    time.sleep(0.2)
    assert breaker.enter(alone=True)
    breaker.leave(answered=True)
    assert not breaker.enter(alone=False)
