"""Waiting for conditions."""

import time
from collections.abc import Callable


def until(happened: Callable[[], object], seconds: float = 20) -> None:
    """Wait until it has."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)
