"""Processes."""

import os
from pathlib import Path


def child_pids(pid: int) -> list[int]:
    """Return the process ids of a process's children, lowest first."""
    return sorted(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has taken, to a hundredth of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
