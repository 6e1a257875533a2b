"""SQLite databases that the user of the server cannot write."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from api.app import create_app
from api.http.application import Application
from api.settings import Settings
from api.store import users
from api.store.engine import sqlite_diagnosis
from api.store.engine.database import Database
from api.store.engine.migrate import HEAD
from api.store.engine.sqlite_connection import Files, find_files
from api.store.errors import DatabaseNeedsRepair
from tests.support.clients import Client, signed_in_user
from tests.support.problems import assert_problem
from tests.support.users import unprivileged

BODY = {"title": "t", "body": "b"}


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that every user can write."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.fixture
def path(directory: Path, migrated: Path) -> Path:
    path = Path(shutil.copy(migrated, directory / "pressroom.sqlite"))
    path.chmod(0o666)
    return path


@pytest.mark.parametrize(
    ("name", "mode"),
    [("", 0o755), ("pressroom.sqlite", 0o444), ("pressroom.sqlite-wal", 0o444), ("pressroom.sqlite-shm", 0o444)],
)
def test_a_server_does_not_start_with_a_database_that_it_cannot_write(path: Path, name: str, mode: int) -> None:
    settings = Settings(database_url=f"sqlite:///{path}")
    with closing(Database(settings)) as other, other.read():
        (path.parent / name).chmod(mode)
        with unprivileged(), pytest.raises(DatabaseNeedsRepair) as error:
            Database(settings).migrate_if_embedded()
    sentence = rf"{path.parent / name} is not writable by [a-z]+\. Change its owner or its mode\."
    assert re.fullmatch(sentence, error.value.message_for_operators)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("locked/pressroom.sqlite", "is not writable by "),
        ("locked/below/pressroom.sqlite", " may not enter the directories above "),
    ],
)
def test_a_database_in_a_directory_that_may_not_be_entered_is_reported(directory: Path, name: str, reason: str) -> None:
    path = directory / name
    path.parent.mkdir(parents=True)
    path.touch(0o666)
    (directory / "locked").chmod(0o700)
    database = Database(Settings(database_url=f"sqlite:///{path}"))
    with unprivileged():
        with pytest.raises(DatabaseNeedsRepair) as error:
            database.migrate_if_embedded()
        assert error.value.message_for_operators == f"Cannot create the database {path}: Permission denied."
        with pytest.raises(DatabaseNeedsRepair) as error, database.read():
            pass
    assert reason in error.value.reason


def test_a_log_that_is_deleted_while_it_is_examined_is_no_problem(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last connection to close deletes it, in another process that starts at the same time."""
    log = path.with_name("pressroom.sqlite-wal")
    log.touch()
    access = os.access

    def delete(file: Path, mode: int, **options: bool) -> bool:
        if file == log:
            log.unlink()
        return access(file, mode, **options)

    monkeypatch.setattr(os, "access", delete)
    Database(Settings(database_url=f"sqlite:///{path}")).migrate_if_embedded().close()
    assert not log.exists()


def test_a_log_that_is_created_while_it_is_examined_is_no_problem(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first connection to write creates it, in another process that starts at the same time."""
    log = path.with_name("pressroom.sqlite-wal")
    access = os.access

    def create(file: Path, mode: int, **options: bool) -> bool:
        is_accessible = access(file, mode, **options)
        if file == log:
            log.touch()
        return is_accessible

    monkeypatch.setattr(os, "access", create)
    assert sqlite_diagnosis.diagnose(path) == ""


def test_a_log_that_is_replaced_while_it_is_examined_is_no_problem(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = path.with_name("pressroom.sqlite-wal")
    log.touch(0o444)
    access = os.access

    def replace(file: Path, mode: int, **options: bool) -> bool:
        if file == log:
            log.unlink()
        is_accessible = access(file, mode, **options)
        log.touch()
        return is_accessible

    monkeypatch.setattr(os, "access", replace)
    assert sqlite_diagnosis.diagnose(path) == ""


def test_a_database_that_another_process_creates_concurrently_is_not_lost(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both files are there when the log is examined, and there was neither before."""
    path = directory / "new.sqlite"
    settings = Settings(database_url=f"sqlite:///{path}")
    with closing(Database(settings)) as other, closing(Database(settings)) as database:

        def create(path: Path) -> Files | None:
            monkeypatch.undo()
            found = find_files(path)
            other.migrate_if_embedded()
            return found

        monkeypatch.setattr("api.store.engine.sqlite_file.find_files", create)
        database.migrate_if_embedded()
        assert database.revision() == HEAD


@pytest.fixture
def app(path: Path) -> Iterator[Application]:
    app = create_app(Settings(database_url=f"sqlite:///{path}", access_log=""))
    yield app
    app.database.close()


@pytest.fixture
def ada(app: Application) -> Client:
    return signed_in_user(app, "ada")


@pytest.mark.parametrize("name", ["pressroom.sqlite", ""])
def test_a_database_that_becomes_read_only_is_reported_in_the_log(
    app: Application, ada: Client, path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    app.database.close()
    (path.parent / name).chmod(0o555)
    with unprivileged():
        response = ada.post("/posts", BODY)
        app.database.close()
    problem = assert_problem(response, 503)
    assert "Try again" not in problem["detail"]
    assert response.headers["Retry-After"] == "60"
    assert str(path) not in response.text
    assert f"{path.parent / name} is not writable by " in caplog.text
    (path.parent / name).chmod(0o777)
    with unprivileged():
        assert ada.post("/posts", BODY).status_code == 201
        app.database.close()


@pytest.fixture
def volume(directory: Path) -> Iterator[Path]:
    """A file system that can be mounted read-only."""
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", directory], check=False).returncode:
        pytest.skip("only root can mount a volume")
    yield directory
    subprocess.run(["umount", "--lazy", directory], check=True)


def test_a_volume_that_becomes_read_only_is_reported(volume: Path, migrated: Path) -> None:
    path = Path(shutil.copy(migrated, volume / "pressroom.sqlite"))
    with closing(Database(Settings(database_url=f"sqlite:///{path}"))) as database:
        with database.write() as db:
            users.register(db, username="ada")
        database.close()
        subprocess.run(["mount", "-o", "remount,ro", volume], check=True)
        with pytest.raises(DatabaseNeedsRepair) as error, database.write() as db:
            users.register(db, username="bob")
        assert f"{volume} is not writable: it is on a read-only file system" in error.value.reason
        subprocess.run(["mount", "-o", "remount,rw", volume], check=True)
        with database.write() as db:
            users.register(db, username="bob")
