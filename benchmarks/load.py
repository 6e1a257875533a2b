"""Load from wrk: 16 persistent connections, on a core of its own."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass

from benchmarks.paths import BENCHMARKS
from benchmarks.servers import LOAD_CORE, Server

CONNECTIONS = 16


@dataclass(frozen=True)
class Load:
    """The results of some seconds of load."""

    cpu_ms: float
    """CPU time of the server per response, in milliseconds."""
    per_second: float
    p99_ms: float
    bytes: float
    """Size of a response, header fields included."""
    failed: int
    """Requests with an error response, or none."""


def require_tools() -> None:
    """Exit with a message if wrk, taskset or a second core is missing."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing, which generates the load. Install it: apt-get install wrk")
    if shutil.which("taskset") is None:
        raise SystemExit("taskset is missing, which pins processes to cores. Install it: apt-get install util-linux")
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("Only one core is available. Run this where the server and the load get one each.")


def run_wrk(
    server: Server,
    script: str,
    *arguments: str,
    seconds: int,
    core: int | None = LOAD_CORE,
    connections: int = CONNECTIONS,
    strict: bool = True,
) -> Load:
    """Send the requests of `lua/<script>.lua` as fast as the server responds; if `strict`, none may fail."""
    pin = [] if core is None else ["taskset", "--cpu-list", str(core)]
    wrk = ["wrk", "--threads=1", f"--connections={connections}", f"--duration={seconds}s", "--timeout=10s"]
    command = [*pin, *wrk, f"--script={BENCHMARKS / 'lua' / script}.lua", server.url, "--", *arguments]
    environment = {**os.environ, "LUA_PATH": f"{BENCHMARKS / 'lua'}/?.lua;;"}
    before = server.cpu_seconds()
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    used = server.cpu_seconds() - before
    summary = json.loads(output.splitlines()[-1])
    if (summary["failed"] and strict) or not summary["requests"]:
        failures = f"{summary['failed']} of {summary['requests']} requests failed"
        raise SystemExit(f"{server.app.title}: {script}: {failures}. See the server's log in build/benchmarks/scratch.")
    return Load(
        cpu_ms=used / summary["requests"] * 1000,
        per_second=summary["requests"] / summary["seconds"],
        p99_ms=summary["p99_ms"],
        bytes=summary["bytes"] / summary["requests"],
        failed=summary["failed"],
    )
