"""`deploy/container/`, as far as it can be tested without a container engine."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import PROJECT_ROOT

CONTAINER = PROJECT_ROOT / "deploy" / "container"
LINES = re.sub(r"\\\n\s*", "", (CONTAINER / "Containerfile").read_text()).splitlines()


def arguments(instruction: str) -> list[str]:
    return [line.removeprefix(f"{instruction} ") for line in LINES if line.startswith(f"{instruction} ")]


def test_the_image_copies_exactly_what_dockerignore_allows() -> None:
    allowed = re.findall(r"^!(.+)$", (PROJECT_ROOT / ".dockerignore").read_text(), flags=re.MULTILINE)
    copied = [source for line in arguments("COPY") for source in line.split()[:-1]]
    assert sorted(copied) == sorted(allowed)
    assert all((PROJECT_ROOT / source).exists() for source in copied)


def test_the_compose_file_is_valid() -> None:
    command = Path(sys.executable).with_name("check-jsonschema")
    subprocess.run([command, "--builtin-schema=vendor.compose-spec", CONTAINER / "compose.yaml"], check=True)


@pytest.mark.heavy
def test_the_server_starts_with_only_what_the_image_copies_and_runs(tmp_path: Path) -> None:
    """Built in a directory instead of an image, without the steps that need root."""
    for *sources, target in (line.split() for line in arguments("COPY")):
        for source in sources:
            if (PROJECT_ROOT / source).is_dir():
                shutil.copytree(PROJECT_ROOT / source, tmp_path / target)
            else:
                shutil.copy(PROJECT_ROOT / source, tmp_path / target)
    steps = [step for step in arguments("RUN") if not step.startswith(("useradd ", "install "))]
    database = f"sqlite:///{tmp_path / 'pressroom.sqlite'}"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for step in (*steps, ".venv/bin/pressroom db upgrade", ".venv/bin/gunicorn --check-config"):
        environment = {**os.environ, "PATH": path, "PRESSROOM_DATABASE_URL": database}
        subprocess.run(["sh", "-c", step], cwd=tmp_path, env=environment, check=True)
