"""The site that is attacked, and who else wants to be served meanwhile."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from tests.support.clients import PASSWORD, basic
from tests.support.nginx import ABSENT, EXECUTABLE, Nginx, in_front
from tests.support.servers import Server

COLUMNS = "{:<33} {:>8} {:>8}  {:<36}  {}"
ROWS: list[tuple[object, ...]] = []
"""Attack, requests, how many reached the application, bystanders, what was answered."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if ROWS:
        terminalreporter.section("attacks")
        for row in [("attack", "requests", "reached", "bystanders served", "answered"), *ROWS]:
            terminalreporter.write_line(COLUMNS.format(*row))


ATTACKER, BYSTANDER = "127.0.0.1", "127.0.0.2"


class Site:
    """Pressroom behind nginx, as shipped, and a user of it."""

    def __init__(self, nginx: Nginx, server: Server) -> None:
        self.nginx, self.server = nginx, server
        nginx.ask("POST", "/users", {"username": "ada", "password": PASSWORD})
        token = nginx.ask("POST", "/tokens", {}, basic("ada")).json["token"]
        self.signed_in = {"Authorization": f"Bearer {token}"}
        time.sleep(1.2)  # until nginx has logged all this, which is no attack

    def reached(self) -> list[Any]:
        """The lines of the application's log, a request each."""
        time.sleep(0.3)  # it is written ten times a second
        lines = (self.nginx.behind.parent / "requests.log").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def answered(self, address: str, since: int) -> str:
        """How often nginx has answered what to that address, from that line of its log on."""
        time.sleep(1.2)  # it is written every second
        lines = [json.loads(line) for line in self.nginx.access_log.read_text().splitlines()[since:]]
        return told(line["status"] for line in lines if line["address"] == address)


def told(statuses: Iterable[int]) -> str:
    """How many there are of each."""
    return ", ".join(f"{count} of {status}" for status, count in sorted(Counter(statuses).items()))


class Bystander:
    """Who reads from another address, with a token and so not out of the cache, ten times a second."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.seconds: list[float] = []
        self.failed: list[object] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read_on)

    def _read_on(self) -> None:
        while not self._stopped.wait(0.1):
            began = time.monotonic()
            try:
                with closing(self.site.nginx.connect(source=BYSTANDER)) as connection:
                    connection.request("GET", "/posts", headers=self.site.signed_in)
                    if (status := connection.getresponse().status) != 200:
                        self.failed.append(status)
            except OSError as error:
                self.failed.append(error)
            self.seconds.append(time.monotonic() - began)

    def __str__(self) -> str:
        served = len(self.seconds) - len(self.failed)
        return f"{served} of {len(self.seconds)}, the slowest after {max(self.seconds):.2f} s"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()


@contextmanager
def watching(site: Site) -> Iterator[Bystander]:
    """Somebody who reads while the attack lasts, and whose every read must be answered, and soon."""
    bystander = Bystander(site)
    bystander.start()
    try:
        yield bystander
    finally:
        bystander.stop()
    assert bystander.failed == []
    assert len(bystander.seconds) > 10
    assert max(bystander.seconds) < 2


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if EXECUTABLE is None:
        pytest.skip(ABSENT)
    with in_front(tmp_path_factory.mktemp("site"), WEB_CONCURRENCY="2") as (nginx, server):
        yield Site(nginx, server)
        # Whatever was sent, nothing was raised, and no worker has died.
        said = server.log.read_text()
        assert "Traceback" not in said
        assert "SIGKILL" not in said
