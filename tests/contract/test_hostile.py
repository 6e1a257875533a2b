"""Every hostile request gets its response, in process and over sockets, and none changes the database."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPMessage
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import pytest
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

from api.app import create_app
from api.settings import Settings
from tests.contract.catalogue import arrange
from tests.contract.derived import derived
from tests.contract.hostile import ADMIN, ETAG, JSON, REQUESTS, Hostile
from tests.contract.malformed import MESSAGES, TOKEN, Message
from tests.support.clients import Client, signed_in_user
from tests.support.http import Response, parse_response
from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server


class Scene(NamedTuple):
    """A database with ada, her token and her resources, an admin, the ETag of post 1, and a dump of the database."""

    settings: Settings
    ada: Client
    admin: Client
    etag: str
    dump: list[str]

    def fields(self, row: Hostile) -> dict[str, str]:
        """Return the header fields of a row, and ada's token and a media type where it has none of its own."""
        defaults = {"Authorization": f"Bearer {self.ada.token}", **(JSON if row.body is not None else {})}
        values = {ADMIN: f"Bearer {self.admin.token}"}
        own = {name: values.get(value, value.replace(ETAG, self.etag)) for name, value in row.headers.items()}
        return {name: value for name, value in {**defaults, **own}.items() if (name, value) != ("Content-Type", "")}


def dump(settings: Settings) -> list[str]:
    """Dump the database without tokens, whose last use changes, and epochs, which a server adds when it starts."""
    with closing(sqlite3.connect(settings.database_url.removeprefix("sqlite:///"))) as db:
        changing = 'INSERT INTO "tokens"', 'INSERT INTO "sync_epochs"'
        return [line for line in db.iterdump() if not line.startswith(changing)]


@pytest.fixture(scope="module")
def scene(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    database = tmp_path_factory.mktemp("hostile") / "pressroom.sqlite"
    database.write_bytes(migrated.read_bytes())
    settings = Settings(database_url=f"sqlite:///{database}", rate_limits="off", access_log="")
    app = create_app(settings)
    ada = signed_in_user(app, "ada")
    arrange(ada)
    admin = signed_in_user(app, "admin", role="admin")
    etag = ada.get("/posts/1").headers["ETag"]
    yield Scene(settings, ada, admin, etag, dump(settings))
    app.database.close()


@pytest.fixture(scope="module")
def server(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    environment = {"PRESSROOM_DATABASE_URL": scene.settings.database_url, "PRESSROOM_RATE_LIMITS": "off"}
    server = Server(["gunicorn"], tmp_path_factory.mktemp("gunicorn"), PROJECT_ROOT, **environment)
    yield server.wait_until_ready()
    server.stop()


def send_in_process(row: Hostile, scene: Scene) -> Response:
    method, _, target = row.request.partition(" ")
    path, _, query = target.partition("?")
    body = row.body or b""
    environ = EnvironBuilder(method=method, headers=Headers(scene.fields(row))).get_environ()
    environ |= {"PATH_INFO": unquote_to_bytes(path).decode("latin-1"), "QUERY_STRING": query, "RAW_URI": target}
    environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    chunks, status, fields = run_wsgi_app(scene.ada.app, environ, buffered=True)
    headers = HTTPMessage()
    for name, value in fields.items():
        headers[name] = value
    return Response(int(status.split()[0]), headers, b"".join(chunks))


def raw_request(row: Hostile, scene: Scene) -> bytes:
    body = row.body or b""
    fields = {"Host": "x", "Connection": "close", "Content-Length": len(body), **scene.fields(row)}
    lines = [f"{row.request} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1") + body


def send_raw(server: Server, raw: bytes) -> Response:
    """Send bytes, to which there must be exactly one response."""
    response = parse_response(server.send_raw(raw))
    assert b"HTTP/1.1 " not in response.body
    return response


def assert_expected(response: Response, row: Hostile | Message) -> None:
    assert response.status == row.status, response.body
    assert bool(response.headers.get("Allow")) == (
        row.status == 405 or (isinstance(row, Hostile) and row.request.startswith("OPTIONS /p"))
    )
    if row.detail:
        assert response.headers["Content-Type"] == "application/problem+json"
        problem = response.json
        errors = problem.get("errors", [])
        details = [
            problem["detail"],
            *(f"{error.get('pointer', error.get('parameter'))} {error['detail']}" for error in errors),
        ]
        assert any(row.detail in detail for detail in details), details


def test_hostile_requests_in_process_get_their_response_and_change_nothing(
    scene: Scene, subtests: pytest.Subtests
) -> None:
    for row in (*REQUESTS, *derived()):
        with subtests.test(str(row)):
            assert_expected(send_in_process(row, scene), row)
            assert dump(scene.settings) == scene.dump


def test_hostile_requests_over_sockets_get_their_response_and_change_nothing(
    scene: Scene, server: Server, subtests: pytest.Subtests
) -> None:
    for row in (*REQUESTS, *derived()):
        with subtests.test(str(row)):
            assert_expected(send_raw(server, raw_request(row, scene)), row)
            assert dump(scene.settings) == scene.dump


def test_malformed_messages_get_their_response_and_change_nothing(
    scene: Scene, server: Server, subtests: pytest.Subtests
) -> None:
    for message in MESSAGES:
        with subtests.test(str(message)):
            response = send_raw(server, message.raw.replace(TOKEN, scene.ada.token.encode()))
            assert_expected(response, message)
            # What gunicorn rejects before it calls the application is HTML.
            is_html = response.headers["Content-Type"] == "text/html"
            assert is_html == (message.status >= 400 and not message.detail)
            assert dump(scene.settings) == scene.dump


def test_the_server_is_ready_and_has_logged_no_traceback_after_hostile_requests(server: Server) -> None:
    assert server.get_status("/health/ready") == 200
    log = server.log.read_bytes().decode()
    assert "Traceback" not in log
    assert all(line.isprintable() for line in log.split("\n"))
