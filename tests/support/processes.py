"""Processes."""

from pathlib import Path


def child_pids(pid: int) -> list[int]:
    """Return the process ids of a process's children, lowest first."""
    return sorted(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
