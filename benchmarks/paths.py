"""Where things are."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
HERE = ROOT / "benchmarks"
PEERS = HERE / "peers"
RESULTS = ROOT / "build" / "benchmarks"
"""Figures of the last run. Git ignores them: thousands of lines change with each run."""
SCRATCH = RESULTS / "scratch"
"""Databases and logs; they may be deleted."""
