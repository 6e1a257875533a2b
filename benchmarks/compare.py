"""The comparison of all applications: every workload, in rounds."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

from benchmarks import databases
from benchmarks.apps import App
from benchmarks.equivalence import require_equivalence
from benchmarks.load import Load, run_wrk
from benchmarks.paths import SCRATCH
from benchmarks.servers import serve
from benchmarks.workloads import WORKLOADS

Measurements: TypeAlias = dict[str, dict[str, list[Load]]]
"""For each application and workload, the load of each round."""


def compare(
    apps: Mapping[str, App], keys: Sequence[str], workloads: Sequence[str], *, rounds: int, seconds: int
) -> tuple[Measurements, dict[str, float]]:
    """Measure the workloads; also return the memory of Pressroom's worker afterwards."""
    with ExitStack() as stack:
        # Pressroom always runs: its responses are the reference.
        needed = ["pressroom", *(key for key in keys if key != "pressroom")]
        servers = {key: stack.enter_context(serve(apps[key], _database(apps[key]))) for key in needed}
        peers = [server for key, server in servers.items() if key != "pressroom"]
        require_equivalence(peers, servers["pressroom"])
        measurements: Measurements = {key: {name: [] for name in workloads} for key in keys}
        # Interleaved, so that other load on the machine affects all of them.
        for turn in range(rounds + 1):
            print(f"round {turn} of {rounds}" if turn else "warming up", flush=True)
            for name in workloads:
                for key in keys:
                    workload, server = WORKLOADS[name], servers[key]
                    arguments = workload.arguments(server)
                    load = run_wrk(server, workload.script, *arguments, seconds=seconds if turn else 1)
                    if turn:
                        measurements[key][name].append(load)
        return measurements, servers["pressroom"].memory()


def _database(app: App) -> Path:
    """Return a copy of the database; for an application on PostgreSQL, only a name for its log."""
    return SCRATCH / f"{app.key}-postgresql" if app.postgresql_url else databases.copy(app.key)
