"""What an operator copies from `deploy/`."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from api.settings import Settings
from tests.conftest import HOUSE

DEPLOY = HOUSE / "deploy"
UNITS = sorted(path.name for path in (DEPLOY / "systemd").glob("*.*") if path.is_file())
SERVICES = [name for name in UNITS if name.endswith(".service")]

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="the units are judged by systemd: apt-get install systemd"
)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The root of a machine on which the units are installed as `deploy/README.md` says."""
    shutil.copytree("/usr/lib/systemd/system", tmp_path / "usr/lib/systemd/system", symlinks=True)
    shutil.copytree(DEPLOY / "systemd", tmp_path / "etc/systemd/system")
    for program in ("bin/sh", "opt/pressroom/.venv/bin/gunicorn", "opt/pressroom/.venv/bin/pressroom"):
        path = tmp_path / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o755)
    return tmp_path


def analyze(machine: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", f"--root={machine}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@needs_systemd
def test_systemd_finds_nothing_in_the_units(machine: Path) -> None:
    judged = analyze(machine, "--man=no", "verify", *UNITS)
    assert (judged.returncode, judged.stdout, judged.stderr) == (0, "", "")


@needs_systemd
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_exposed_no_more_than_it_must_be(machine: Path, service: str) -> None:
    """Of 10.0, without a sandbox, 1.1 are left: connections to the database, and a user who owns its files."""
    judged = analyze(machine, "--offline=true", "--threshold=11", "security", service)
    assert judged.returncode == 0, judged.stdout + judged.stderr


def unit(name: str, key: str) -> str:
    [value] = re.findall(rf"^{key}=(.*)$", (DEPLOY / "systemd" / name).read_text(), flags=re.MULTILINE)
    return str(value)


def test_a_stop_waits_longer_than_the_server_does() -> None:
    assert int(unit("pressroom.service", "TimeoutStopSec")) > Settings().graceful_timeout


def test_nginx_asks_at_the_socket_that_systemd_owns() -> None:
    assert f"server unix:{unit('pressroom.socket', 'ListenStream')};" in (DEPLOY / "nginx/pressroom.conf").read_text()


def test_the_settings_mean_the_same_to_systemd_and_to_the_shell() -> None:
    lines = [line for line in (DEPLOY / "pressroom.env").read_text().splitlines() if not line.startswith("#")]
    given = dict(line.split("=", 1) for line in lines)
    assert Settings.from_environment(given).trusted_proxies == 1
    shown = subprocess.run(
        ["sh", "-c", f"set -a; . {DEPLOY / 'pressroom.env'}; env"], env={}, capture_output=True, text=True, check=True
    )
    assert set(lines) <= set(shown.stdout.splitlines())


def test_the_operator_and_the_service_name_the_same_server() -> None:
    command = (DEPLOY / "pressroom").read_text()
    assert unit("pressroom.service", "Environment") in command
    assert f"/run/{unit('pressroom.service', 'RuntimeDirectory')}\n" in command
