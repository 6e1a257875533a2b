"""Paths of the benchmarks."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
BENCHMARKS = ROOT / "benchmarks"
PEERS = BENCHMARKS / "peers"
RESULTS = ROOT / "build" / "benchmarks"
"""Figures of the last run. Git ignores them, because thousands of lines change with each run."""
SCRATCH = RESULTS / "scratch"
"""Databases and logs; they may be deleted."""
