"""Load, by wrk: 16 connections that are kept, from a core of its own."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass

from benchmarks.paths import HERE
from benchmarks.servers import LOAD_CORE, Server

CONNECTIONS = 16


@dataclass(frozen=True)
class Load:
    """What came of some seconds of load."""

    cpu_ms: float
    """CPU time of the server for each answer, in milliseconds."""
    per_second: float
    p99_ms: float
    bytes: float
    """Of an answer, with its header fields."""
    failed: int
    """Requests answered by an error, or not at all."""


def require_tools() -> None:
    """Stop with a sentence where something is missing that pip does not install."""
    if shutil.which("wrk") is None:
        raise SystemExit("The load comes from wrk. Install it: apt-get install wrk")
    if shutil.which("taskset") is None:
        raise SystemExit("Processes are pinned by taskset. Install it: apt-get install util-linux")
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("The server and the load need a core each; this machine lets us have one.")


def fire(
    server: Server,
    script: str,
    *arguments: str,
    seconds: int,
    core: int | None = LOAD_CORE,
    connections: int = CONNECTIONS,
    strict: bool = True,
) -> Load:
    """Let `lua/<script>.lua` ask the server as fast as it answers; if `strict`, no request may fail."""
    pin = [] if core is None else ["taskset", "--cpu-list", str(core)]
    wrk = ["wrk", "--threads=1", f"--connections={connections}", f"--duration={seconds}s", "--timeout=10s"]
    command = [*pin, *wrk, f"--script={HERE / 'lua' / script}.lua", server.url, "--", *arguments]
    environment = {**os.environ, "LUA_PATH": f"{HERE / 'lua'}/?.lua;;"}
    before = server.cpu_seconds()
    printed = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    used = server.cpu_seconds() - before
    told = json.loads(printed.splitlines()[-1])
    if (told["failed"] and strict) or not told["requests"]:
        raise SystemExit(f"{server.app.title}: {script}: {told['failed']} of {told['requests']} requests failed.")
    return Load(
        cpu_ms=used / told["requests"] * 1000,
        per_second=told["requests"] / told["seconds"],
        p99_ms=told["p99_ms"],
        bytes=told["bytes"] / told["requests"],
        failed=told["failed"],
    )
