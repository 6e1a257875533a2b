"""Request smuggling, over sockets: of one message, nobody makes two requests, and nginx and gunicorn agree on it."""

import re
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.attacks.battery import FIRST, HEADS, REFRAMED, SECOND, SMUGGLING
from tests.attacks.conftest import ROWS, Site, told
from tests.contract.malformed import MESSAGES, TOKEN

pytestmark = pytest.mark.heavy


def behind_nginx(path: Path, raw: bytes) -> bytes:
    """What the application answers to `raw`, sent to its own socket, until it closes or is silent."""
    answer = b""
    with socket.socket(socket.AF_UNIX) as connection, suppress(OSError):
        connection.settimeout(1)
        connection.connect(str(path))
        connection.sendall(raw)
        while more := connection.recv(65536):
            answer += more
    return answer


class Sent:
    """What became of messages that were sent to nginx or, `alone`, to gunicorn."""

    def __init__(self, site: Site, title: str, messages: Mapping[str, bytes], *, alone: bool) -> None:
        numbers = {name: number for number, name in enumerate(messages)}

        def agent(name: str, which: str) -> str:
            return f"{title} {numbers[name]} {which}"

        def send(name: str) -> bytes:
            raw = messages[name]
            for mark, which in ((FIRST, "first"), (SECOND, "second")):
                raw = raw.replace(mark, agent(name, which).encode())
            if alone:
                return behind_nginx(site.nginx.behind, raw)
            answer = site.nginx.send(raw, timeout=1)
            # Who comes next gets an answer to what they asked, not to what was left on the connection.
            next_one = site.nginx.ask("GET", f"/posts?x{numbers[name]}=1").json
            assert next_one["errors"][0]["parameter"] == f"x{numbers[name]}"
            return answer

        with ThreadPoolExecutor(8) as pool:
            self.answers = dict(zip(messages, pool.map(send, messages), strict=True))
        self.statuses = {
            name: [int(status) for status in re.findall(rb"HTTP/1.1 (\d+)", answer)]
            for name, answer in self.answers.items()
        }
        agents = [line["agent"] for line in site.reached()]
        self.reached = {
            name: tuple(agents.count(agent(name, which)) for which in ("first", "second")) for name in messages
        }
        answered = told(status for several in self.statuses.values() for status in several)
        marked = any(FIRST in raw for raw in messages.values())
        ROWS.append((title, len(messages), sum(map(sum, self.reached.values())) if marked else "", "", answered))


def test_gunicorn_makes_one_request_or_none_of_an_ambiguous_message(site: Site, subtests: pytest.Subtests) -> None:
    sent = Sent(site, "smuggling, gunicorn alone", SMUGGLING, alone=True)
    for name, (first, second) in sent.reached.items():
        with subtests.test(name):
            assert second == 0
            # It answers a head before it has read the body: then the connection is of no more use.
            assert sent.statuses[name] in ([400], [501], [401], [401, 400])
            assert first == sent.statuses[name].count(401)


def test_nginx_passes_nothing_on_of_an_ambiguous_message(site: Site, subtests: pytest.Subtests) -> None:
    sent = Sent(site, "smuggling, through nginx", SMUGGLING, alone=False)
    for name, reached in sent.reached.items():
        with subtests.test(name):
            assert reached == (0, 0)
            assert sent.statuses[name] in ([400], [501])


def test_nginx_passes_nothing_on_that_is_meant_for_another_host(site: Site, subtests: pytest.Subtests) -> None:
    sent = Sent(site, "heads that mislead, through nginx", HEADS, alone=False)
    for name, reached in sent.reached.items():
        with subtests.test(name):
            assert reached == (0, 0)
            assert sent.statuses[name] in ([400], [421])


def test_what_nginx_understands_although_it_is_ambiguous_it_frames_anew(site: Site, subtests: pytest.Subtests) -> None:
    sent = Sent(site, "oddly framed, through nginx", REFRAMED, alone=False)
    for name, reached in sent.reached.items():
        with subtests.test(name):
            assert reached == (1, 1)
            assert sent.statuses[name] == [401, 404]


def test_malformed_messages_through_nginx_are_no_failures(site: Site, subtests: pytest.Subtests) -> None:
    token = site.signed_in["Authorization"].removeprefix("Bearer ").encode()
    messages = {
        f"{number} {message}": message.raw.replace(TOKEN, token).replace(b"Host: x\r\n", b"Host: localhost\r\n")
        for number, message in enumerate(MESSAGES)
    }
    sent = Sent(site, "malformed, through nginx", messages, alone=False)
    for name, statuses in sent.statuses.items():
        with subtests.test(name):
            assert all(status < 500 or status in {501, 505} for status in statuses)
            # Of two fields, nginx tells the first only; gunicorn refuses both in its own words.
            assert (b"text/html" in sent.answers[name]) == (messages[name].count(b"Content-Type") == 2)
