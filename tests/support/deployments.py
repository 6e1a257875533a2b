"""Deployments: copies of the code that tests change while a server runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server


def copy_code(directory: Path) -> Path:
    """Copy what gunicorn needs to serve the API into `directory`, and return it."""
    shutil.copytree(PROJECT_ROOT / "api", directory / "api")
    shutil.copy(PROJECT_ROOT / "gunicorn.conf.py", directory)
    return directory


def replace_in(module: Path, old: str, new: str) -> None:
    """Replace text in a module, which must contain it."""
    source = module.read_text()
    assert old in source
    module.write_text(source.replace(old, new))


def deploy_title_max_length(code: Path, value: str) -> None:
    """Change the code: another TITLE_MAX_LENGTH, by which clients can tell the versions apart."""
    replace_in(code / "api" / "constraints.py", "\nTITLE_MAX_LENGTH = 200\n", f"\nTITLE_MAX_LENGTH = {value}\n")


def deployed_title_max_length(server: Server) -> int:
    """Return the TITLE_MAX_LENGTH of the code that responds."""
    length: int = server.get_json("/about")["limits"]["title"]
    return length


def roll(run_dir: Path, code: Path = PROJECT_ROOT) -> subprocess.CompletedProcess[str]:
    """Run `pressroom deploy roll` of the code in that directory."""
    command = [str(Path(sys.executable).with_name("pressroom")), "deploy", "roll"]
    environment = {**os.environ, "PYTHONPATH": str(code), "PRESSROOM_RUN_DIR": str(run_dir)}
    return subprocess.run(command, cwd=run_dir, env=environment, capture_output=True, text=True, check=False)
