"""The first table: all applications, all works, in rounds."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TypeAlias

from benchmarks import data
from benchmarks.agreement import agree
from benchmarks.apps import APPS
from benchmarks.load import Load, fire
from benchmarks.servers import serving
from benchmarks.works import WORKS

Cells: TypeAlias = dict[str, dict[str, list[Load]]]
"""Of each application, of each work, what came of each round."""


def compare(keys: Sequence[str], works: Sequence[str], *, rounds: int, seconds: int) -> tuple[Cells, dict[str, float]]:
    """What the works cost, and what Pressroom's worker takes of memory after them."""
    with ExitStack() as stack:
        # Pressroom is there in any case: it says what the right answers are.
        needed = ["pressroom", *(key for key in keys if key != "pressroom")]
        servers = {key: stack.enter_context(serving(APPS[key], data.copy(key))) for key in needed}
        agree([server for key, server in servers.items() if key != "pressroom"], servers["pressroom"])
        cells: Cells = {key: {work: [] for work in works} for key in keys}
        # Interleaved, so that what else the machine does falls on all of them.
        for turn in range(rounds + 1):
            print(f"round {turn} of {rounds}" if turn else "warming up", flush=True)
            for name in works:
                for key in keys:
                    work, server = WORKS[name], servers[key]
                    load = fire(server, work.script, *work.arguments(server), seconds=seconds if turn else 1)
                    if turn:
                        cells[key][name].append(load)
        return cells, servers["pressroom"].memory()
