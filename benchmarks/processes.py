"""What a process and its children have used (proc(5))."""

import os
from collections.abc import Iterator
from pathlib import Path

_TICK = 1 / os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> Iterator[int]:
    """The process and its children, and theirs."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from tree(int(child))


def cpu_seconds(pid: int) -> float:
    """Seconds of user and system time of the tree so far, with those of children that have ended."""
    return sum(_ticks(each) for each in tree(pid)) * _TICK


def _ticks(pid: int) -> int:
    # The name, in parentheses, may hold spaces. Behind it: utime, stime, and of children waited for, cutime, cstime.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15])


def memory(pid: int) -> dict[str, float]:
    """Megabytes of the process: `rss`, and `pss`, in which what processes share is divided among them."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kilobytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines[1:])}
    return {"rss": kilobytes["Rss"] / 1024, "pss": kilobytes["Pss"] / 1024}
