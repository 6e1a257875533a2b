"""What the worst request bodies of 4 MiB cost, legal and illegal: `python -m benchmarks.large_bodies`."""

import itertools
import statistics
import string
from collections.abc import Callable

from benchmarks import databases
from benchmarks.apps import APPS
from benchmarks.rows import TOKEN
from benchmarks.servers import serve

SIZE = 4 * 1024 * 1024
TIMES = 5


def _list_of(item: bytes) -> bytes:
    start, end = b'{"title":"t","body":"b","tags":[', b"]}"
    count = (SIZE - len(start) - len(end)) // (len(item) + 1)
    return start + (item + b",") * (count - 1) + item + end


def _legal() -> bytes:
    longest = b'{"title":"t","body":"' + b"\\ud83d\\ude00" * 262_144 + b'"}'
    return longest[:-1].ljust(SIZE - 1) + b"}"


def _unknown_properties() -> bytes:
    names = itertools.islice(itertools.product(string.ascii_letters + string.digits, repeat=4), SIZE // 9 - 1)
    return b"{" + b",".join(b'"%s":0' % "".join(name).encode() for name in names) + b"}"


BODIES: dict[str, tuple[Callable[[], bytes], int]] = {
    "the longest post": (_legal, 201),
    "two million tags": (lambda: _list_of(b"1"), 422),
    "short texts as tags": (lambda: _list_of(b'"ab"'), 422),
    "objects as tags": (lambda: _list_of(b"{}"), 422),
    "unknown properties": (_unknown_properties, 422),
}
"""For each body, the function that makes it and the status of `POST /posts`."""


def cpu_milliseconds() -> dict[str, float]:
    """Return the median CPU time of a request with each body."""
    costs = {}
    with serve(APPS["pressroom"], databases.template(databases.POSTS)) as server:
        for name, (make, status) in BODIES.items():
            body, times = make(), list[float]()
            for _ in range(TIMES):
                before = server.cpu_seconds()
                response = server.request(
                    "POST", "/posts", body, Content_Type="application/json", Authorization=f"Bearer {TOKEN}"
                )
                if response.status != status:
                    raise SystemExit(f"{name}: {response.status} instead of {status}: {response.body[:200]!r}")
                times.append((server.cpu_seconds() - before) * 1000)
            costs[name] = statistics.median(times)
    return costs


if __name__ == "__main__":
    for name, cost in cpu_milliseconds().items():
        print(f"{name:24} {cost:4.0f} ms")
