"""Every hostile request, in process and over raw sockets: the answer that the table says, and nothing kept."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from http.client import parse_headers
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
from tests.contract.hostile import ETAG, JSON, REQUESTS, Hostile
from tests.contract.malformed import MESSAGES, TOKEN, Message
from tests.support.clients import Client, member
from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server


class Answer(NamedTuple):
    status: int
    media_type: str
    allow: str
    body: bytes


class Scene(NamedTuple):
    """A database in which ada has a token and the resources of the catalogue."""

    settings: Settings
    ada: Client
    etag: str
    kept: list[str]

    def fields(self, row: Hostile) -> dict[str, str]:
        """As ada would send them, but for what the row says."""
        own = {"Authorization": f"Bearer {self.ada.token}", **(JSON if row.body is not None else {})}
        given = {name: value.replace(ETAG, self.etag) for name, value in row.headers.items()}
        return {name: value for name, value in {**own, **given}.items() if (name, value) != ("Content-Type", "")}


def everything_in(settings: Settings) -> list[str]:
    """All that is kept but tokens, which note when they are used."""
    with closing(sqlite3.connect(settings.database_url.removeprefix("sqlite:///"))) as db:
        return [line for line in db.iterdump() if not line.startswith('INSERT INTO "tokens"')]


@pytest.fixture(scope="module")
def scene(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    database = tmp_path_factory.mktemp("hostile") / "pressroom.sqlite"
    database.write_bytes(migrated.read_bytes())
    settings = Settings(database_url=f"sqlite:///{database}", rate_limits="off", access_log="")
    app = create_app(settings)
    ada = member(app, "ada")
    arrange(ada)
    etag = ada.get("/posts/1").headers["ETag"]
    yield Scene(settings, ada, etag, everything_in(settings))
    app.database.close()


@pytest.fixture(scope="module")
def server(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    given = {"PRESSROOM_DATABASE_URL": scene.settings.database_url, "PRESSROOM_RATE_LIMITS": "off"}
    started = Server(["gunicorn"], tmp_path_factory.mktemp("gunicorn"), PROJECT_ROOT, **given).wait()
    yield started
    started.stop()


def in_process(row: Hostile, scene: Scene) -> Answer:
    method, _, target = row.request.partition(" ")
    path, _, query = target.partition("?")
    body = row.body or b""
    environ = EnvironBuilder(method=method, headers=Headers(scene.fields(row))).get_environ()
    environ |= {"PATH_INFO": unquote_to_bytes(path).decode("latin-1"), "QUERY_STRING": query, "RAW_URI": target}
    environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    chunks, status, headers = run_wsgi_app(scene.ada.app, environ, buffered=True)
    return Answer(int(status.split()[0]), headers.get("Content-Type", ""), headers.get("Allow", ""), b"".join(chunks))


def on_the_wire(row: Hostile, scene: Scene) -> bytes:
    body = row.body or b""
    fields = {"Host": "x", "Connection": "close", "Content-Length": len(body), **scene.fields(row)}
    lines = [f"{row.request} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1") + body


def answer_of(server: Server, raw: bytes) -> Answer:
    """What is answered, to one request and to no other."""
    told = BytesIO(server.send(raw))
    status = int(told.readline().split()[1])
    headers = parse_headers(told)
    body = told.read()
    assert b"HTTP/1.1 " not in body
    return Answer(status, headers.get("Content-Type", ""), headers.get("Allow", ""), body)


def assert_says(answer: Answer, row: Hostile | Message) -> None:
    assert answer.status == row.status, answer.body
    assert bool(answer.allow) == (
        row.status == 405 or (isinstance(row, Hostile) and row.request.startswith("OPTIONS /p"))
    )
    if row.says:
        assert answer.media_type == "application/problem+json"
        problem = json.loads(answer.body)
        errors = problem.get("errors", [])
        told = [
            problem["detail"],
            *(f"{each.get('pointer', each.get('parameter'))} {each['detail']}" for each in errors),
        ]
        assert any(row.says in each for each in told), told


def test_hostile_requests_in_process(scene: Scene, subtests: pytest.Subtests) -> None:
    for row in (*REQUESTS, *derived()):
        with subtests.test(str(row)):
            assert_says(in_process(row, scene), row)
            assert everything_in(scene.settings) == scene.kept


def test_hostile_requests_over_sockets(scene: Scene, server: Server, subtests: pytest.Subtests) -> None:
    for row in (*REQUESTS, *derived()):
        with subtests.test(str(row)):
            assert_says(answer_of(server, on_the_wire(row, scene)), row)
            assert everything_in(scene.settings) == scene.kept


def test_malformed_messages(scene: Scene, server: Server, subtests: pytest.Subtests) -> None:
    for message in MESSAGES:
        with subtests.test(str(message)):
            answer = answer_of(server, message.raw.replace(TOKEN, scene.ada.token.encode()))
            assert_says(answer, message)
            # Before the application is asked, gunicorn refuses in its own words.
            assert (answer.media_type == "text/html") == (message.status >= 400 and not message.says)
            assert everything_in(scene.settings) == scene.kept


def test_none_of_them_troubles_the_server(server: Server) -> None:
    assert server.get("/health/ready") == 200
    assert "Traceback" not in server.log.read_text()
