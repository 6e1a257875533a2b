"""Waiting for conditions."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], timeout: float = 60) -> None:
    """Wait until a condition holds, for at most `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
