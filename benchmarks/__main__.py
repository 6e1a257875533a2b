"""Measure what requests cost, and check the limits: `make bench`."""

import argparse
import json
import time
from collections.abc import Callable, Sequence

from benchmarks import large_bodies, limits, plot, pressroom_only, report
from benchmarks.apps import APPS, on_postgresql
from benchmarks.compare import compare
from benchmarks.databases import POSTS
from benchmarks.load import require_tools
from benchmarks.paths import BENCHMARKS, RESULTS
from benchmarks.postgresql import postgresql_server
from benchmarks.workloads import WORKLOADS

DATABASES = ("sqlite", "postgresql")


def main() -> None:
    """Measure what the arguments select; without arguments, everything."""
    arguments = _arguments()
    require_tools()
    started_at = time.monotonic()
    load = {"rounds": arguments.rounds, "seconds": arguments.seconds}
    tables, checks = list[str](), list[limits.Check]()
    if "postgresql" in arguments.databases:
        tables, checks = _on_postgresql(arguments.only, **load)
    others: dict[str, object] = {}
    is_full = arguments.apps == list(APPS) and arguments.only == list(WORKLOADS) and len(arguments.databases) > 1
    if "sqlite" in arguments.databases:
        measurements, memory = compare(APPS, arguments.apps, arguments.only, **load)
        tables.insert(0, report.comparison_table(measurements))
        checks = limits.check_costs(report.median_costs(measurements)) + checks
        if "pressroom" in arguments.apps:
            tables.insert(1, report.ratio_table(measurements))
    if is_full:
        more_checks, others = _pressroom_only(memory, rounds=arguments.rounds, seconds=arguments.seconds)
        checks += more_checks
    tables.append(report.limits_table(checks))
    print("", *tables, f"{time.monotonic() - started_at:.0f} seconds.", sep="\n\n")
    if is_full:
        # A partial run does not overwrite the results of a full one.
        results = report.as_json(measurements, checks, seconds=arguments.seconds, **others)
        RESULTS.mkdir(parents=True, exist_ok=True)
        (RESULTS / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
        plot.draw(report.median_costs(measurements), BENCHMARKS / "results.png")


def _on_postgresql(workloads: Sequence[str], *, rounds: int, seconds: int) -> tuple[list[str], list[limits.Check]]:
    print("On PostgreSQL", flush=True)
    with postgresql_server(POSTS) as url:
        apps = on_postgresql(url.replace("postgresql+psycopg:", "postgresql:"))
        measurements, _ = compare(apps, list(apps), workloads, rounds=rounds, seconds=seconds)
    checks = limits.check_costs(report.median_costs(measurements), limits.POSTGRESQL_LIMITS)
    return [f"On PostgreSQL:\n\n{report.comparison_table(measurements, apps)}"], checks


def _pressroom_only(
    memory: dict[str, float], *, rounds: int, seconds: int
) -> tuple[list[limits.Check], dict[str, object]]:
    print("Pressroom only: growth, start, import, large bodies", flush=True)
    growth = pressroom_only.growth(rounds=rounds, seconds=seconds)
    start, imported = pressroom_only.start_seconds(), pressroom_only.imports_per_second()
    large = large_bodies.cpu_milliseconds()
    checks = [
        limits.at_most(f"{read}: a million posts ÷ 100,000", cost["large"] / cost["small"], limits.GROWTH_RATIO)
        for read, cost in growth.items()
    ]
    first, deepest = (growth[f"the {which} page"]["large"] for which in ("first", "deepest"))
    checks += [
        limits.at_most("a million posts: the deepest page ÷ the first", deepest / first, limits.GROWTH_RATIO),
        limits.at_most("memory of the worker after the load, MB (RSS)", memory["rss"], limits.MEMORY_MB),
        limits.at_most("start to the first response, seconds", start, limits.START_SECONDS),
        limits.at_least("`pressroom import`, posts per second", imported, limits.IMPORTS_PER_SECOND),
        *(limits.at_most(f"4 MiB, {name}: CPU ms", cost, limits.LARGE_BODY_MS) for name, cost in large.items()),
    ]
    return checks, {"growth": growth, "memory": memory, "start": start, "import": imported, "large bodies": large}


def _arguments() -> argparse.Namespace:
    def subset(known: Sequence[str]) -> Callable[[str], list[str]]:
        def parse(text: str) -> list[str]:
            names = text.split(",")
            if unknown := set(names) - set(known):
                raise argparse.ArgumentTypeError(f"unknown {', '.join(sorted(unknown))}: choose from {','.join(known)}")
            return [name for name in known if name in names]

        return parse

    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="number of rounds (%(default)s)")
    parser.add_argument("--seconds", type=int, default=1, help="seconds of load per round (%(default)s)")
    parser.add_argument("--only", type=subset(list(WORKLOADS)), default=list(WORKLOADS), help="workloads: W1,W3")
    parser.add_argument(
        "--databases", type=subset(DATABASES), default=list(DATABASES), help="databases: sqlite,postgresql"
    )
    parser.add_argument("--apps", type=subset(list(APPS)), default=list(APPS), help="applications: pressroom,B")
    return parser.parse_args()


if __name__ == "__main__":
    main()
