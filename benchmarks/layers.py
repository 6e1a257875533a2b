"""CPU time of Pressroom's requests by layer: `python -m benchmarks.layers`."""

import faulthandler
import os
import re
import signal
import sysconfig
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import databases
from benchmarks.apps import GUNICORN, pressroom
from benchmarks.load import require_tools, run_wrk
from benchmarks.paths import ROOT, SCRATCH
from benchmarks.report import markdown_table
from benchmarks.servers import Server, serve
from benchmarks.workloads import WORKLOADS, Workload

SECONDS, RUNS = 2, 4
INTERVAL_SECONDS = 0.001  # of CPU time; the kernel rounds it up to a tick of its clock

OBSERVABILITY, OTHER = "observability", "none of these"
LAYERS = {
    # Between two requests, a thread waits in the thread pool of gunicorn's worker.
    "gunicorn": ("gunicorn/", "concurrent/futures/"),
    "Werkzeug": ("werkzeug/",),
    "Flask": ("flask/", "blinker/"),
    "flask-smorest, webargs": ("flask_smorest/", "webargs/", "apispec/"),
    "authentication": ("flask_httpauth.py", "api/http/authentication.py"),
    "the rest of `api/http`, `api/resources`": ("api/", "flask_cors/", "limits/"),
    "store: `api/store`, SQLAlchemy, SQLite": ("api/store/", "sqlalchemy/", "sqlite3/"),
    "schemas: `api/schemas`, marshmallow": ("api/schemas/", "marshmallow/"),
    "JSON": ("api/json.py", "api/http/json.py", "json/"),
    OBSERVABILITY: (
        "gunicorn/glogging.py",
        "api/http/access_log.py",
        "api/http/observability.py",
        "api/metrics.py",
        "prometheus_client/",
    ),
}
"""The path prefixes of each layer, in the directory of installation; the longest match counts."""

_STARTS = sorted(((start, layer) for layer in LAYERS for start in LAYERS[layer]), key=lambda each: -len(each[0]))
# Packages come first, because they may be installed below either of the other two.
_BASES = [f"{base}/" for base in (sysconfig.get_path("purelib"), ROOT, sysconfig.get_path("stdlib"))]
_STACK = "Stack (most recent call first):\n"
_FILE = re.compile(r'^  File "(.+)", line ', re.MULTILINE)


def sampled_app() -> Any:
    """Return Pressroom for gunicorn's worker, and start to log the worker's stack at each interval of its CPU time.

    The kernel sends the signal to the running thread, and faulthandler handles it at once, even if another thread holds
    the interpreter lock. So system calls and SQLite, which release the lock, are counted as well. An external sampler,
    such as py-spy, cannot distinguish running threads from waiting ones, and stops all threads while it samples.
    """
    from api.app import create_app  # noqa: PLC0415 (only the worker needs it)

    app = create_app()
    stacks = os.open(os.environ["BENCH_STACKS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    faulthandler.register(signal.SIGPROF, file=stacks, all_threads=False)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL_SECONDS, INTERVAL_SECONDS)
    return app


def main() -> None:
    """Run each workload and print each layer's share of the CPU time, and its microseconds per request."""
    require_tools()
    stacks = SCRATCH / "layers.stacks"
    stacks.unlink(missing_ok=True)
    app = replace(pressroom(BENCH_STACKS=str(stacks)), command=(*GUNICORN, "benchmarks.layers:sampled_app()"))
    results: dict[str, tuple[Counter[str], float]] = {}
    with serve(pressroom(), databases.copy("pressroom")) as plain, serve(app, databases.copy("layers")) as sampled:
        for name, workload in WORKLOADS.items():
            print(name, flush=True)
            samples = _sample(sampled, workload, stacks)
            # Sampling itself takes time, so the total is measured on a server without it.
            arguments = workload.arguments(plain)
            costs = [run_wrk(plain, workload.script, *arguments, seconds=SECONDS).cpu_ms for _ in range(3)]
            results[name] = samples, min(costs) * 1000
    print("", _results_table(results), sep="\n")


def _sample(server: Server, workload: Workload, stacks: Path) -> Counter[str]:
    samples, arguments = Counter[str](), workload.arguments(server)
    runs = -1  # the first warms up
    for _ in range(RUNS * 5):
        start = stacks.stat().st_size
        # Once in some thousand times, the signal meets a frame under construction, and the worker crashes.
        failed = run_wrk(server, workload.script, *arguments, seconds=SECONDS, strict=False).failed
        if not failed and runs >= 0:
            samples += _layers(stacks, start)
        runs += not failed
        if runs == RUNS:
            return samples
    raise SystemExit(f"{workload.title}: too many requests fail. See build/benchmarks/scratch/layers.log.")


def _layers(stacks: Path, start: int) -> Counter[str]:
    text = stacks.read_bytes()[start:].decode(errors="replace")
    # The first and the last stack may be incomplete.
    return Counter(_layer(_FILE.findall(stack)) for stack in text.split(_STACK)[1:-1])


def _layer(files: Iterable[str]) -> str:
    """Return the layer of the innermost file that has one; whatever the access log calls counts as observability."""
    inside = [file.removeprefix(next((base for base in _BASES if file.startswith(base)), "")) for file in files]
    layers = [layer for file in inside for start, layer in _STARTS if file.startswith(start)]
    return OBSERVABILITY if OBSERVABILITY in layers else next(iter(layers), OTHER)


def _results_table(results: dict[str, tuple[Counter[str], float]]) -> str:
    lines = [[layer] for layer in (*LAYERS, OTHER, "sum", "samples")]
    for samples, cost in results.values():
        shares = [samples[layer] / samples.total() for layer in (*LAYERS, OTHER)]
        for line, share in zip(lines, [*shares, sum(shares)], strict=False):
            line += [f"{share * 100:.1f} %", f"{share * cost:.0f}"]
        lines[-1] += [f"{samples.total():,}", ""]
    return markdown_table(["layer", *(cell for name in results for cell in (name, "µs"))], lines)


if __name__ == "__main__":
    main()
