"""Redis, in which all workers count for the limits together, is gone or hangs: nobody notices."""

import signal
import time
from collections.abc import Callable

import pytest

from tests.faults.accounts import SECONDS, under_load
from tests.support.redis_server import Redis
from tests.support.servers import Server
from tests.support.waiting import until

pytestmark = pytest.mark.heavy

PAUSE = (2 * SECONDS + 6) / 60
"""So that the posts of one user stay below the 300 that are let through in a minute."""
COUNTER = "LIMITS:LIMITER/writes/1/300/1/minute"


def test_no_request_fails_when_redis_does(start: Callable[..., Server], redis_server: Redis) -> None:
    server = start(PRESSROOM_REDIS_URL=redis_server.url, PRESSROOM_RATE_LIMITS="on")
    with under_load("Redis killed and started again", server, pause=PAUSE) as load:
        assert redis_server.client.exists(COUNTER)
        redis_server.kill()
        time.sleep(1)
        redis_server.start()
        until(lambda: redis_server.client.exists(COUNTER))
    assert not load.failed()


def test_no_request_fails_while_redis_hangs(start: Callable[..., Server], redis_server: Redis) -> None:
    server = start(PRESSROOM_REDIS_URL=redis_server.url, PRESSROOM_RATE_LIMITS="on")
    with under_load("Redis held up for 2 s", server, pause=PAUSE) as load:
        assert redis_server.client.exists(COUNTER)
        redis_server.process.send_signal(signal.SIGSTOP)
        time.sleep(2)
        redis_server.process.send_signal(signal.SIGCONT)
    assert not load.failed()
