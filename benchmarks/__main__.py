"""`make bench`: measure, and tell."""

import argparse
import json
import time
from collections.abc import Callable, Sequence

from benchmarks import alone, plot, report, targets
from benchmarks.apps import APPS
from benchmarks.compare import compare
from benchmarks.load import require_tools
from benchmarks.paths import HERE, RESULTS
from benchmarks.works import WORKS


def main() -> None:
    """Measure what the command line asks for; without arguments, everything."""
    asked = _arguments()
    require_tools()
    began = time.monotonic()
    cells, memory = compare(asked.apps, asked.only, rounds=asked.rounds, seconds=asked.seconds)
    told, verdicts = [report.comparison(cells)], targets.verdicts(report.costs(cells))
    others: dict[str, object] = {}
    if "pressroom" in asked.apps:
        told.append(report.ratios(cells))
    whole = asked.apps == list(APPS) and asked.only == list(WORKS)
    if whole:
        mine, others = _alone(memory, rounds=asked.rounds, seconds=asked.seconds)
        verdicts += mine
    told.append(report.judged(verdicts))
    print("", *told, f"{time.monotonic() - began:.0f} seconds.", sep="\n\n")
    if whole:
        # What is measured in part replaces nothing.
        results = report.as_json(cells, verdicts, seconds=asked.seconds, **others)
        RESULTS.mkdir(parents=True, exist_ok=True)
        (RESULTS / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
        plot.draw(report.costs(cells), HERE / "results.png")


def _alone(memory: dict[str, float], *, rounds: int, seconds: int) -> tuple[list[targets.Verdict], dict[str, object]]:
    print("Pressroom alone: growth, start, import", flush=True)
    growth = alone.growth(rounds=rounds, seconds=seconds)
    start, imported = alone.start(), alone.imports()
    verdicts = [
        targets.at_most(f"{read}: a million posts ÷ 100,000", found["large"] / found["small"], targets.GROWTH)
        for read, found in growth.items()
    ]
    first, deepest = (growth[f"the {which} page"]["large"] for which in ("first", "deepest"))
    verdicts += [
        targets.at_most("of a million posts, the deepest page ÷ the first", deepest / first, targets.GROWTH),
        targets.at_most("memory of the worker after the load, MB (RSS)", memory["rss"], targets.MEMORY),
        targets.at_most("start to the first answer, seconds", start, targets.START),
        targets.at_least("`pressroom import`, posts in a second", imported, targets.IMPORT),
    ]
    return verdicts, {"growth": growth, "memory": memory, "start": start, "import": imported}


def _arguments() -> argparse.Namespace:
    def some(known: Sequence[str]) -> Callable[[str], list[str]]:
        def chosen(text: str) -> list[str]:
            names = text.split(",")
            if unknown := set(names) - set(known):
                raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: write some of {','.join(known)}")
            return [name for name in known if name in names]

        return chosen

    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="how often each is measured (%(default)s)")
    parser.add_argument("--seconds", type=int, default=1, help="for how long each time (%(default)s)")
    parser.add_argument("--only", type=some(list(WORKS)), default=list(WORKS), help="works, such as W1,W3")
    parser.add_argument("--apps", type=some(list(APPS)), default=list(APPS), help="applications, such as pressroom,B")
    return parser.parse_args()


if __name__ == "__main__":
    main()
