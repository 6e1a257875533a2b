"""The memory of a process, as Linux counts it."""

import re
from pathlib import Path


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process."""
    return _status(pid, "VmRSS")


def peak_mb(pid: int) -> float:
    """Return the most resident memory that a process had since `reset_peak`."""
    return _status(pid, "VmHWM")


def reset_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _status(pid: int, name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024
