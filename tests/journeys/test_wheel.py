"""The wheel serves without the repository."""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

from api.resources.root import VERSION
from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server, sign_up

pytestmark = pytest.mark.heavy

SOURCES = ("LICENSE", "MANIFEST.in", "README.md", "api", "gunicorn.conf.py", "pyproject.toml", "setup.py")
BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", *arguments]
    subprocess.run(command, check=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the source distribution."""
    directory = tmp_path_factory.mktemp("wheel")
    requirements = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    pip("install", f"--target={directory / 'tools'}", *requirements)

    def build(kind: str, source: Path) -> Path:
        command = [sys.executable, "-c", BUILD, kind, str(directory)]
        environment = {**os.environ, "PYTHONPATH": str(directory / "tools")}
        built = subprocess.run(command, cwd=source, env=environment, check=True, capture_output=True, text=True)
        return directory / built.stdout.splitlines()[-1]

    (source := directory / "source").mkdir()
    for name in SOURCES:
        path = PROJECT_ROOT / name
        (shutil.copytree if path.is_dir() else shutil.copy)(path, source / name)
    with tarfile.open(build("build_sdist", source)) as archive:
        archive.extractall(directory / "unpacked", filter="data")
    [unpacked] = (directory / "unpacked").iterdir()
    return build("build_wheel", unpacked)


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the programs of an environment in which only the wheel is installed."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = f"--python={environment / 'bin' / 'python'}"
    pip(python, "install", f"--constraint={PROJECT_ROOT / 'requirements.lock'}", str(wheel))
    return environment / "bin"


def test_a_server_that_was_installed_from_the_wheel_publishes(programs: Path, tmp_path: Path) -> None:
    (here := tmp_path / "elsewhere").mkdir()
    (run_dir := tmp_path / "run").mkdir()
    program = str(programs / "pressroom")
    settings = {"PRESSROOM_DATABASE_URL": "sqlite:///pressroom.sqlite", "PRESSROOM_RUN_DIR": str(run_dir)}

    def run(*arguments: str) -> str:
        command = [program, *arguments]
        environment = {**os.environ, **settings, "PRESSROOM_BIND": "127.0.0.1:0"}
        return subprocess.run(command, cwd=here, env=environment, check=True, capture_output=True, text=True).stdout

    assert run("--version") == f"pressroom {VERSION}\n"
    assert f"PRESSROOM_RUN_DIR: {run_dir} (default: none)\n" in run("settings")
    assert run("check").endswith(f"the database will be created at {here}/pressroom.sqlite.\n")
    server = Server([program, "serve"], tmp_path, here, **settings)
    try:
        token = sign_up(server.wait_until_ready())
        post = {"title": "From a wheel", "body": "It *serves*."}
        url = server.post_json("/posts", post, token)["url"]
        assert server.get_json(f"{url}?expand=html")["html"] == "<p>It <em>serves</em>.</p>\n"
        assert server.get_status("/docs/page/page.css") == 200
        assert run("deploy", "roll") == "1 workers have been replaced.\n"
        assert server.get_json(url)["title"] == "From a wheel"
    finally:
        status = server.stop()
    assert status == 0
    assert run("check").endswith("the database is up to date.\n")
    assert sorted(path.name for path in here.iterdir()) == ["pressroom.sqlite"]
