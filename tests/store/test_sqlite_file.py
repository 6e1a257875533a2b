"""The files of an SQLite database are removed or replaced while it is in use; tests/faults does it to a server."""

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from api.settings import Settings
from api.store import users
from api.store.engine.database import Database
from api.store.engine.timeouts import Timeouts
from api.store.errors import DatabaseNeedsRepair, Unavailable
from tests.support.paths import PROJECT_ROOT


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings, timeouts=Timeouts(pool_wait_seconds=0.1, file_check_seconds=0))
    with database.write() as db:
        users.register(db, username="ada")
    yield database
    database.close()


@pytest.fixture
def path(database: Database) -> Path:
    assert database.file
    return database.file.path


@pytest.fixture
def copy(database: Database, path: Path, tmp_path: Path) -> Path:
    """An older copy of the database, as `cp` makes it while no server has it open; without bob."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(tmp_path / "copy")) as target:
        source.backup(target)
    with database.write() as db:
        users.register(db, username="bob")
        db.execute_sql("CREATE TABLE large AS SELECT zeroblob(100000) AS content")
    return tmp_path / "copy"


def usernames(database: Database) -> list[str]:
    with database.read() as db:
        return [user.username for user in reversed(users.page(db, limit=9).rows)]


def sibling(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def remove(*suffixes: str) -> Callable[[Path, Path], None]:
    def swap(path: Path, _copy: Path) -> None:
        for suffix in suffixes:
            sibling(path, suffix).unlink()

    return swap


@contextmanager
def lock_in_another_process(path: Path) -> Iterator[None]:
    """Hold SQLite's SHARED lock, as a process does that checks whether it is the only one."""
    program = (
        "import fcntl, sys; file = open(sys.argv[1]); "
        "fcntl.lockf(file, fcntl.LOCK_SH, 510, 0x40000002); print(flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        yield
        process.communicate(b"\n")


def rename(path: Path, _copy: Path) -> None:
    path.rename(sibling(path, ".away"))


def rename_over(path: Path, copy: Path) -> None:
    copy.replace(path)


def copy_onto(path: Path, copy: Path) -> None:
    shutil.copyfile(copy, path)


def truncate(path: Path, _copy: Path) -> None:
    os.truncate(path, 0)


def replace_by_directory(path: Path, _copy: Path) -> None:
    path.unlink()
    path.mkdir()


SWAPS = [remove(""), remove("-wal"), remove("-shm"), remove("", "-wal", "-shm"), rename, rename_over, truncate]


@pytest.mark.parametrize("swap", [*SWAPS, replace_by_directory])
def test_a_commit_into_replaced_files_is_not_acknowledged(
    database: Database, path: Path, copy: Path, swap: Callable[[Path, Path], None]
) -> None:
    with pytest.raises(Unavailable), database.write() as db:
        users.register(db, username="eve")
        swap(path, copy)


@pytest.mark.parametrize(
    ("swap", "reason"),
    [
        (remove(""), "pressroom.sqlite does not exist. Put it back, or restore a backup"),
        (remove("", "-wal", "-shm"), "pressroom.sqlite does not exist. Put it back, or restore a backup"),
        (rename, "pressroom.sqlite does not exist. Put it back, or restore a backup"),
        (replace_by_directory, "pressroom.sqlite is a directory. Add the name of a file to PRESSROOM_DATABASE_URL"),
        (copy_onto, "pressroom.sqlite was overwritten while it was in use. Stop the server"),
        (truncate, "pressroom.sqlite was overwritten while it was in use. Stop the server"),
    ],
)
def test_a_missing_or_overwritten_database_is_reported_and_not_created(
    database: Database, path: Path, copy: Path, swap: Callable[[Path, Path], None], reason: str
) -> None:
    with database.write() as db:
        db.execute_sql("PRAGMA wal_autocheckpoint=1")
    with database.write() as db:
        users.register(db, username="cleo")  # moves all into the file
    swap(path, copy)
    for open_connection in (database.read, database.write, database.snapshot):
        with pytest.raises(Unavailable) as error, open_connection():
            pass
        assert "Try again" not in str(error.value)
        assert isinstance(error.value, DatabaseNeedsRepair)
        assert reason in error.value.message_for_operators
    assert not path.is_file() or swap in {copy_onto, truncate}


@pytest.mark.parametrize("suffixes", [["-wal"], ["-shm"], ["-wal", "-shm"]])
def test_nothing_is_lost_if_the_log_or_its_index_is_removed(
    database: Database, path: Path, copy: Path, suffixes: list[str]
) -> None:
    remove(*suffixes)(path, copy)
    assert usernames(database) == ["ada", "bob"]
    with database.write() as db:
        users.register(db, username="cleo")
    database.close()
    assert usernames(database) == ["ada", "bob", "cleo"]


def test_nothing_is_lost_if_another_process_locks_the_database_while_its_last_connections_close(
    database: Database, path: Path, copy: Path
) -> None:
    remove("-wal")(path, copy)
    with lock_in_another_process(path), pytest.raises(Unavailable), database.read():
        pass
    assert usernames(database) == ["ada", "bob"]


@pytest.mark.parametrize("method", ["close", "close_if_replaced"])
def test_idle_connections_do_not_prevent_another_process_from_opening_a_database_without_its_log(
    database: Database, path: Path, copy: Path, method: str
) -> None:
    remove("-wal")(path, copy)
    getattr(database.pool, method)()
    program = (
        "import sys; from pathlib import Path; from api.store.engine.sqlite_connection import begin_alone; "
        "begin_alone(Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", program, path], cwd=PROJECT_ROOT, check=True)
    assert usernames(database) == ["ada", "bob"]


def test_the_log_of_a_replaced_database_is_set_aside(database: Database, path: Path, copy: Path) -> None:
    old_log = sibling(path, "-wal").stat().st_ino
    rename_over(path, copy)
    assert usernames(database) == ["ada"]
    [aside] = path.parent.glob("*.replaced-*")
    assert aside.stat().st_ino == old_log


def test_a_database_that_is_put_back_is_served_with_all_its_content(database: Database, path: Path, copy: Path) -> None:
    rename(path, copy)
    with pytest.raises(Unavailable), database.read():
        pass
    sibling(path, ".away").rename(path)
    assert usernames(database) == ["ada", "bob"]
    assert not [*path.parent.glob("*.replaced-*")]


def test_a_database_is_not_created_beside_the_log_of_a_lost_one(database: Database, path: Path, copy: Path) -> None:
    path.unlink()
    with pytest.raises(DatabaseNeedsRepair) as error:
        Database(Settings(database_url=f"sqlite:///{path}")).migrate_if_embedded()
    assert "but its write-ahead log" in error.value.reason
    assert not path.exists()


def test_another_program_may_vacuum_the_database_and_move_the_log_into_it(
    database: Database, path: Path, copy: Path
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        for statement in ("DROP TABLE large", "PRAGMA wal_checkpoint", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            other.execute(statement)
            assert usernames(database) == ["ada", "bob"]
    with database.write() as db:
        users.register(db, username="cleo")


def test_a_restore_by_another_program_is_served(database: Database, path: Path, copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert usernames(database) == ["ada"]


def test_connections_do_not_open_a_log_that_another_process_has_lost(
    database: Database, path: Path, copy: Path
) -> None:
    with database.read() as db:
        users.page(db, limit=1)
        sibling(path, "-wal").unlink()
        with pytest.raises(Unavailable) as error, database.read():
            pass
        assert "-wal or -shm was removed while the database was in use" in error.value.reason
        assert not sibling(path, "-wal").exists()
    assert usernames(database) == ["ada", "bob"]


@pytest.mark.parametrize("files", range(12))
def test_a_process_with_too_many_open_files_is_a_temporary_failure(database: Database, files: int) -> None:
    database.close()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + files, before[1]))
    try:
        with suppress(Unavailable), database.read():
            return
        with pytest.raises(Unavailable, match="Try again"), database.read():
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert usernames(database) == ["ada"]
