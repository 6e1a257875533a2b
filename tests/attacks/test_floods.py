"""More requests than anybody needs."""

import threading
import time
from contextlib import closing, suppress

import pytest

from tests.attacks.conftest import ATTACKER, BYSTANDER, ROWS, Site, watching
from tests.support.clients import basic
from tests.support.nginx import answer_of

pytestmark = pytest.mark.heavy

SECONDS = 4
AT_ONCE, A_SECOND = 11, 5
"""As `deploy/nginx` has it, for what hashes a password."""


def test_a_flood_of_sign_ins_is_kept_from_hashing(site: Site) -> None:
    statuses: list[int] = []
    until = time.monotonic() + SECONDS

    def guess() -> None:
        with closing(site.nginx.connect(source=ATTACKER)) as connection:
            while time.monotonic() < until:
                connection.request("POST", "/tokens", headers=basic(f"user-{len(statuses)}", "a guess"))
                response = connection.getresponse()
                response.read()
                statuses.append(response.status)

    reached, answered = len(site.reached()), len(site.nginx.access_log.read_text().splitlines())
    with watching(site) as bystander:
        guessing = [threading.Thread(target=guess) for _ in range(16)]
        for thread in guessing:
            thread.start()
        signed_in = answer_of(site.nginx.connect(source=BYSTANDER), "POST", "/tokens", {}, basic("ada")).status
        for thread in guessing:
            thread.join()
    own = sum(line["address"] == ATTACKER for line in site.reached()[reached:])
    ROWS.append(("sign-ins", len(statuses), own, str(bystander), site.answered(ATTACKER, answered)))
    assert signed_in == 201
    assert set(statuses) == {401, 429}
    assert own == statuses.count(401) <= AT_ONCE + A_SECOND * (SECONDS + 1)
    assert len(statuses) > 10 * own


def test_a_flood_of_connections_that_say_nothing_keeps_nobody_out(site: Site) -> None:
    reached = len(site.reached())
    silent = []
    try:
        with watching(site) as bystander:
            for _ in range(800):
                connection = site.nginx.connect(source=ATTACKER)
                connection.connect()
                silent.append(connection)
            time.sleep(1)
    finally:
        for connection in silent:
            with suppress(OSError):
                connection.close()
    own = sum(line["address"] == ATTACKER for line in site.reached()[reached:])
    ROWS.append(("connections that say nothing", len(silent), own, str(bystander), ""))
    assert own == 0
