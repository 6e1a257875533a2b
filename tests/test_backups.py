"""`pressroom backup` and `pressroom restore`."""

import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from api.app import create_app
from api.cli.main import cli
from api.settings import Settings
from api.store.engine.migrate import HEAD
from api.store.engine.timeouts import Timeouts
from tests.support.clients import PASSWORD

DATABASE = Path("pressroom.sqlite")


@pytest.fixture
def pressroom(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command on the test's own database, in which ada is registered."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", f"sqlite:///{DATABASE}")

    def run(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(cli, arguments, **options)

    run("users", "create", "ada", "--password", PASSWORD)
    return run


@pytest.fixture
def saved(pressroom: Callable[..., Result]) -> Path:
    """A backup with ada alone; meanwhile bob has come."""
    assert pressroom("backup", "saved.sqlite").stdout == "saved.sqlite is whole.\n"
    pressroom("users", "create", "bob", "--password", PASSWORD)
    return Path("saved.sqlite")


def usernames(path: Path = DATABASE) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [username for (username,) in connection.execute("SELECT username FROM users ORDER BY id")]


def alter(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_backup_is_one_file_that_its_owner_alone_can_read(saved: Path) -> None:
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert usernames(saved) == ["ada"]
    assert {path.name for path in Path().iterdir()} == {"pressroom.sqlite", "saved.sqlite"}


def test_a_backup_replaces_the_last_one_also_by_a_link(pressroom: Callable[..., Result], saved: Path) -> None:
    Path("link").symlink_to(saved)
    assert pressroom("backup", "link").exit_code == 0
    assert Path("link").is_symlink()
    assert usernames(saved) == ["ada", "bob"]


def test_a_damaged_database_leaves_the_last_backup(pressroom: Callable[..., Result], saved: Path) -> None:
    damage(DATABASE)
    refused = pressroom("backup", "saved.sqlite")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: saved.sqlite: ")
    assert usernames(saved) == ["ada"]
    assert not [*Path().glob("*.unfinished")]


def test_a_database_that_is_not_there_is_neither_saved_nor_made(
    pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", "sqlite:///none.sqlite")
    refused = pressroom("backup", "saved.sqlite")
    assert refused.stderr == "Error: saved.sqlite: SQLite cannot use none.sqlite: unable to open database file.\n"
    assert not Path("none.sqlite").exists()
    assert not Path("saved.sqlite").exists()


def test_neither_the_database_nor_a_device_is_replaced(pressroom: Callable[..., Result]) -> None:
    Path("link").symlink_to(DATABASE)
    os.link(DATABASE, "same")
    os.mkfifo("pipe")
    for name in ("pressroom.sqlite", "link", "same"):
        assert pressroom("backup", name).stderr.endswith(f"Error: {name} is the database itself.\n")
    assert pressroom("backup", "pipe").stderr == "Error: pipe: pipe is not a file, and is not replaced by one.\n"
    assert Path("pipe").is_fifo()


def test_a_directory_that_is_not_there_is_told(pressroom: Callable[..., Result]) -> None:
    assert "No such file or directory" in pressroom("backup", "nowhere/saved.sqlite").stderr


def test_what_is_restored_is_what_was_saved(pressroom: Callable[..., Result], saved: Path) -> None:
    before = saved.read_bytes()
    assert pressroom("restore", "saved.sqlite", "--yes").stdout == "saved.sqlite is restored.\n"
    assert usernames() == ["ada"]
    assert saved.read_bytes() == before


def test_nothing_is_restored_unless_that_is_meant(pressroom: Callable[..., Result], saved: Path) -> None:
    asked = pressroom("restore", "saved.sqlite", input="n\n")
    assert (asked.exit_code, "Restore it? [y/N]" in asked.stdout) == (1, True)
    assert usernames() == ["ada", "bob"]
    assert pressroom("restore", "saved.sqlite", input="y\n").exit_code == 0
    assert usernames() == ["ada"]


def test_a_lost_database_is_made_by_restoring_it(pressroom: Callable[..., Result], saved: Path) -> None:
    DATABASE.unlink()
    assert pressroom("restore", "saved.sqlite", "--yes").exit_code == 0
    assert usernames() == ["ada"]
    assert stat.S_IMODE(DATABASE.stat().st_mode) == 0o600


def test_a_damaged_database_is_mended_by_restoring_it(pressroom: Callable[..., Result], saved: Path) -> None:
    damage(DATABASE)
    assert pressroom("restore", "saved.sqlite", "--yes").exit_code == 0
    assert usernames() == ["ada"]


@pytest.mark.parametrize(
    ("command", "lock"),
    [
        # A copy is written where nobody else can be: only who keeps readers out, too, is in the way of a backup.
        (("backup", "saved.sqlite"), ("PRAGMA locking_mode=EXCLUSIVE", "BEGIN IMMEDIATE", "DELETE FROM tokens")),
        (("restore", "saved.sqlite", "--yes"), ("BEGIN IMMEDIATE",)),
    ],
)
def test_whoever_does_not_stop_writing_is_not_waited_for_without_end(
    pressroom: Callable[..., Result],
    saved: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    lock: tuple[str, ...],
) -> None:
    monkeypatch.setattr("api.cli.main.create_app", partial(create_app, timeouts=Timeouts(lock_seconds=0.2)))
    with closing(sqlite3.connect(DATABASE, isolation_level=None, check_same_thread=False)) as other:
        for statement in lock:
            other.execute(statement)
        # What waits without end could not even be interrupted: let it fail instead.
        end = threading.Timer(5, other.close)
        end.start()
        refused = pressroom(*command)
        end.cancel()
    told = "Error: saved.sqlite: Another process has been writing for 0.2 seconds. Try again.\n"
    assert (refused.exit_code, refused.stderr) == (1, told)
    assert usernames(saved) == ["ada"]
    assert usernames() == ["ada", "bob"]


def test_a_database_that_was_copied_as_a_file_can_be_restored(pressroom: Callable[..., Result]) -> None:
    shutil.copy(DATABASE, "copied.sqlite")
    pressroom("users", "create", "bob", "--password", PASSWORD)
    assert pressroom("restore", "copied.sqlite", "--yes").exit_code == 0
    assert usernames() == ["ada"]


def damage(path: Path) -> None:
    """Overwrite all pages but the first."""
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def write_text(path: Path) -> None:
    path.write_text("A letter, not a database. " * 1000)


def forget_a_user(path: Path) -> None:
    alter(path, "INSERT INTO tokens VALUES (1, 99, '', x'00', '2026', '2026', NULL)")


def age_beyond(path: Path) -> None:
    alter(path, "UPDATE alembic_version SET version_num = '9999'")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (damage, "malformed"),
        (truncate, "malformed"),
        (write_text, "SQLite cannot use saved.sqlite: file is not a database."),
        (empty, "This is not a Pressroom database."),
        (forget_a_user, "The database is damaged: a row references a row that does not exist."),
        (age_beyond, "The database is from a newer version of Pressroom. Use that version."),
    ],
)
def test_what_cannot_be_trusted_is_not_restored(
    pressroom: Callable[..., Result], saved: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    spoil(saved)
    refused = pressroom("restore", "saved.sqlite", "--yes")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: saved.sqlite: ")
    assert reason in refused.stderr
    assert usernames() == ["ada", "bob"]
    assert {path.name for path in Path().iterdir()} == {"pressroom.sqlite", "saved.sqlite"}


def test_a_backup_of_an_older_version_is_migrated(pressroom: Callable[..., Result], saved: Path) -> None:
    alter(saved, "DROP TABLE idempotency_keys", "UPDATE alembic_version SET version_num = '0002'")
    assert pressroom("restore", "saved.sqlite", "--yes").exit_code == 0
    with closing(sqlite3.connect(DATABASE)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
        assert connection.execute("SELECT * FROM idempotency_keys").fetchall() == []
    assert usernames() == ["ada"]


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_postgresql_has_its_own(
    pressroom: Callable[..., Result], saved: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", "postgresql+psycopg://user@host/name")
    refused = pressroom(command, "saved.sqlite", *(["--yes"] if command == "restore" else []))
    assert refused.exit_code == 2
    assert refused.stderr.endswith("Error: This database is PostgreSQL's: use pg_dump and pg_restore.\n")
