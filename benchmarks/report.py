"""What has been measured, as Markdown and as JSON."""

import platform
import sqlite3
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.apps import APPS
from benchmarks.compare import Cells
from benchmarks.targets import Verdict
from benchmarks.works import WORKS

PACKAGES = (
    "django", "djangorestframework", "fastapi", "flask", "flask-smorest", "gunicorn", "litestar", "marshmallow",
    "msgspec", "orjson", "pydantic", "sqlalchemy", "uvicorn", "werkzeug",
)  # fmt: skip


def machine() -> dict[str, Any]:
    """Where it is measured, and with what."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": models[0].partition(": ")[2] if models else platform.machine(),
        "processors": len(models),
        "system": platform.platform(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{package: version(package) for package in PACKAGES},
    }


def costs(cells: Cells) -> dict[str, dict[str, float]]:
    """Of each application and work, the median CPU time of the rounds, in milliseconds."""
    return {
        key: {work: statistics.median(load.cpu_ms for load in loads) for work, loads in works.items()}
        for key, works in cells.items()
    }


def comparison(cells: Cells) -> str:
    """The first table: CPU milliseconds a request, median / least of the rounds, and the ratio of the median to B's."""
    works = list(next(iter(cells.values())))
    median = costs(cells)
    lines = []
    for key, by_work in cells.items():
        line = [f"{key} {APPS[key].title}" if len(key) < 3 else f"**{APPS[key].title}**"]
        for work in works:
            least = min(load.cpu_ms for load in by_work[work])
            line.append(f"{median[key][work]:.3f} / {least:.3f}")
            line.append(f"{median[key][work] / median['B'][work]:.2f}" if "B" in median else "")
        lines.append(line)
    return table(["application", *(cell for work in works for cell in (f"{work} ms", "÷ B"))], lines)


def ratios(cells: Cells) -> str:
    """Pressroom against each application: its cost, in multiples of the other's."""
    median = costs(cells)
    works = list(median["pressroom"])
    lines = [
        [f"÷ {key} {APPS[key].title}", *(f"{median['pressroom'][work] / median[key][work]:.2f}" for work in works)]
        for key in median
        if key != "pressroom"
    ]
    return table(["Pressroom", *(f"{work} {WORKS[work].title}" for work in works)], lines)


def judged(verdicts: Iterable[Verdict]) -> str:
    """Each limit, and whether it holds."""
    told = {True: "holds", False: "**fails**"}
    lines = [[each.what, f"{each.measured:,.2f}", f"{each.limit:,.2f}", told[each.holds]] for each in verdicts]
    return table(["limit", "measured", "wanted", ""], lines)


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines))


def as_json(cells: Cells, verdicts: Iterable[Verdict], **others: object) -> dict[str, Any]:
    """All of it, for who draws or compares."""
    rounds = {key: {work: [asdict(load) for load in loads] for work, loads in by.items()} for key, by in cells.items()}
    return {"machine": machine(), "limits": [each._asdict() for each in verdicts], **others, "rounds": rounds}
