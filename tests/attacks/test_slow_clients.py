"""Clients that are slow on purpose, by slowhttptest."""

import shutil
import subprocess
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.attacks.site import Site, other_client_served, rows
from tests.support.servers import Server

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.alone,
    pytest.mark.skipif(shutil.which("slowhttptest") is None, reason="no slowhttptest: apt-get install slowhttptest"),
]

CONNECTIONS = 400
"""nginx lets one address have a quarter as many concurrent requests."""
ATTACKS = {
    "slow headers": ("-H",),
    "slow bodies": ("-B", "-s", "8192"),
    "slow reads": ("-X", "-w", "1", "-y", "512", "-n", "5", "-z", "32", "-k", "3"),
}


def attack(url: str, *options: str) -> "subprocess.Popen[bytes]":
    """Attack for eight seconds, sending or reading just enough to keep each connection open."""
    common = ["-c", str(CONNECTIONS), "-r", "200", "-i", "3", "-l", "8", "-p", "1"]
    return subprocess.Popen(
        ["slowhttptest", *options, *common, "-u", url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@pytest.mark.parametrize("name", ATTACKS)
def test_slow_clients_behind_nginx_do_not_delay_other_clients(site: Site, name: str) -> None:
    requests_before = len(site.application_requests())
    responses_before = len(site.nginx.access_log.read_text().splitlines())
    path = "/openapi.json" if name == "slow reads" else "/posts"  # 100 kB to read slowly
    with other_client_served(site) as other_client, attack(site.nginx.url + path, *ATTACKS[name]) as attacker:
        assert attacker.wait(20) == 0
    reached = site.requests_from_attacker(requests_before)
    rows.append((name, CONNECTIONS, reached, str(other_client), site.attacker_responses(responses_before)))
    # slowhttptest itself checks once a second whether it is served, and the cache revalidates as often.
    assert reached <= 30


def test_slow_clients_block_gunicorn_without_nginx(tmp_path: Path) -> None:
    """Shows that the attack works, without which the tests above would prove nothing."""
    server = Server(["gunicorn"], tmp_path, WEB_CONCURRENCY="2").wait_until_ready()
    with attack(f"http://127.0.0.1:{server.port}/users", *ATTACKS["slow bodies"]) as attacker:
        time.sleep(4)
        with closing(HTTPConnection("127.0.0.1", server.port, timeout=2)) as connection:
            connection.request("GET", "/posts")
            with pytest.raises(TimeoutError):
                connection.getresponse()
        attacker.wait(20)
    server.stop()
    rows.append(("slow bodies, gunicorn without nginx", CONNECTIONS, "", "no", ""))
