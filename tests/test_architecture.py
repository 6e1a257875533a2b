"""The rooms, and what falls between them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter import cli

from tests.support.paths import PROJECT_ROOT

MODULES = sorted((PROJECT_ROOT / "api").rglob("*.py"))


def test_imports_fall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT_ROOT)
    assert cli.lint_imports(no_cache=True) == cli.EXIT_STATUS_SUCCESS


def test_a_package_is_a_door_with_a_sentence_over_it() -> None:
    for door in (module for module in MODULES if module.name == "__init__.py"):
        assert door.read_text().count("\n") == 1
        assert door.read_text().startswith('"""')


def test_files_can_be_held_in_the_head() -> None:
    lengths = {module.relative_to(PROJECT_ROOT): module.read_text().count("\n") for module in MODULES}
    assert {name for name, lines in lengths.items() if lines > 170} == set()
    assert sorted(lengths.values())[len(lengths) * 2 // 3] <= 100


ALONE = """
import importlib, socket, sqlite3, sys

def forbidden(*_, **__):
    raise AssertionError("at import")

socket.socket.connect = sqlite3.connect = forbidden
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def test_importing_connects_to_nothing(tmp_path: Path) -> None:
    names = [".".join(module.relative_to(PROJECT_ROOT).with_suffix("").parts) for module in MODULES]
    names = [name for name in names if "migrations" not in name and not name.endswith("__init__")]
    assert len(names) > 30
    subprocess.run([sys.executable, "-c", ALONE, *names], check=True, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_importing_reads_no_setting(tmp_path: Path) -> None:
    """A bad setting would stop who reads it."""
    command = [sys.executable, "-c", "import api.app, api.cli.main"]
    subprocess.run(command, check=True, cwd=tmp_path, env={**os.environ, "PRESSROOM_NONSENSE": "1"})
