"""Floods of sign-ins and of connections."""

import threading
import time
from contextlib import closing, suppress

import pytest

from tests.attacks.site import ATTACKER, OTHER_CLIENT, READS, Site, other_client_served, rows
from tests.support.clients import basic_auth
from tests.support.http import send_request
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.heavy, pytest.mark.alone]

SECONDS = 4
BURST, PER_SECOND = 11, 5
"""The limit of `deploy/nginx` on requests that hash a password."""


def test_most_of_a_flood_of_sign_ins_hashes_no_password(site: Site) -> None:
    statuses: list[int] = []
    began = time.monotonic()
    end = began + SECONDS

    def guess_passwords() -> None:
        with closing(site.nginx.connect(source=ATTACKER)) as connection:
            while time.monotonic() < end:
                connection.request("POST", "/tokens", headers=basic_auth(f"user-{len(statuses)}", "a guess"))
                response = connection.getresponse()
                response.read()
                statuses.append(response.status)

    requests_before = len(site.application_requests())
    responses_before = len(site.nginx.access_log.read_text().splitlines())
    with other_client_served(site) as other_client:
        guessing = [threading.Thread(target=guess_passwords) for _ in range(16)]
        for thread in guessing:
            thread.start()
        connection = site.nginx.connect(source=OTHER_CLIENT)
        signed_in = send_request(connection, "POST", "/tokens", {}, basic_auth("ada")).status
        for thread in guessing:
            thread.join()
        seconds = time.monotonic() - began
    reached = site.requests_from_attacker(requests_before)
    rows.append(("sign-in flood", len(statuses), reached, str(other_client), site.attacker_responses(responses_before)))
    assert signed_in == 201
    assert set(statuses) == {401, 429}
    assert reached == statuses.count(401) <= BURST + PER_SECOND * (seconds + 1)
    assert len(statuses) > 10 * reached


def test_a_flood_of_idle_connections_does_not_keep_other_clients_from_being_served(site: Site) -> None:
    requests_before = len(site.application_requests())
    idle = []
    try:
        with other_client_served(site) as other_client:
            for _ in range(800):
                connection = site.nginx.connect(source=ATTACKER)
                connection.connect()
                idle.append(connection)
            wait_until(lambda: len(other_client.seconds) > READS)
    finally:
        for connection in idle:
            with suppress(OSError):
                connection.close()
    reached = site.requests_from_attacker(requests_before)
    rows.append(("idle connections", len(idle), reached, str(other_client), ""))
    assert reached == 0
