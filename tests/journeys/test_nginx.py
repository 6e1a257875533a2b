"""nginx in front, with the configuration that is shipped."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.client import HTTPMessage
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from tests.journeys.nginx import ABSENT, EXECUTABLE, Nginx, in_front

pytestmark = [pytest.mark.heavy, pytest.mark.skipif(EXECUTABLE is None, reason=ABSENT)]


class Answer(NamedTuple):
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with in_front(tmp_path_factory.mktemp("nginx")) as (nginx, _):
        yield nginx


def ask(
    nginx: Nginx,
    method: str,
    path: str,
    body: object = None,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Answer:
    """The answer to a request of its own connection; `body` is sent as JSON."""
    fields = {"Content-Type": "application/json", **headers} if body is not None else headers
    with closing(nginx.connect()) as connection:
        connection.request(method, path, None if body is None else json.dumps(body), dict(fields))
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


def test_the_shipped_files_are_good(nginx: Nginx) -> None:
    checked = nginx.check()
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr


def test_a_request_is_answered_by_the_application(nginx: Nginx) -> None:
    answer = ask(nginx, "GET", "/posts")
    assert (answer.status, answer.json) == (200, {"items": [], "next_cursor": None})
