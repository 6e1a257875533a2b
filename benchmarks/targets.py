"""What Pressroom's requests may cost at the most, in multiples of a peer's."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

LIMITS: dict[str, tuple[tuple[str, ...], dict[str, float]]] = {
    "bare Flask": (("B",), {"W1": 1.35, "W2": 1.35, "W3": 1.5, "W4": 1.30}),
    "Litestar": (("H", "H'"), {"W1": 0.95, "W2": 0.80, "W3": 0.60, "W4": 0.90}),
    "FastAPI": (("E",), {"W1": 0.45, "W2": 0.35, "W3": 0.35, "W4": 0.40}),
    "DRF": (("F",), {"W1": 0.40, "W2": 0.25, "W3": 0.50, "W4": 0.30}),
}
"""Of each peer: its applications, the cheapest of which counts, and the limit for each work."""

GROWTH = 1.1
MEMORY = 75.0
START = 1.5
IMPORT = 5_000.0
"""For Pressroom alone: a ratio, megabytes, seconds, posts in a second."""

Costs = Mapping[str, Mapping[str, float]]
"""Of each application, by its key, the CPU time of each work in milliseconds."""


class Verdict(NamedTuple):
    """A limit, and what it is held against."""

    what: str
    measured: float
    limit: float
    holds: bool


def verdicts(costs: Costs) -> list[Verdict]:
    """Of each limit whose both sides have been measured, whether it holds."""
    ours = costs.get("pressroom", {})
    return [
        at_most(f"{work} ÷ {peer}", ours[work] / min(theirs), limit)
        for peer, (keys, limits) in LIMITS.items()
        for work, limit in limits.items()
        if work in ours and (theirs := _known(costs, keys, work))
    ]


def at_most(what: str, measured: float, limit: float) -> Verdict:
    """Whether something is small enough."""
    return Verdict(what, measured, limit, measured <= limit)


def at_least(what: str, measured: float, limit: float) -> Verdict:
    """Whether something is large enough."""
    return Verdict(what, measured, limit, measured >= limit)


def _known(costs: Costs, keys: Iterable[str], work: str) -> list[float]:
    return [costs[key][work] for key in keys if work in costs.get(key, {})]
