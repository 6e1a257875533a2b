"""Results as Markdown and as JSON."""

import platform
import sqlite3
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.apps import APPS, App
from benchmarks.compare import Measurements
from benchmarks.limits import Check
from benchmarks.workloads import WORKLOADS

PACKAGES = (
    "django", "djangorestframework", "fastapi", "flask", "flask-smorest", "gunicorn", "litestar", "marshmallow",
    "msgspec", "orjson", "pydantic", "sqlalchemy", "uvicorn", "werkzeug",
)  # fmt: skip


def machine() -> dict[str, Any]:
    """Describe the machine and the versions that are measured."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": models[0].partition(": ")[2] if models else platform.machine(),
        "processors": len(models),
        "system": platform.platform(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{package: version(package) for package in PACKAGES},
    }


def median_costs(measurements: Measurements) -> dict[str, dict[str, float]]:
    """Return the median CPU time of the rounds in milliseconds, for each application and workload."""
    return {
        key: {name: statistics.median(load.cpu_ms for load in loads) for name, loads in by_workload.items()}
        for key, by_workload in measurements.items()
    }


def comparison_table(measurements: Measurements, apps: Mapping[str, App] = APPS) -> str:
    """Format the first table: CPU milliseconds per request, median / least of the rounds, and the median ÷ B's."""
    workloads = list(next(iter(measurements.values())))
    median = median_costs(measurements)
    lines = []
    for key, by_workload in measurements.items():
        line = [f"{key} {apps[key].title}" if len(key) < 3 else f"**{apps[key].title}**"]
        for name in workloads:
            least = min(load.cpu_ms for load in by_workload[name])
            line.append(f"{median[key][name]:.3f} / {least:.3f}")
            line.append(f"{median[key][name] / median['B'][name]:.2f}" if "B" in median else "")
        lines.append(line)
    return markdown_table(["application", *(cell for name in workloads for cell in (f"{name} ms", "÷ B"))], lines)


def ratio_table(measurements: Measurements) -> str:
    """Format Pressroom's cost as a multiple of each other application's."""
    median = median_costs(measurements)
    workloads = list(median["pressroom"])
    lines = [
        [f"÷ {key} {APPS[key].title}", *(f"{median['pressroom'][name] / median[key][name]:.2f}" for name in workloads)]
        for key in median
        if key != "pressroom"
    ]
    return markdown_table(["Pressroom", *(f"{name} {WORKLOADS[name].title}" for name in workloads)], lines)


def limits_table(checks: Iterable[Check]) -> str:
    """Format each limit, and whether it is met."""
    results = {True: "passed", False: "**failed**"}
    lines = [[each.name, f"{each.measured:,.2f}", f"{each.limit:,.2f}", results[each.passed]] for each in checks]
    return markdown_table(["check", "measured", "limit", ""], lines)


def markdown_table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Format a table in Markdown."""
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines))


def as_json(measurements: Measurements, checks: Iterable[Check], **others: object) -> dict[str, Any]:
    """Return all results as JSON values."""
    rounds = {
        key: {name: [asdict(load) for load in loads] for name, loads in by_workload.items()}
        for key, by_workload in measurements.items()
    }
    return {"machine": machine(), "checks": [each._asdict() for each in checks], **others, "rounds": rounds}
