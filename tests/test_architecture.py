"""Packages, imports and types follow the conventions of the code."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.paths import PROJECT_ROOT

MODULES = sorted((PROJECT_ROOT / "api").rglob("*.py"))


def test_imports_obey_the_layers() -> None:
    """In another process, because import-linter reconfigures logging."""
    command = [sys.executable, "-c", "from importlinter import cli; raise SystemExit(cli.lint_imports(no_cache=True))"]
    result = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_every_package_has_a_one_line_docstring() -> None:
    for module in (module for module in MODULES if module.name == "__init__.py"):
        assert module.read_text().count("\n") == 1
        assert module.read_text().startswith('"""')


MISSPELT = """
from api.store import posts, users
from api.store.engine.connections import Connection


def misspell(db: Connection, user: users.User) -> object:
    return [
        user.usrename,
        posts.get(db, 1, viewer=user).titel,
        users.page(db, limit=1).rows[0].bioo,
    ]
"""


def test_a_misspelt_column_is_a_type_error(tmp_path: Path) -> None:
    (tmp_path / "misspelt.py").write_text(MISSPELT)
    command = [sys.executable, "-m", "mypy", "--no-pretty", str(tmp_path / "misspelt.py")]
    result = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    for error in (
        '"User" has no attribute "usrename"',
        '"Post" has no attribute "titel"',
        '"User" has no attribute "bioo"',
    ):
        assert error in result.stdout
    assert "Found 3 errors" in result.stdout


def test_modules_are_short() -> None:
    lengths = {module.relative_to(PROJECT_ROOT): module.read_text().count("\n") for module in MODULES}
    assert {name for name, lines in lengths.items() if lines > 170} == set()
    assert sorted(lengths.values())[len(lengths) * 2 // 3] <= 100


IMPORT_OFFLINE = """
import importlib, socket, sqlite3, sys

def forbidden(*_, **__):
    raise AssertionError("at import")

socket.socket.connect = sqlite3.connect = forbidden
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def test_importing_opens_no_connection_and_no_file(tmp_path: Path) -> None:
    names = [".".join(module.relative_to(PROJECT_ROOT).with_suffix("").parts) for module in MODULES]
    names = [name for name in names if "migrations" not in name and not name.endswith("__init__")]
    assert len(names) > 30
    subprocess.run([sys.executable, "-c", IMPORT_OFFLINE, *names], check=True, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_importing_reads_no_setting(tmp_path: Path) -> None:
    """An invalid setting would raise an error."""
    command = [sys.executable, "-c", "import api.app, api.cli.main"]
    subprocess.run(command, check=True, cwd=tmp_path, env={**os.environ, "PRESSROOM_UNKNOWN": "1"})


def test_the_application_is_imported_without_gunicorn() -> None:
    code = "import sys; sys.modules['gunicorn'] = None; import api.app"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT_ROOT)
