"""The clock by which idempotency keys age: a step of the wall clock does not end them early."""

import os
import time
from datetime import UTC, datetime
from functools import cache

OFFSET_VARIABLE = "WALL_CLOCK_OFFSET"
"""Environment variable in which `gunicorn.conf.py` hands the offset of its own start to all workers."""
# Unlike CLOCK_MONOTONIC, it counts the time that a machine is suspended; only Linux has it.
BOOT_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@cache
def wall_clock_offset() -> float:
    """Return what the wall clock showed when the machine was started, by the wall clock at the start of the server."""
    return float(os.environ.get(OFFSET_VARIABLE) or time.time() - time.clock_gettime(BOOT_CLOCK))


def steady_now() -> datetime:
    """Return the current time as if the wall clock had not been set since the start of the server."""
    return datetime.fromtimestamp(wall_clock_offset() + time.clock_gettime(BOOT_CLOCK), UTC)
