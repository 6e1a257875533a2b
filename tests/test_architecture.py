"""The rooms, and what falls between them."""

from pathlib import Path

import pytest
from importlinter import cli

HOUSE = Path(__file__).parent.parent
MODULES = sorted((HOUSE / "api").rglob("*.py"))


def test_imports_fall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HOUSE)
    assert cli.lint_imports(no_cache=True) == cli.EXIT_STATUS_SUCCESS


def test_a_package_is_a_door_with_a_sentence_over_it() -> None:
    for door in (module for module in MODULES if module.name == "__init__.py"):
        assert door.read_text().count("\n") == 1
        assert door.read_text().startswith('"""')


def test_files_can_be_held_in_the_head() -> None:
    lengths = {module.name: module.read_text().count("\n") for module in MODULES}
    assert {name for name, lines in lengths.items() if lines > 165} == set()
    assert sorted(lengths.values())[len(lengths) * 4 // 5] <= 110


def test_importing_connects_to_nothing_and_reads_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in MODULES:
        text = module.read_text()
        assert "os.environ[" not in text
        assert "getenv" not in text
