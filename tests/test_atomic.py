"""Files are replaced as a whole, and what was interrupted leaves nothing behind."""

import os
import resource
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from api import atomic
from api.atomic import PREFIX, atomic_write, delete_leftovers, unfinished_directory
from tests.support.paths import PROJECT_ROOT
from tests.support.waiting import wait_until

PRESSROOM = Path(sys.executable).with_name("pressroom")
SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
INTERRUPTED = """
import sys, time
from api.atomic import atomic_write
with atomic_write("file") as temporary:
    for suffix in ("", "-journal", "-wal", "-shm"):
        temporary.with_name(temporary.name + suffix).write_text("new")
    print("ready", flush=True)
    time.sleep(60)
"""


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


@pytest.fixture(autouse=True)
def signals_are_not_ignored() -> Iterator[None]:
    """Processes inherit ignored signals, such as those that `nohup` and a shell's `&` ignore."""
    ignored = [number for number in SIGNALS if signal.getsignal(number) == signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture
def interrupted(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that is replacing the file `file`."""
    (tmp_path / "file").write_text("old")
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    command = [sys.executable, "-c", INTERRUPTED]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        assert len(names(tmp_path)) == 2
        yield process
        process.kill()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_removes_what_is_unfinished(
    tmp_path: Path, interrupted: "subprocess.Popen[str]", number: signal.Signals
) -> None:
    interrupted.send_signal(number)
    assert interrupted.wait(10) != 0
    assert names(tmp_path) == {"file"}
    assert (tmp_path / "file").read_text() == "old"


def write_with_a_signal(path: Path, line: int) -> int:
    """Write a file, with SIGTERM before that line of `api/atomic.py` is executed; return the number of lines."""
    executed = 0

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal executed
        if frame.f_code.co_filename != atomic.__file__:
            return None
        if event == "line" and frame.f_code.co_name != "stop":
            executed += 1
            if executed == line:
                signal.raise_signal(signal.SIGTERM)
        return trace

    before, handler = sys.gettrace(), signal.signal(signal.SIGTERM, lambda *_: None)
    sys.settrace(trace)
    try:
        with suppress(SystemExit), atomic_write(str(path)) as temporary:
            temporary.write_text("new")
    finally:
        sys.settrace(before)
        signal.signal(signal.SIGTERM, handler)
    return executed


def test_a_signal_before_any_line_leaves_nothing_unfinished(tmp_path: Path) -> None:
    path = tmp_path / "file"
    lines = write_with_a_signal(path, 0)
    assert lines > 30
    for line in range(1, lines + 1):
        path.write_text("old")
        write_with_a_signal(path, line)
        assert names(tmp_path) == {"file"}, line
        assert path.read_text() in {"old", "new"}


def test_the_next_run_removes_what_a_killed_one_left_and_not_what_is_in_use(
    tmp_path: Path, interrupted: "subprocess.Popen[str]"
) -> None:
    with atomic_write(str(tmp_path / "file")) as temporary:
        temporary.write_text("other")
        delete_leftovers(tmp_path)
        assert len(names(tmp_path)) == 3
    assert interrupted.poll() is None
    interrupted.kill()
    interrupted.wait()
    assert len(names(tmp_path)) == 2
    with atomic_write(str(tmp_path / "another")) as temporary:
        temporary.write_text("new")
    assert names(tmp_path) == {"file", "another"}


def test_files_of_others_are_not_removed(tmp_path: Path) -> None:
    (tmp_path / f"{PREFIX}file").touch()
    (tmp_path / "x.unfinished").mkdir()
    with unfinished_directory(tmp_path):
        pass
    assert names(tmp_path) == {f"{PREFIX}file", "x.unfinished"}


@pytest.mark.parametrize(("private", "mode"), [(True, 0o600), (False, 0o666 & ~0o022)])
def test_only_the_owner_can_read_a_private_file(tmp_path: Path, *, private: bool, mode: int) -> None:
    before = os.umask(0o022)
    try:
        with atomic_write(str(tmp_path / "file"), private=private) as temporary:
            temporary.write_text("new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a database of twelve megabytes, and a backup of it."""
    directory = tmp_path_factory.mktemp("original")
    run(directory, "users", "create", "ada", "--password", "correct horse battery").check_returncode()
    with closing(sqlite3.connect(directory / "pressroom.sqlite")) as database:
        database.execute("CREATE TABLE large AS SELECT randomblob(12000000) AS content")
        database.commit()
    run(directory, "backup", "saved.sqlite").check_returncode()
    return directory


@pytest.fixture
def site(original: Path, tmp_path: Path) -> Path:
    """A copy of that directory."""
    return shutil.copytree(original, tmp_path, dirs_exist_ok=True)


COMMANDS = {
    "backup": ["backup", "saved.sqlite"],
    "restore": ["restore", "saved.sqlite", "--yes"],
    "export": ["export", "posts.ndjson"],
    "openapi write": ["openapi", "write", "openapi.json"],
}
"""Every command that writes a file."""
ENVIRONMENT = {"PRESSROOM_DATABASE_URL": "sqlite:///pressroom.sqlite", "PATH": os.environ["PATH"]}


def run(directory: Path, *arguments: str, file_size: int | None = None) -> "subprocess.CompletedProcess[str]":
    def limit() -> None:
        if file_size is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))

    command: list[str | Path] = [PRESSROOM, *arguments]
    return subprocess.run(
        command, cwd=directory, env=ENVIRONMENT, preexec_fn=limit, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", ["backup", "restore", "openapi write"])
def test_a_command_that_cannot_write_leaves_nothing(site: Path, name: str) -> None:
    before = names(site)
    result = run(site, *COMMANDS[name], file_size=40_000)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert names(site) == before


@pytest.mark.parametrize("name", ["backup", "restore"])
def test_a_command_on_a_full_disk_leaves_nothing(site: Path, name: str) -> None:
    disk = site / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], check=False).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        if name == "backup":
            (disk / "filler").write_bytes(bytes(6_000_000))
            before = names(disk)
            result = run(site, "backup", "disk/saved.sqlite")
        else:
            shutil.move(site / "pressroom.sqlite", disk)
            before = names(disk)
            result = run(disk, "restore", "../saved.sqlite", "--yes")
        assert (result.returncode, "full" in result.stderr) == (1, True), result
        assert names(disk) == before
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.parametrize("number", [*SIGNALS, signal.SIGKILL])
@pytest.mark.parametrize("name", ["backup", "restore"])
def test_a_signal_to_a_command_leaves_nothing_after_the_next_run(site: Path, name: str, number: signal.Signals) -> None:
    before = names(site)
    lock = "PRAGMA locking_mode=EXCLUSIVE" if name == "backup" else "PRAGMA locking_mode=NORMAL"
    with closing(sqlite3.connect(site / "pressroom.sqlite", isolation_level=None)) as other:
        other.execute(lock)
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM tokens")
        command: list[str | Path] = [PRESSROOM, *COMMANDS[name]]
        with subprocess.Popen(command, cwd=site, env=ENVIRONMENT, stderr=subprocess.PIPE) as process:
            wait_until(lambda: any(name.startswith(PREFIX) for name in names(site)))
            process.send_signal(number)
            assert process.wait(10) != 0
        other.execute("ROLLBACK")
    if number == signal.SIGKILL:
        assert any(name.startswith(PREFIX) for name in names(site))
        run(site, *COMMANDS[name]).check_returncode()
    assert names(site) == before


def test_a_server_start_removes_what_a_killed_restore_left(site: Path) -> None:
    (site / f"{PREFIX}x").mkdir()
    (site / f"{PREFIX}x" / "verified.sqlite-journal").touch()
    run(site, "users", "create", "bob", "--password", "correct horse battery").check_returncode()
    assert names(site) == {"pressroom.sqlite", "saved.sqlite"}


def test_an_export_can_be_written_to_a_pipe_or_device(site: Path) -> None:
    assert run(site, "export", "/dev/stdout").stdout.count("\n") == 1
    assert run(site, "openapi", "write", "/dev/stdout").stdout == run(site, "openapi", "print").stdout
