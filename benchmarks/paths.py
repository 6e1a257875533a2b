"""Where things are."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
HERE = ROOT / "benchmarks"
PEERS = HERE / "peers"
SCRATCH = ROOT / "build" / "bench"
"""Databases and logs; they may be deleted."""
