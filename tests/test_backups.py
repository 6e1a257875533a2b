"""`pressroom backup` and `pressroom restore`."""

import os
import re
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
import sqlalchemy as sa
from alembic import command, config
from click.testing import CliRunner, Result

from api.app import create_app
from api.cli.main import cli
from api.settings import Settings
from api.store.engine.migrate import HEAD, MIGRATIONS
from api.store.engine.timeouts import Timeouts
from tests.support.clients import PASSWORD

DATABASE = Path("pressroom.sqlite")


@pytest.fixture
def pressroom(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command on the test's own database, in which ada is registered."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", f"sqlite:///{DATABASE}")

    def run(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(cli, arguments, **options)

    run("users", "create", "ada", "--password", PASSWORD)
    return run


@pytest.fixture
def saved(pressroom: Callable[..., Result]) -> Path:
    """A backup with ada only; the database also has bob."""
    assert pressroom("backup", "saved.sqlite").stdout == "Backup written to saved.sqlite and verified.\n"
    pressroom("users", "create", "bob", "--password", PASSWORD)
    return Path("saved.sqlite")


def usernames(path: Path = DATABASE) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [username for (username,) in connection.execute("SELECT username FROM users ORDER BY id")]


def alter(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_backup_is_one_file_that_only_its_owner_can_read(saved: Path) -> None:
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert usernames(saved) == ["ada"]
    assert {path.name for path in Path().iterdir()} == {"pressroom.sqlite", "saved.sqlite"}


def test_a_backup_replaces_the_previous_one_and_follows_links(pressroom: Callable[..., Result], saved: Path) -> None:
    Path("link").symlink_to(saved)
    assert pressroom("backup", "link").exit_code == 0
    assert Path("link").is_symlink()
    assert usernames(saved) == ["ada", "bob"]


def test_a_damaged_database_leaves_the_previous_backup(pressroom: Callable[..., Result], saved: Path) -> None:
    damage(DATABASE)
    result = pressroom("backup", "saved.sqlite")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: saved.sqlite: ")
    assert usernames(saved) == ["ada"]
    assert not [*Path().glob("*.unfinished")]


def test_a_missing_database_is_neither_saved_nor_created(
    pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", "sqlite:///none.sqlite")
    result = pressroom("backup", "saved.sqlite")
    assert re.match("Error: saved.sqlite: The database .*/none.sqlite does not exist. Put it back, or", result.stderr)
    assert not Path("none.sqlite").exists()
    assert not Path("saved.sqlite").exists()


@pytest.mark.parametrize("command", ["backup", "export", "openapi write"])
def test_no_command_replaces_the_database_by_its_output(pressroom: Callable[..., Result], command: str) -> None:
    pressroom("users", "create", "ada", "--password", PASSWORD)
    result = pressroom(*command.split(), "pressroom.sqlite")
    assert result.stderr.endswith("Error: pressroom.sqlite is the database itself. Choose another file.\n")
    for name in ("pressroom.sqlite-wal", "pressroom.sqlite-shm", "pressroom.sqlite-journal"):
        result = pressroom(*command.split(), name)
        assert result.stderr.endswith(f"Error: SQLite writes {name} beside the database. Choose another file.\n")
    assert usernames() == ["ada"]


def test_backups_replace_neither_the_database_nor_a_pipe(pressroom: Callable[..., Result]) -> None:
    Path("link").symlink_to(DATABASE)
    os.link(DATABASE, "same")
    os.mkfifo("pipe")
    for name in ("pressroom.sqlite", "link", "same"):
        assert pressroom("backup", name).stderr.endswith(
            f"Error: {name} is the database itself. Choose another file.\n"
        )
    assert pressroom("backup", "pipe").stderr == "Error: pipe: Not a regular file; choose another path.\n"
    assert Path("pipe").is_fifo()


def test_a_missing_directory_is_reported(pressroom: Callable[..., Result]) -> None:
    assert (
        pressroom("backup", "nowhere/saved.sqlite").stderr
        == "Error: nowhere/saved.sqlite: No such file or directory.\n"
    )


def test_restore_brings_back_the_saved_content(pressroom: Callable[..., Result], saved: Path) -> None:
    before = saved.read_bytes()
    assert pressroom("restore", "saved.sqlite", "--yes").stdout == "Database restored from saved.sqlite.\n"
    assert usernames() == ["ada"]
    assert saved.read_bytes() == before


def test_restore_requires_confirmation(pressroom: Callable[..., Result], saved: Path) -> None:
    declined = pressroom("restore", "saved.sqlite", input="n\n")
    assert (declined.exit_code, "Restore it? [y/N]" in declined.stdout) == (1, True)
    assert usernames() == ["ada", "bob"]
    assert pressroom("restore", "saved.sqlite", input="y\n").exit_code == 0
    assert usernames() == ["ada"]


def test_restore_creates_a_missing_database(pressroom: Callable[..., Result], saved: Path) -> None:
    DATABASE.unlink()
    assert pressroom("restore", "saved.sqlite", "--yes").exit_code == 0
    assert usernames() == ["ada"]
    assert stat.S_IMODE(DATABASE.stat().st_mode) == 0o600


@pytest.mark.parametrize("first_damaged", [0, 4096, 8192])
def test_restore_replaces_a_damaged_database(pressroom: Callable[..., Result], saved: Path, first_damaged: int) -> None:
    DATABASE.chmod(0o640)
    damage(DATABASE, first_damaged)
    assert pressroom("restore", "saved.sqlite", "--yes").exit_code == 0
    assert usernames() == ["ada"]
    assert stat.S_IMODE(DATABASE.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("command", "lock"),
    [
        # Only a writer that also locks out readers can block a backup, whose copy no other process opens.
        (("backup", "saved.sqlite"), ("PRAGMA locking_mode=EXCLUSIVE", "BEGIN IMMEDIATE", "DELETE FROM tokens")),
        (("restore", "saved.sqlite", "--yes"), ("BEGIN IMMEDIATE",)),
    ],
)
def test_backup_and_restore_do_not_wait_forever_for_a_writer(
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
        # Waiting forever could not even be interrupted: make it fail instead.
        end = threading.Timer(5, other.close)
        end.start()
        result = pressroom(*command)
        end.cancel()
    assert result.exit_code == 1
    assert re.match("Error: saved.sqlite: Another process has (been writing for 0.2 seconds|.* locked)", result.stderr)
    assert usernames(saved) == ["ada"]
    assert usernames() == ["ada", "bob"]


def test_a_copy_of_the_database_file_can_be_restored(pressroom: Callable[..., Result]) -> None:
    shutil.copy(DATABASE, "copied.sqlite")
    pressroom("users", "create", "bob", "--password", PASSWORD)
    assert pressroom("restore", "copied.sqlite", "--yes").exit_code == 0
    assert usernames() == ["ada"]


@pytest.mark.parametrize(
    "name", ["a%41b", "a b", "a?mode=ro", "a#b", "a;b", "a'b\"c", "ä漢", "%", "a\\b", "&=+", "\udcff"]
)
def test_paths_may_contain_any_character(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    # A URL of a file has no options, and settings are UTF-8; directories and backups may have any name.
    database = "pressroom.sqlite" if {"?", "\udcff"} & {*name} else name
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", f"sqlite:///{database}")

    def run(*arguments: str) -> None:
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 0, result.output

    run("users", "create", "ada", "--password", PASSWORD)
    run("backup", f"{name}.saved")
    run("users", "create", "bob", "--password", PASSWORD)
    run("restore", f"{name}.saved", "--yes")
    assert usernames(Path(database)) == ["ada"]
    Path(database).unlink()
    run("restore", f"{name}.saved", "--yes")
    assert usernames(Path(database)) == ["ada"]
    assert {path.name for path in Path().iterdir()} == {database, f"{name}.saved"}


@pytest.mark.parametrize("page_size", [512, 1024, 8192, 65536])
def test_a_backup_with_another_page_size_can_be_restored(
    pressroom: Callable[..., Result], saved: Path, page_size: int
) -> None:
    alter(saved, f"PRAGMA page_size={page_size}", "VACUUM")
    with closing(sqlite3.connect(DATABASE)) as server:
        assert server.execute("SELECT count(*) FROM users").fetchone() == (2,)
        assert pressroom("restore", "saved.sqlite", "--yes").exit_code == 0
        assert server.execute("SELECT count(*) FROM users").fetchone() == (1,)
    assert usernames() == ["ada"]


def damage(path: Path, start: int = 4096) -> None:
    """Overwrite all bytes from `start`: by default, all pages but the first."""
    content = bytearray(path.read_bytes())
    content[start:] = b"\xff" * (len(content) - start)
    path.write_bytes(content)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def replace_by_text(path: Path) -> None:
    path.write_text("Text, not a database. " * 1000)


def orphan_a_token(path: Path) -> None:
    alter(path, "INSERT INTO tokens VALUES (1, 99, '', x'00', '2026', '2026', NULL, 'write')")


def mark_as_newer(path: Path) -> None:
    alter(path, "UPDATE alembic_version SET version_num = '9999'")


@pytest.mark.parametrize(
    ("damage_file", "reason"),
    [
        (damage, "malformed"),
        (truncate, "malformed"),
        (replace_by_text, "SQLite cannot use saved.sqlite: file is not a database."),
        (empty, "This is not a Pressroom database."),
        (orphan_a_token, "The database is damaged: a row references a row that does not exist."),
        (mark_as_newer, "The database is from a newer version of Pressroom. Use that version."),
    ],
)
def test_an_invalid_backup_is_rejected(
    pressroom: Callable[..., Result], saved: Path, damage_file: Callable[[Path], None], reason: str
) -> None:
    damage_file(saved)
    result = pressroom("restore", "saved.sqlite", "--yes")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: saved.sqlite: ")
    assert reason in result.stderr
    assert usernames() == ["ada", "bob"]
    assert {path.name for path in Path().iterdir()} == {"pressroom.sqlite", "saved.sqlite"}


def test_a_backup_of_an_older_version_is_migrated(pressroom: Callable[..., Result]) -> None:
    with sa.create_engine("sqlite:///old.sqlite").begin() as connection:
        configuration = config.Config()
        configuration.set_main_option("script_location", str(MIGRATIONS))
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "0002")
        connection.execute(sa.text("INSERT INTO users VALUES (1, 'eve', 'Eve', '', 'x', 1, 0, 0, 'member')"))
    assert pressroom("restore", "old.sqlite", "--yes").exit_code == 0
    with closing(sqlite3.connect(DATABASE)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
        assert connection.execute("SELECT * FROM idempotency_keys").fetchall() == []
    assert usernames() == ["eve"]


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_backup_and_restore_reject_postgresql(
    pressroom: Callable[..., Result], saved: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", "postgresql+psycopg://user@host/name")
    result = pressroom(command, "saved.sqlite", *(["--yes"] if command == "restore" else []))
    assert result.exit_code == 2
    assert result.stderr.endswith(
        "Error: This command is for SQLite only. For PostgreSQL, use pg_dump and pg_restore.\n"
    )
