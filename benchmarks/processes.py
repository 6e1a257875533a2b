"""CPU time and memory of a process and its children (proc(5))."""

import os
from collections.abc import Iterator
from pathlib import Path

_TICK = 1 / os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> Iterator[int]:
    """Yield the process and all its descendants."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from tree(int(child))


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of the tree so far, including children that have ended."""
    while True:
        try:
            return sum(_ticks(each) for each in tree(pid)) * _TICK
        except FileNotFoundError:  # a child has ended since it was listed; its parent's time includes its own now
            if not Path(f"/proc/{pid}").exists():
                raise


def _ticks(pid: int) -> int:
    # The name, in parentheses, may contain spaces. After it: utime, stime, and cutime, cstime of children waited for.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15])


def memory(pid: int) -> dict[str, float]:
    """Return the process's memory in megabytes: `rss`, and `pss`, which divides shared pages among their users."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kilobytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines[1:])}
    return {"rss": kilobytes["Rss"] / 1024, "pss": kilobytes["Pss"] / 1024}
