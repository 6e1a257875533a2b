"""Limits on what Pressroom's requests may cost, as multiples of a peer's."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

Limits: TypeAlias = Mapping[str, tuple[tuple[str, ...], Mapping[str, float]]]

LIMITS: Limits = {
    # W3 indexes the words of the post; the others do not.
    "bare Flask": (("B",), {"W1": 1.25, "W2": 1.35, "W3": 1.60, "W4": 1.25}),
    "Litestar": (("H", "H'"), {"W1": 0.95, "W2": 0.80, "W3": 0.60, "W4": 0.90}),
    "FastAPI": (("E",), {"W1": 0.45, "W2": 0.35, "W3": 0.35, "W4": 0.40}),
    "DRF": (("F",), {"W1": 0.40, "W2": 0.25, "W3": 0.50, "W4": 0.30}),
}
"""For each peer: its applications, of which the cheapest counts, and the limit for each workload."""
POSTGRESQL_LIMITS: Limits = {
    "bare Flask on PostgreSQL": (("B",), {"W1": 1.15, "W2": 1.20, "W3": 1.35, "W4": 1.15}),
}
"""The same, where both are on the same PostgreSQL database."""

GROWTH_RATIO = 1.1
MEMORY_MB = 75.0
START_SECONDS = 1.5
IMPORTS_PER_SECOND = 3_000.0
LARGE_BODY_MS = 300.0
"""Limits for Pressroom on its own."""

Costs = Mapping[str, Mapping[str, float]]
"""For each application, by its key, the CPU time of each workload in milliseconds."""


class Check(NamedTuple):
    """A measured value beside its limit."""

    name: str
    measured: float
    limit: float
    passed: bool


def check_costs(costs: Costs, limits: Limits = LIMITS) -> list[Check]:
    """Check each limit for which both sides have been measured."""
    ours = costs.get("pressroom", {})
    return [
        at_most(f"{workload} ÷ {peer}", ours[workload] / min(theirs), limit)
        for peer, (keys, limit_by_workload) in limits.items()
        for workload, limit in limit_by_workload.items()
        if workload in ours and (theirs := _measured(costs, keys, workload))
    ]


def at_most(name: str, measured: float, limit: float) -> Check:
    """Check an upper limit."""
    return Check(name, measured, limit, measured <= limit)


def at_least(name: str, measured: float, limit: float) -> Check:
    """Check a lower limit."""
    return Check(name, measured, limit, measured >= limit)


def _measured(costs: Costs, keys: Iterable[str], workload: str) -> list[float]:
    return [costs[key][workload] for key in keys if workload in costs.get(key, {})]
