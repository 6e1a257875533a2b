"""The files in `deploy/`: systemd units, and the `pressroom` wrapper for operators."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from api.http.application import Application
from api.settings import Settings
from api.start.open_files import files_needed
from tests.support.clients import PASSWORD, Client, signed_in_user
from tests.support.paths import PROJECT_ROOT

DEPLOY = PROJECT_ROOT / "deploy"
UNITS = sorted(path.name for path in (DEPLOY / "systemd").glob("*.*") if path.is_file())
SERVICES = [name for name in UNITS if name.endswith(".service")]

Operate = Callable[..., subprocess.CompletedProcess[str]]

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd checks the units: apt-get install systemd"
)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A file system root in which the units are installed as in `deploy/README.md`."""
    shutil.copytree("/usr/lib/systemd/system", tmp_path / "usr/lib/systemd/system", symlinks=True)
    shutil.copytree(DEPLOY / "systemd", tmp_path / "etc/systemd/system")
    programs = [f"opt/pressroom/.venv/bin/{name}" for name in ("gunicorn", "litestream", "pressroom")]
    for program in ("bin/mkdir", "bin/sh", *programs):
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


def test_the_service_may_open_the_files_that_a_worker_needs() -> None:
    needed = files_needed(Settings())
    assert int(unit("pressroom.service", "LimitNOFILE")) > needed
    [limit] = re.findall(r"nofile: ([0-9]+)", (DEPLOY / "container" / "compose.yaml").read_text())
    assert int(limit) > needed


def test_nginx_connects_to_the_systemd_socket() -> None:
    assert f"server unix:{unit('pressroom.socket', 'ListenStream')};" in (DEPLOY / "nginx/pressroom.conf").read_text()


RUN_DIR = re.compile("PRESSROOM_RUN_DIR=(.+)")
SETTINGS = {"A": '$HOME `touch ran` it\'s "so"', "B": "two\nlines ", "C": ""}
"""Values that a shell would change."""


@pytest.fixture
def operate(tmp_path: Path) -> Operate:
    """Run `deploy/pressroom`, where `systemd-run` prints `SETTINGS` and `runuser` its arguments and environment."""
    programs = {
        "systemd-run": 'printf "%s\\n" "$@" > arguments; cat settings; exit "$STATUS"',
        "runuser": 'printf "%s\\0" "$@"; exec env -0',
    }
    for name, script in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "settings").write_text("".join(f"{name}={value}\0" for name, value in SETTINGS.items()))
    path = f"{tmp_path}:{os.environ['PATH']}"
    [run_dir] = RUN_DIR.findall(unit("pressroom.service", "Environment"))
    (tmp_path / "pressroom").write_text((DEPLOY / "pressroom").read_text().replace(run_dir, f"{tmp_path}/run"))

    def run(command: str = "check", status: str = "0") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "pressroom", command, "a $b"],
            cwd=tmp_path,
            env={"PATH": path, "STATUS": status},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_the_shipped_settings_are_valid() -> None:
    lines = [line for line in (DEPLOY / "pressroom.env").read_text().splitlines() if not line.startswith("#")]
    assert Settings.from_environment(dict(line.split("=", 1) for line in lines)).trusted_proxies == 1


def test_registration_is_closed_in_every_production_path() -> None:
    [settings] = re.findall(
        r"^PRESSROOM_REGISTRATION=(.*)$", (DEPLOY / "pressroom.env").read_text(), flags=re.MULTILINE
    )
    [image] = re.findall(r"PRESSROOM_REGISTRATION=(\S+)", (DEPLOY / "container" / "Containerfile").read_text())
    [compose] = re.findall(r"PRESSROOM_REGISTRATION: (\S+)", (DEPLOY / "container" / "compose.yaml").read_text())
    assert (settings, image, compose) == ("closed", "closed", "${PRESSROOM_REGISTRATION:-closed}")


def test_anonymous_clients_cannot_register_with_the_shipped_settings(build: Callable[..., Application]) -> None:
    lines = [line for line in (DEPLOY / "pressroom.env").read_text().splitlines() if line.startswith("PRESSROOM_")]
    shipped = Settings.from_environment(dict(line.split("=", 1) for line in lines))
    app = build(registration=shipped.registration, trusted_proxies=shipped.trusted_proxies)
    new_user = {"username": "eve", "password": PASSWORD}
    assert Client(app).post("/users", new_user).status_code == 401
    assert signed_in_user(app, "bob").post("/users", new_user).status_code == 403
    assert signed_in_user(app, "admin", role="admin").post("/users", new_user).status_code == 201


def test_the_operator_command_runs_as_the_service_user_with_the_service_settings(
    operate: Operate, tmp_path: Path
) -> None:
    ran = operate()
    assert (ran.returncode, ran.stderr) == (0, "")
    shown = ran.stdout.split("\0")
    assert shown[:6] == ["--user", "pressroom", "--", "/opt/pressroom/.venv/bin/pressroom", "check", "a $b"]
    settings = {f"{name}={value}" for name, value in SETTINGS.items()}
    assert settings <= set(shown[6:])
    assert not (tmp_path / "ran").exists()


def test_the_operator_command_sets_the_run_directory_only_if_it_exists_or_for_deploy(
    operate: Operate, tmp_path: Path
) -> None:
    """systemd removes it when the server stops, and `pressroom check` must not report that."""

    def run_directories(command: str) -> list[str]:
        return RUN_DIR.findall(operate(command).stdout.replace("\0", "\n"))

    assert (run_directories("check"), run_directories("deploy")) == ([], [f"{tmp_path}/run"])
    (tmp_path / "run").mkdir()
    assert run_directories("check") == [f"{tmp_path}/run"]


def test_the_operator_command_reads_the_settings_file_of_the_service(operate: Operate, tmp_path: Path) -> None:
    operate()
    file = unit("pressroom.service.d/common.conf", "EnvironmentFile")
    assert f"--property=EnvironmentFile={file}" in (tmp_path / "arguments").read_text().splitlines()


def test_the_operator_command_fails_if_systemd_cannot_read_the_settings(operate: Operate) -> None:
    ran = operate(status="1")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "systemd cannot read /etc/pressroom.env" in ran.stderr


def test_the_operator_command_and_the_service_use_the_same_run_directory() -> None:
    command = (DEPLOY / "pressroom").read_text()
    assert unit("pressroom.service", "Environment") in command
    assert unit("pressroom.service", "Environment").endswith(f"=/run/{unit('pressroom.service', 'RuntimeDirectory')}")
