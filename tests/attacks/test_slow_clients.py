"""Clients that are slow on purpose, by slowhttptest: who comes from elsewhere is served meanwhile."""

import shutil
import subprocess
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.attacks.conftest import ATTACKER, ROWS, Site, watching
from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(shutil.which("slowhttptest") is None, reason="no slowhttptest: apt-get install slowhttptest"),
]

CONNECTIONS = 400
"""Of which a quarter may have a request under way, as they come from one address."""
ATTACKS = {
    "slow heads": ("-H",),
    "slow bodies": ("-B", "-s", "8192"),
    "slow reading": ("-X", "-w", "1", "-y", "512", "-n", "5", "-z", "32", "-k", "3"),
}


def attack(url: str, *kind: str, connections: int = CONNECTIONS) -> "subprocess.Popen[bytes]":
    """Eight seconds, in which each connection is kept with as few bytes as possible."""
    often = ["-c", str(connections), "-r", "200", "-i", "3", "-l", "8", "-p", "1"]
    return subprocess.Popen(
        ["slowhttptest", *kind, *often, "-u", url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@pytest.mark.parametrize("name", ATTACKS)
def test_slow_clients_hold_nobody_up_behind_nginx(site: Site, name: str) -> None:
    reached, answered = len(site.reached()), len(site.nginx.access_log.read_text().splitlines())
    path = "/openapi.json" if name == "slow reading" else "/posts"  # a hundred kilobytes
    with watching(site) as bystander, attack(site.nginx.url + path, *ATTACKS[name]) as slow:
        assert slow.wait(20) == 0
    own = sum(line["address"] == ATTACKER for line in site.reached()[reached:])
    ROWS.append((name, CONNECTIONS, own, str(bystander), site.answered(ATTACKER, answered)))
    # slowhttptest looks once a second whether it is served itself, and the cache asks as often.
    assert own <= 30


def test_gunicorn_alone_is_held_up(tmp_path: Path) -> None:
    """Were it not, the others would prove nothing."""
    server = Server(["gunicorn"], tmp_path, PROJECT_ROOT, WEB_CONCURRENCY="2").wait()
    with attack(f"http://127.0.0.1:{server.port}/users", *ATTACKS["slow bodies"]) as slow:
        time.sleep(4)
        with closing(HTTPConnection("127.0.0.1", server.port, timeout=2)) as connection:
            connection.request("GET", "/posts")
            with pytest.raises(TimeoutError):
                connection.getresponse()
        slow.wait(20)
    server.stop()
    ROWS.append(("slow bodies, gunicorn alone", CONNECTIONS, "", "none", ""))
