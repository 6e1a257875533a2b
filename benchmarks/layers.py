"""Where the CPU time of Pressroom's requests goes, layer by layer: `python -m benchmarks.layers`."""

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

from benchmarks import data
from benchmarks.apps import GUNICORN, pressroom
from benchmarks.load import fire, require_tools
from benchmarks.paths import ROOT, SCRATCH
from benchmarks.report import table
from benchmarks.servers import Server, serving
from benchmarks.works import WORKS, Work

SECONDS, RUNS = 2, 4
INTERVAL = 0.001  # seconds of CPU time; the kernel makes it a tick of its clock where that is longer

OBSERVABILITY, OTHER = "observability", "none of these"
LAYERS = {
    # Between two requests, a thread is in the pool that gunicorn's worker waits with.
    "gunicorn": ("gunicorn/", "concurrent/futures/"),
    "Werkzeug": ("werkzeug/",),
    "Flask": ("flask/", "blinker/"),
    "flask-smorest, webargs": ("flask_smorest/", "webargs/", "apispec/"),
    "authentication": ("flask_httpauth.py", "api/http/authentication.py"),
    "the rest of `api/http`, `api/resources`": ("api/", "flask_cors/", "limits/"),
    "store: `api/store`, SQLAlchemy, SQLite": ("api/store/", "sqlalchemy/", "sqlite3/"),
    "schemas: `api/schemas`, marshmallow": ("api/schemas/", "marshmallow/"),
    "JSON": ("api/http/json.py", "json/"),
    OBSERVABILITY: ("gunicorn/glogging.py", "api/http/observability.py", "api/metrics.py", "prometheus_client/"),
}
"""What begins the files of each, in the directory they are installed in; of two that fit, the longer one tells."""

_STARTS = sorted(((start, layer) for layer in LAYERS for start in LAYERS[layer]), key=lambda each: -len(each[0]))
# The packages may be installed below either of the others, so they come first.
_BASES = [f"{base}/" for base in (sysconfig.get_path("purelib"), ROOT, sysconfig.get_path("stdlib"))]
_STACK = "Stack (most recent call first):\n"
_FILE = re.compile(r'^  File "(.+)", line ', re.MULTILINE)


def sampled() -> Any:
    """Pressroom, for gunicorn's worker, which from now on tells its stack in each interval of its CPU time.

    The kernel sends the signal to the thread that is running, and faulthandler answers at once, whoever holds the
    interpreter's lock: system calls and SQLite, which release it, count like all else. A sampler from outside, such as
    py-spy, cannot tell who is running from who waits to, and changes it by halting all threads.
    """
    from api.app import create_app  # noqa: PLC0415 (only the worker needs it)

    app = create_app()
    stacks = os.open(os.environ["BENCH_STACKS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    faulthandler.register(signal.SIGPROF, file=stacks, all_threads=False)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
    return app


def main() -> None:
    """Load Pressroom with each work, and print where the time went: its share, and microseconds of a request."""
    require_tools()
    stacks = SCRATCH / "layers.stacks"
    stacks.unlink(missing_ok=True)
    app = replace(pressroom(BENCH_STACKS=str(stacks)), command=(*GUNICORN, "benchmarks.layers:sampled()"))
    found: dict[str, tuple[Counter[str], float]] = {}
    with serving(pressroom(), data.copy("pressroom")) as plain, serving(app, data.copy("layers")) as server:
        for name, work in WORKS.items():
            print(name, flush=True)
            counted = _sampled(server, work, stacks)
            # To tell the stacks costs time itself, so the whole is that of a server which does not.
            costs = [fire(plain, work.script, *work.arguments(plain), seconds=SECONDS).cpu_ms for _ in range(3)]
            found[name] = counted, min(costs) * 1000
    print("", _told(found), sep="\n")


def _sampled(server: Server, work: Work, stacks: Path) -> Counter[str]:
    counted, arguments = Counter[str](), work.arguments(server)
    runs = -1  # the first warms up
    for _ in range(RUNS * 5):
        start = stacks.stat().st_size
        # Once in some thousand times the signal meets a frame that is half made, and the worker dies of it.
        failed = fire(server, work.script, *arguments, seconds=SECONDS, strict=False).failed
        if not failed and runs >= 0:
            counted += _layers(stacks, start)
        runs += not failed
        if runs == RUNS:
            return counted
    raise SystemExit(f"{work.title}: too many requests fail.")


def _layers(stacks: Path, start: int) -> Counter[str]:
    told = stacks.read_bytes()[start:].decode(errors="replace")
    # What stands before the first of them, and the last, may be parts.
    return Counter(_layer(_FILE.findall(stack)) for stack in told.split(_STACK)[1:-1])


def _layer(files: Iterable[str]) -> str:
    """The layer of the innermost file that tells one; what the log calls is the log's, whatever its layer."""
    inside = [file.removeprefix(next((base for base in _BASES if file.startswith(base)), "")) for file in files]
    layers = [layer for file in inside for start, layer in _STARTS if file.startswith(start)]
    return OBSERVABILITY if OBSERVABILITY in layers else next(iter(layers), OTHER)


def _told(found: dict[str, tuple[Counter[str], float]]) -> str:
    lines = [[layer] for layer in (*LAYERS, OTHER, "sum", "stacks")]
    for counted, cost in found.values():
        shares = [counted[layer] / counted.total() for layer in (*LAYERS, OTHER)]
        for line, share in zip(lines, [*shares, sum(shares)], strict=False):
            line += [f"{share * 100:.1f} %", f"{share * cost:.0f}"]
        lines[-1] += [f"{counted.total():,}", ""]
    return table(["layer", *(cell for work in found for cell in (work, "µs"))], lines)


if __name__ == "__main__":
    main()
