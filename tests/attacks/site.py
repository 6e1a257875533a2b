"""The attacked site, another client of it, and the table of results."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from tests.support.nginx import Nginx, application_log, nginx_log
from tests.support.servers import Server

ATTACKER, OTHER_CLIENT = "127.0.0.1", "127.0.0.2"
WORKER_MAX_MB = 400
"""The most memory that a worker may take under any attack."""
READS = 10
"""The other client reads more often than this during an attack."""
COLUMNS = ("attack", "requests", "reached the application", "other client served", "responses")

rows: list[tuple[object, ...]] = []
"""A row for each attack."""


class Site:
    """Pressroom behind nginx, as shipped, with a user."""

    def __init__(self, nginx: Nginx, server: Server) -> None:
        self.nginx, self.server = nginx, server
        self.signed_in = nginx.sign_up()
        nginx_log(nginx)  # waits until these requests are logged, which belong to no attack

    def application_requests(self) -> list[Any]:
        """Return the application's access log, an object per request."""
        return [json.loads(line) for line in application_log(self.nginx)]

    def requests_from_attacker(self, since: int) -> int:
        """Count the attacker's requests in the application's access log from an index on."""
        return sum(request["address"] == ATTACKER for request in self.application_requests()[since:])

    def attacker_responses(self, since: int) -> str:
        """Count nginx's responses to the attacker by status, from a line of its access log on."""
        lines = [json.loads(line) for line in nginx_log(self.nginx)[since:]]
        return count_statuses(line["status"] for line in lines if line["address"] == ATTACKER)


def count_statuses(statuses: Iterable[int]) -> str:
    return ", ".join(f"{count}x {status}" for status, count in sorted(Counter(statuses).items()))


class OtherClient:
    """A client at another address that reads ten times a second, with a token and so not from the cache."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.seconds: list[float] = []
        self.failures: list[object] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def _read(self) -> None:
        while not self._stopped.wait(0.1):
            start = time.monotonic()
            try:
                with closing(self.site.nginx.connect(source=OTHER_CLIENT)) as connection:
                    connection.request("GET", "/posts", headers=self.site.signed_in)
                    if (status := connection.getresponse().status) != 200:
                        self.failures.append(status)
            except OSError as error:
                self.failures.append(error)
            self.seconds.append(time.monotonic() - start)

    def __str__(self) -> str:
        served = len(self.seconds) - len(self.failures)
        return f"{served} of {len(self.seconds)}, slowest {max(self.seconds):.2f} s"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()


@contextmanager
def other_client_served(site: Site) -> Iterator[OtherClient]:
    """Assert that another client is served, each time within 2 s, while the block attacks."""
    client = OtherClient(site)
    client.start()
    try:
        yield client
    finally:
        client.stop()
    assert client.failures == []
    assert len(client.seconds) > READS
    assert max(client.seconds) < 2
