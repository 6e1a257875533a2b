"""Request smuggling: no server makes two requests of one message, and nginx and gunicorn agree on its end."""

import re
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.attacks.site import Site, count_statuses, rows
from tests.attacks.smuggling_messages import AMBIGUOUS, FIRST, MISDIRECTED_OR_INVALID, SECOND, UNUSUAL
from tests.contract.malformed import MESSAGES, TOKEN
from tests.support.sockets import receive_all

pytestmark = pytest.mark.heavy


def send_to_gunicorn(path: Path, raw: bytes) -> bytes:
    """Send bytes to the application's socket, past nginx, and return those that come back."""
    with socket.socket(socket.AF_UNIX) as connection, suppress(OSError):
        connection.settimeout(1)
        connection.connect(str(path))
        connection.sendall(raw)
        return receive_all(connection, until=OSError)
    return b""


class Results:
    """Responses to messages, and which of their requests reached the application."""

    def __init__(self, site: Site, attack: str, messages: Mapping[str, bytes], *, nginx: bool = True) -> None:
        numbers = {name: number for number, name in enumerate(messages)}

        def user_agent(name: str, which: str) -> str:
            return f"{attack} {numbers[name]} {which}"

        def send(name: str) -> bytes:
            raw = messages[name]
            for placeholder, which in ((FIRST, "first"), (SECOND, "second")):
                raw = raw.replace(placeholder, user_agent(name, which).encode())
            if not nginx:
                return send_to_gunicorn(site.nginx.backend, raw)
            response = site.nginx.send_raw(raw, timeout=1)
            # The next client gets the response to its own request, not to bytes left on the connection to gunicorn.
            next_response = site.nginx.request("GET", f"/posts?x{numbers[name]}=1").json
            assert next_response["errors"][0]["parameter"] == f"x{numbers[name]}"
            return response

        with ThreadPoolExecutor(8) as pool:
            self.responses = dict(zip(messages, pool.map(send, messages), strict=True))
        self.statuses = {
            name: [int(status) for status in re.findall(rb"HTTP/1.1 (\d+)", response)]
            for name, response in self.responses.items()
        }
        user_agents = [request["agent"] for request in site.application_requests()]
        self.reached = {
            name: tuple(user_agents.count(user_agent(name, which)) for which in ("first", "second"))
            for name in messages
        }
        responses = count_statuses(status for statuses in self.statuses.values() for status in statuses)
        counted = any(FIRST in raw for raw in messages.values())
        rows.append((attack, len(messages), sum(map(sum, self.reached.values())) if counted else "", "", responses))


def test_gunicorn_makes_at_most_one_request_of_an_ambiguous_message(site: Site, subtests: pytest.Subtests) -> None:
    results = Results(site, "request smuggling, gunicorn without nginx", AMBIGUOUS, nginx=False)
    for name, (first, second) in results.reached.items():
        with subtests.test(name):
            assert second == 0
            # The 401 is sent before the body is read: 400 may follow, and the connection is closed.
            assert results.statuses[name] in ([400], [413], [501], [401], [401, 400])
            assert first == len({401, 413}.intersection(results.statuses[name]))


def test_nginx_forwards_no_ambiguous_message(site: Site, subtests: pytest.Subtests) -> None:
    results = Results(site, "request smuggling, through nginx", AMBIGUOUS)
    for name, reached in results.reached.items():
        with subtests.test(name):
            assert reached == (0, 0)
            assert results.statuses[name] in ([400], [501])


def test_nginx_forwards_no_misdirected_or_invalid_request(site: Site, subtests: pytest.Subtests) -> None:
    results = Results(site, "misdirected or invalid requests, through nginx", MISDIRECTED_OR_INVALID)
    for name, reached in results.reached.items():
        with subtests.test(name):
            assert reached == (0, 0)
            assert results.statuses[name] in ([400], [421])


def test_nginx_forwards_unusual_framing_as_standard_framing(site: Site, subtests: pytest.Subtests) -> None:
    results = Results(site, "unusual framing, through nginx", UNUSUAL)
    for name, reached in results.reached.items():
        with subtests.test(name):
            assert reached == (1, 1)
            assert results.statuses[name] == [401, 404]


def test_malformed_messages_through_nginx_cause_no_server_error(site: Site, subtests: pytest.Subtests) -> None:
    token = site.signed_in["Authorization"].removeprefix("Bearer ").encode()
    messages = {
        f"{number} {message}": message.raw.replace(TOKEN, token).replace(b"Host: x\r\n", b"Host: localhost\r\n")
        for number, message in enumerate(MESSAGES)
    }
    results = Results(site, "malformed messages, through nginx", messages)
    for name, statuses in results.statuses.items():
        with subtests.test(name):
            assert all(status < 500 or status in {501, 505} for status in statuses)
            # nginx forwards two Content-Type fields, which gunicorn rejects with its own HTML.
            assert (b"text/html" in results.responses[name]) == (messages[name].count(b"Content-Type") == 2)
