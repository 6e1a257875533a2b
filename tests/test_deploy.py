"""The files in `deploy/`: systemd units, and the `pressroom` wrapper for operators."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from api.settings import Settings
from tests.support.paths import PROJECT_ROOT

DEPLOY = PROJECT_ROOT / "deploy"
UNITS = sorted(path.name for path in (DEPLOY / "systemd").glob("*.*") if path.is_file())
SERVICES = [name for name in UNITS if name.endswith(".service")]

Operate = Callable[[str], subprocess.CompletedProcess[str]]

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd checks the units: apt-get install systemd"
)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A file system root in which the units are installed as in `deploy/README.md`."""
    shutil.copytree("/usr/lib/systemd/system", tmp_path / "usr/lib/systemd/system", symlinks=True)
    shutil.copytree(DEPLOY / "systemd", tmp_path / "etc/systemd/system")
    for program in ("bin/mkdir", "bin/sh", "opt/pressroom/.venv/bin/gunicorn", "opt/pressroom/.venv/bin/pressroom"):
        path = tmp_path / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o755)
    return tmp_path


def analyze(machine: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", f"--root={machine}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@needs_systemd
def test_systemd_verifies_the_units(machine: Path) -> None:
    result = analyze(machine, "--man=no", "verify", *UNITS)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@needs_systemd
@pytest.mark.parametrize("service", SERVICES)
def test_services_have_a_low_exposure_score(machine: Path, service: str) -> None:
    """At most 1.1, where 10.0 is no sandbox: it connects to the database, and its user owns the files."""
    result = analyze(machine, "--offline=true", "--threshold=11", "security", service)
    assert result.returncode == 0, result.stdout + result.stderr


def unit(name: str, key: str) -> str:
    [value] = re.findall(rf"^{key}=(.*)$", (DEPLOY / "systemd" / name).read_text(), flags=re.MULTILINE)
    return str(value)


def test_systemd_stops_the_service_only_after_the_graceful_timeout() -> None:
    assert int(unit("pressroom.service", "TimeoutStopSec")) > Settings().graceful_timeout


def test_nginx_connects_to_the_systemd_socket() -> None:
    assert f"server unix:{unit('pressroom.socket', 'ListenStream')};" in (DEPLOY / "nginx/pressroom.conf").read_text()


@pytest.fixture
def operate(tmp_path: Path) -> Operate:
    """Run `deploy/pressroom` with these settings; a fake `runuser` prints its arguments and environment."""
    (tmp_path / "runuser").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexec env\n')
    (tmp_path / "runuser").chmod(0o755)
    settings, command = tmp_path / "pressroom.env", tmp_path / "pressroom"
    command.write_text((DEPLOY / "pressroom").read_text().replace("/etc/pressroom.env", str(settings)))
    path = f"{tmp_path}:{os.environ['PATH']}"

    def run(lines: str) -> subprocess.CompletedProcess[str]:
        settings.write_bytes(lines.encode())
        return subprocess.run(
            ["sh", command, "check", "a $b"],
            cwd=tmp_path,
            env={"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_the_wrapper_has_the_settings_of_the_service(
    operate: Operate,
) -> None:
    text = (DEPLOY / "pressroom.env").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert Settings.from_environment(dict(line.split("=", 1) for line in lines)).trusted_proxies == 1
    result = operate(text)
    assert (result.returncode, result.stderr) == (0, "")
    shown = result.stdout.splitlines()
    assert shown[:6] == ["--user", "pressroom", "--", "/opt/pressroom/.venv/bin/pressroom", "check", "a $b"]
    assert {*lines, unit("pressroom.service", "Environment")} <= set(shown[6:])


# The values that systemd 252 read from an EnvironmentFile.
@pytest.mark.parametrize(
    ("lines", "value"),
    [
        ("A=postgresql://ada@/a?b=3&c=d", "postgresql://ada@/a?b=3&c=d"),
        ("A=https://a.example, https://b.example\n", "https://a.example, https://b.example"),
        (
            "A=$HOME `touch ran` $(touch ran); touch ran | * ~ #1\n",
            "$HOME `touch ran` $(touch ran); touch ran | * ~ #1",
        ),
        ('A="$HOME `touch ran` $(touch ran) it\'s"\n', "$HOME `touch ran` $(touch ran) it's"),
        ("A='say \"$HOME\"'", 'say "$HOME"'),
        ('A=it\'s "so"\n', 'it\'s "so"'),
        ('A="  b "\n', "  b "),
        (" \tA=b  c \t\n", "b  c"),
        ("A=\n", ""),
        ('A=""\n', ""),
        ("A==b=\n", "=b="),
        ("A=ä€\n", "ä€"),
        ("A=1\nA=2\n", "2"),
        ("A=1\n\n#A=2\n ; A=\\3\nA 4\n", "1"),
    ],
)
def test_the_wrapper_reads_settings_as_systemd_does(operate: Operate, tmp_path: Path, lines: str, value: str) -> None:
    result = operate(lines)
    assert (result.returncode, result.stderr) == (0, "")
    assert [line for line in result.stdout.splitlines() if line.startswith("A=")] == [f"A={value}"]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "lines",
    [
        "A=b\\ c",
        'A="\\$b"',
        "A=b\\\nc\n",
        "#\\\nA=b\n",
        "A=b\r\n",
        "A='b\nc'\n",
        'A="b" c',
        "A= b",
        "A =b",
        "export A=b",
        "=b",
    ],
)
def test_the_wrapper_rejects_settings_that_only_systemd_can_read(operate: Operate, lines: str) -> None:
    result = operate(lines)
    assert (result.returncode, result.stdout) == (1, "")
    assert "write NAME=VALUE" in result.stderr


def test_the_wrapper_and_the_service_use_the_same_run_directory() -> None:
    command = (DEPLOY / "pressroom").read_text()
    assert unit("pressroom.service", "Environment") in command
    assert f"/run/{unit('pressroom.service', 'RuntimeDirectory')}\n" in command
