"""Clients generated from the OpenAPI document, type-checked strictly and run against a real server."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server

DOCUMENT = PROJECT_ROOT / "openapi" / "openapi.json"
NODE_MODULES = PROJECT_ROOT / "openapi" / "node_modules"
STORIES = Path(__file__).parent / "clients"

pytestmark = pytest.mark.heavy


def run(*command: str | Path, directory: Path) -> None:
    """Run a command that must succeed, and show its output if it does not."""
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{command[0]}: {result.stdout}{result.stderr}"


def test_a_generated_python_client_is_typed_and_works(serve: Callable[..., Server], tmp_path: Path) -> None:
    shutil.copy(STORIES / "story.py", tmp_path)
    # Without the generator's ruff hooks: they warn of the generator's own code, and their fixes fail `mypy --strict`.
    (tmp_path / "config.json").write_text('{"post_hooks": []}')
    generator = Path(sys.executable).with_name("openapi-python-client")
    options = ["--config", "config.json", "--meta", "none", "--fail-on-warning", "--output-path", "pressroom_client"]
    run(generator, "generate", "--path", DOCUMENT, *options, directory=tmp_path)
    run(sys.executable, "-m", "mypy", "--strict", "pressroom_client", "story.py", directory=tmp_path)
    run(sys.executable, "story.py", f"http://127.0.0.1:{serve().port}", directory=tmp_path)


@pytest.mark.skipif(
    shutil.which("node") is None or not NODE_MODULES.exists(),
    reason="the client needs Node 20 and its packages: npm ci --prefix openapi",
)
def test_a_generated_typescript_client_is_typed_and_works(serve: Callable[..., Server], tmp_path: Path) -> None:
    for name in ("story.mts", "tsconfig.json"):
        shutil.copy(STORIES / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    # Otherwise a request could not omit a property that has a default.
    options = ["--default-non-nullable", "false", "--output", "pressroom.d.ts"]
    run(NODE_MODULES / ".bin" / "openapi-typescript", DOCUMENT, *options, directory=tmp_path)
    run(NODE_MODULES / ".bin" / "tsc", directory=tmp_path)
    run("node", "story.mjs", f"http://127.0.0.1:{serve().port}", directory=tmp_path)
