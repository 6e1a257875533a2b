"""The worst bodies of every operation get the right response, in little more time and memory than parsing takes."""

import time
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import NamedTuple

import pytest

from api.app import create_app
from api.constraints import ERRORS_MAX_ITEMS
from api.json import loads
from api.settings import Settings
from benchmarks.processes import cpu_seconds
from tests.contract.catalogue import DOCUMENT, OPERATIONS, Operation, arrange, path_of
from tests.support.clients import basic_auth, signed_in_user
from tests.support.document import resolve
from tests.support.http import Response
from tests.support.memory import peak_mb, reset_peak, resident_mb
from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server, worker_pids
from tests.support.worst_bodies import ILLEGAL, JSONSchema, legal

pytestmark = pytest.mark.heavy

PEAK_MB = 100
WITH_BODY = {id_: operation for id_, operation in OPERATIONS.items() if "requestBody" in operation.description}
PARAMETERS = [
    pytest.param(operation, id=id_, marks=() if id_ in {"publishPost", "createToken"} else pytest.mark.nightly)
    for id_, operation in WITH_BODY.items()
]


class Target(NamedTuple):
    """A server with ada's resources, her header fields by kind of authentication, and its idle worker's memory."""

    server: Server
    pid: int
    fields: dict[str, dict[str, str]]
    idle_mb: float

    def send(self, operation: Operation, raw: bytes) -> tuple[Response, float]:
        """Return the response and how many seconds of processor time it took."""
        headers = {"Content-Type": "application/json", "If-Match": "*"}
        if not operation.is_public:
            [[scheme]] = operation.description["security"]
            headers |= self.fields[scheme]
        with closing(self.server.connect(timeout=120)) as connection:
            connection.connect()
            before = cpu_seconds(self.pid)
            connection.request(operation.method, path_of(operation), raw, headers)
            response = connection.getresponse()
            return Response(response.status, response.headers, response.read()), cpu_seconds(self.pid) - before


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    directory = tmp_path_factory.mktemp("worst")
    server = Server(["gunicorn"], directory, PROJECT_ROOT, PRESSROOM_RATE_LIMITS="off").wait_until_ready()
    app = create_app(Settings(database_url=server.database_url, access_log=""))
    ada = signed_in_user(app, "ada")
    arrange(ada)
    app.database.close()
    fields = {"bearer": {"Authorization": f"Bearer {ada.token}"}, "basic": basic_auth("ada")}
    [pid] = worker_pids(server)
    yield Target(server, pid, fields, resident_mb(pid))
    server.stop()


def schema_of(operation: Operation) -> JSONSchema:
    schema = operation.description["requestBody"]["content"]["application/json"]["schema"]
    [reference] = [each["$ref"] for each in schema.get("anyOf", [schema]) if "$ref" in each]
    described = resolve(DOCUMENT, {"$ref": reference})
    return {
        **described,
        "properties": {name: resolve(DOCUMENT, each) for name, each in described["properties"].items()},
    }


def property_of(operation: Operation) -> bytes:
    """Return the name of a list if the body has one, otherwise of its first property."""
    described = schema_of(operation)["properties"]
    lists = [name for name, schema in described.items() if schema.get("type") == "array"]
    return str([*lists, *described][0]).encode()


def assert_cheap(target: Target, operation: Operation, raw: bytes) -> Response:
    """Assert that time and memory are bounded; the better of two times, because others share the processor's cache."""
    times = []
    for _ in range(2):
        started_at = time.process_time()
        with suppress(ValueError):
            loads(raw)
        parsing = time.process_time() - started_at
        reset_peak(target.pid)
        before = resident_mb(target.pid)
        response, seconds = target.send(operation, raw)
        assert peak_mb(target.pid) - before <= PEAK_MB
        times.append(seconds - 4 * parsing)
    assert min(times) < 0.5
    return response


@pytest.mark.parametrize("name", ILLEGAL)
@pytest.mark.parametrize("operation", PARAMETERS)
def test_an_illegal_body_of_four_mebibytes_costs_little_more_than_parsing_it(
    target: Target, operation: Operation, name: str
) -> None:
    response = assert_cheap(target, operation, ILLEGAL[name].fill(property_of(operation)))
    assert response.status == ILLEGAL[name].status, response.body[:500]
    if response.status == 422:
        assert 1 <= len(response.json["errors"]) <= ERRORS_MAX_ITEMS
    assert len(response.body) < 100_000


@pytest.mark.parametrize("character", ["\U0001f600", "{", "[", '"', ":", ",", "\\"])
@pytest.mark.parametrize("operation", PARAMETERS)
def test_the_longest_legal_body_costs_little_more_than_parsing_it(
    target: Target, operation: Operation, character: str
) -> None:
    response = assert_cheap(target, operation, legal(schema_of(operation), character))
    assert response.status in {200, 201, 204, 403, 409}, response.body[:500]


def test_a_worker_returns_the_memory_of_large_bodies(target: Target) -> None:
    assert resident_mb(target.pid) - target.idle_mb <= PEAK_MB
