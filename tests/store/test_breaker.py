"""The circuit breaker: when it opens, who probes, and when it closes."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from api.store.engine.breaker import CircuitBreaker
from api.store.engine.timeouts import Timeouts
from api.store.errors import Unavailable

TIMEOUTS = Timeouts(breaker_open_after_seconds=0.05, breaker_retry_seconds=0.5)
PROBE_SECONDS = 20
"""How long a probe waits for a response, which ends it sooner."""


class ProbeError(Exception):
    """An error that a probe raises."""


@contextmanager
def fails_fast() -> Iterator[None]:
    """Assert that a call in the block fails long before a probe that gets no response."""
    began = time.monotonic()
    with pytest.raises(Unavailable, match="is unavailable"):
        yield
    assert time.monotonic() - began < PROBE_SECONDS / 10


@pytest.fixture
def timeouts() -> Timeouts:
    """The timeouts of `breaker`; tests override them by parametrization."""
    return TIMEOUTS


@pytest.fixture
def breaker(timeouts: Timeouts) -> CircuitBreaker:
    """An open circuit breaker: a caller has waited for too long."""
    breaker = CircuitBreaker(timeouts)
    assert not breaker.is_open(idle=True)
    time.sleep(0.1)
    assert breaker.is_open(idle=False)
    return breaker


@contextmanager
def probing(breaker: CircuitBreaker) -> Iterator[None]:
    """Probe in another thread, successfully at the end of the block."""
    began, responded = threading.Event(), threading.Event()

    def attempt() -> None:
        began.set()
        responded.wait(PROBE_SECONDS)

    thread = threading.Thread(target=breaker.probe, args=[attempt])
    thread.start()
    assert began.wait(PROBE_SECONDS)
    yield
    responded.set()
    thread.join()


def never_called() -> None:
    raise AssertionError


def fail() -> None:
    time.sleep(TIMEOUTS.breaker_retry_seconds)
    raise ProbeError


def test_idle_time_after_a_success_does_not_open_the_breaker() -> None:
    breaker = CircuitBreaker(TIMEOUTS)
    for _ in range(2):
        assert not breaker.is_open(idle=True)
        breaker.record(success=True)
        time.sleep(0.1)


def test_idle_time_after_a_failure_opens_the_breaker(breaker: CircuitBreaker) -> None:
    breaker.record(success=False)
    assert breaker.is_open(idle=True)


def test_a_success_closes_the_breaker(breaker: CircuitBreaker) -> None:
    breaker.record(success=True)
    assert not breaker.is_open(idle=False)
    breaker.probe(never_called)


def test_one_caller_probes_while_others_fail_fast(breaker: CircuitBreaker) -> None:
    with probing(breaker):
        time.sleep(2 * TIMEOUTS.breaker_probe_wait_seconds)
        with fails_fast():
            breaker.probe(never_called)
    assert not breaker.is_open(idle=False)


@pytest.mark.parametrize("timeouts", [replace(TIMEOUTS, breaker_probe_wait_seconds=2)], ids=["patient callers"])
def test_no_caller_fails_while_a_probe_succeeds_quickly(breaker: CircuitBreaker) -> None:
    with probing(breaker):
        # They may probe, too, if they find out late that the first probe has succeeded.
        callers = [threading.Thread(target=breaker.probe, args=[lambda: None]) for _ in range(3)]
        for caller in callers:
            caller.start()
    for caller in callers:
        caller.join()


def test_callers_fail_fast_after_a_failed_probe_until_the_next(breaker: CircuitBreaker) -> None:
    with pytest.raises(ProbeError):
        breaker.probe(fail)
    with fails_fast():
        breaker.probe(never_called)
    time.sleep(TIMEOUTS.breaker_retry_seconds)
    breaker.probe(lambda: None)
    assert not breaker.is_open(idle=False)
