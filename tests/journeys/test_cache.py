"""nginx, which keeps for a second or two what strangers read, as deploy/postgresql.md has it."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.conftest import HOUSE
from tests.journeys.conftest import Server, sign_up
from tests.postgresql import free_port

PROGRAM = shutil.which("nginx", path="/usr/sbin:/usr/bin")
CONFIGURATION = """
pid {directory}/pid;
error_log {directory}/error.log;
daemon off;
master_process off;
events {{ }}
http {{
    access_log off;
    proxy_temp_path {directory}/temporary;
    proxy_cache_path {directory}/cache keys_zone=pressroom:10m max_size=1g;
    upstream pressroom {{ server 127.0.0.1:{upstream}; }}
    server {{
        listen 127.0.0.1:{port};
        {location}
    }}
}}
"""

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(PROGRAM is None, reason="there is no nginx: apt-get install nginx-light"),
]


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    return serve()


@pytest.fixture
def port(server: Server, tmp_path: Path) -> Iterator[int]:
    """nginx's, in front of the server."""
    found = re.search("```nginx\n(.*?)```", (HOUSE / "deploy" / "postgresql.md").read_text(), flags=re.DOTALL)
    assert found
    port = free_port()
    values = {"directory": tmp_path, "upstream": server.port, "port": port, "location": found[1]}
    (tmp_path / "nginx.conf").write_text(CONFIGURATION.format(**values))
    process = subprocess.Popen([str(PROGRAM), "-c", tmp_path / "nginx.conf", "-e", tmp_path / "error.log"])
    deadline = time.monotonic() + 10
    while True:
        with suppress(OSError):
            get(port, "/users")
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield port
    process.terminate()
    process.wait()


def get(port: int, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_strangers_read_what_is_two_seconds_old_and_others_what_is_so(server: Server, port: int) -> None:
    headers = sign_up(server)
    assert get(port, "/posts") == (200, b'{"items":[],"next_cursor":null}\n')
    server.post("/posts", {"title": "Second", "body": "b"}, headers)
    assert b"Second" not in get(port, "/posts")[1]
    assert b"Second" in get(port, "/posts", headers)[1]
    time.sleep(2.1)  # nginx counts whole seconds
    assert b"Second" in get(port, "/posts")[1]


def test_what_is_kept_is_served_without_the_server(server: Server, port: int) -> None:
    headers = sign_up(server)
    assert get(port, "/users/ada")[0] == 200
    server.stop()
    time.sleep(2.1)  # nginx counts whole seconds
    assert get(port, "/users/ada")[0] == 200
    assert get(port, "/users/ada", headers)[0] == 502
