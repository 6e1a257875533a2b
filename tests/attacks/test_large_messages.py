"""Lists of the largest posts, and bodies of the largest size, requested by many clients at once."""

import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from api import constraints
from api.settings import Settings
from api.store import posts, users
from api.store.engine.database import Database
from tests.attacks.site import ATTACKER, OTHER_CLIENT, WORKER_MAX_MB, OtherClient, Site, count_statuses, rows
from tests.support.http import UnixConnection
from tests.support.nginx import SHIPPED_CONFIGURATION, needs_nginx, nginx_and_gunicorn
from tests.support.servers import Server, worker_pids
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.heavy, pytest.mark.alone, needs_nginx]

CLIENTS, SECONDS = 24, 10
POSTS = 100
[(_MAX_SIZE,)] = [re.findall(r" max_size=(\d+)m ", (SHIPPED_CONFIGURATION / "pressroom.conf").read_text())]
CACHE_MAX_MB = int(_MAX_SIZE)
CACHE_CHECK_SECONDS = 3
"""Time after which nginx checks `max_size` again, as long as the cache is used."""
numbers = count()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site with as many of the largest posts as a page has items."""
    with nginx_and_gunicorn(tmp_path_factory.mktemp("large"), WEB_CONCURRENCY="2") as (nginx, server):
        site = Site(nginx, server)
        database = Database(Settings(database_url=server.database_url))
        body = "\N{SCROLL}" * constraints.BODY_MAX_LENGTH
        with database.write() as db:
            ada = users.get(db, "ada")
        for number in range(POSTS):
            published_at = datetime(2026, 1, 1, 0, 0, 0, number, tzinfo=UTC)
            post: dict[str, Any] = {"author_id": ada.id, "title": str(number), "published_at": published_at}
            with database.write() as db:
                posts.publish(db, **post, body=body, tags=["large"])
                posts.publish(db, **post, body="b" * 2500, tags=["cacheable"])
        database.close()
        with cache_in_use(site):
            yield site


@contextmanager
def cache_in_use(site: Site) -> Iterator[None]:
    """Let an anonymous client read the same list every second, after nginx has begun to look for old responses.

    When the cache has been empty, nginx looks for the first time after up to ten seconds.
    """
    stopped = threading.Event()

    def read(path: str) -> None:
        with closing(site.nginx.connect(source=OTHER_CLIENT)) as connection:
            connection.request("GET", path)
            connection.getresponse().read()

    def read_repeatedly() -> None:
        while not stopped.wait(1):
            with suppress(OSError, http.client.HTTPException):
                read("/posts?limit=1")

    read("/posts?limit=2")
    wait_until(lambda: cached_files(site))
    old = cached_files(site)
    thread = threading.Thread(target=read_repeatedly)
    thread.start()
    try:
        wait_until(lambda: not old & cached_files(site))
        yield
    finally:
        stopped.set()
        thread.join()


def cached_files(site: Site) -> set[Path]:
    return {path for path in site.nginx.cache.rglob("*") if path.is_file()}


class Observer:
    """Measures every tenth of a second how the site does: `/health/live`, the workers' memory, and nginx's cache."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.live_seconds: list[float] = []
        self.worker_mb = self.cache_mb = 0.0
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=each) for each in (self._check_liveness, self._measure)]

    def _check_liveness(self) -> None:
        while not self._stopped.wait(0.1):
            start = time.monotonic()
            # After a timeout, the time until it counts.
            with suppress(OSError), closing(UnixConnection(self.site.nginx.backend, timeout=60)) as connection:
                connection.request("GET", "/health/live")
                connection.getresponse().read()
            self.live_seconds.append(time.monotonic() - start)

    def _measure(self) -> None:
        while not self._stopped.wait(0.1):
            self.worker_mb = max([self.worker_mb, *peak_memory_mb(self.site.server)])
            self.cache_mb = max(self.cache_mb, size_mb(self.site.nginx.cache))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()


def peak_memory_mb(server: Server) -> list[float]:
    """Return the largest resident size that each worker has had."""
    peaks = []
    for pid in worker_pids(server):
        with suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text()
            peaks += [int(kilobytes) / 1024 for kilobytes in re.findall(r"VmHWM:\s+(\d+) kB", status)]
    return peaks


def size_mb(directory: Path) -> float:
    """Return the size of the files in a directory, some of which may disappear."""
    size = 0
    for path in directory.rglob("*"):
        with suppress(OSError):
            size += path.stat().st_size
    return size / 2**20


def percentile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) * percent // 100, len(values) - 1)]


def attack(
    site: Site,
    name: str,
    send: Callable[[http.client.HTTPSConnection], http.client.HTTPResponse],
    *,
    expected: int,
    allowed: AbstractSet[int] = frozenset(),
    seconds: float = 1,
) -> None:
    """Let clients repeat `send`; print a row, and assert that others are served.

    Responses must have the status `expected`; some may have those `allowed`.
    """
    received: list[int] = []
    sizes: list[int] = []
    end = time.monotonic() + SECONDS

    def repeat() -> None:
        while time.monotonic() < end:
            try:
                with closing(site.nginx.connect(source=ATTACKER, timeout=60)) as connection:
                    while time.monotonic() < end:
                        response = send(connection)
                        sizes.append(len(response.read()))
                        received.append(response.status)
            except (OSError, http.client.HTTPException):
                received.append(0)

    requests_before = len(site.application_requests())
    other_client, observer = OtherClient(site), Observer(site)
    attackers = [threading.Thread(target=repeat) for _ in range(CLIENTS)]
    other_client.start()
    observer.start()
    for thread in attackers:
        thread.start()
    for thread in attackers:
        thread.join()
    other_client.stop()
    observer.stop()
    half, most = percentile(other_client.seconds, 50), percentile(other_client.seconds, 99)
    live = max(observer.live_seconds)
    result = (
        f"{count_statuses(received)}; others p50 {half:.2f} s, p99 {most:.2f} s; live {live:.2f} s; "
        f"worker {observer.worker_mb:.0f} MB; cache {observer.cache_mb:.0f} MB"
    )
    rows.append((name, len(received), site.requests_from_attacker(requests_before), str(other_client), result))
    assert {expected} <= set(received) <= {expected, *allowed}
    assert other_client.failures == []
    assert most <= seconds
    assert live <= seconds
    assert observer.worker_mb <= WORKER_MAX_MB
    assert observer.cache_mb <= CACHE_MAX_MB + sum(sizes) / 2**20 / SECONDS * CACHE_CHECK_SECONDS


def list_path(query: str, number: int) -> str:
    """Return one of the URLs of a list, each with another key in the cache."""
    cursor = f"cursor=7{number:031x}"  # later than all posts
    spellings = f"{query}&{cursor}", f"{cursor}&{query}", f"{query}&{cursor}&author=ada", f"{cursor}&author=ada&{query}"
    return f"/posts?{spellings[number % len(spellings)]}"


@pytest.mark.parametrize(
    ("method", "query"),
    [
        pytest.param("HEAD", "expand=body&limit=100", marks=pytest.mark.nightly),
        ("GET", "expand=body&limit=100"),
        pytest.param("GET", "limit=100", marks=pytest.mark.nightly),
        ("GET", "expand=body&limit=20&tag=cacheable"),
    ],
)
def test_lists_with_many_urls_do_not_keep_others_from_being_served(site: Site, method: str, query: str) -> None:
    def send(connection: http.client.HTTPSConnection) -> http.client.HTTPResponse:
        connection.request(method, list_path(query, next(numbers)))
        return connection.getresponse()

    attack(site, f"{method} of {query}", send, expected=200)


def test_bodies_with_many_invalid_items_do_not_keep_others_from_being_served(site: Site) -> None:
    start, end = '{"title": "t", "body": "b", "tags": [', "1]}"
    body = start + "1," * ((constraints.REQUEST_BODY_MAX_BYTES - len(start) - len(end)) // 2) + end
    assert len(json.loads(body)["tags"]) > 2_000_000
    fields = {"Content-Type": "application/json", **site.signed_in}

    def send(connection: http.client.HTTPSConnection) -> http.client.HTTPResponse:
        connection.request("POST", "/posts", body.encode(), fields)
        return connection.getresponse()

    # To parse 4 MiB occupies a worker for 0.1 s, in which its other threads wait, and 24 arrive at once.
    attack(site, "bodies with many invalid items", send, expected=422, allowed={503}, seconds=2)
