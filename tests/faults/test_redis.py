"""Redis, which counts for the rate limits, is killed or hangs: no request fails."""

import signal
import time
from collections.abc import Callable

import pytest

from tests.faults.accounting import LOAD_SECONDS, under_load
from tests.support.redis_server import RedisServer
from tests.support.servers import Server
from tests.support.waiting import wait_until

pytestmark = pytest.mark.heavy

PAUSE_SECONDS = (2 * LOAD_SECONDS + 18) / 60
"""Long enough that the posts of one user stay below the limit of 300 a minute."""
COUNTER = "LIMITS:LIMITER/writes/1/300/1/minute"


def test_no_request_fails_when_redis_is_killed_and_restarted(
    serve: Callable[..., Server], redis_server: RedisServer
) -> None:
    server = serve(PRESSROOM_REDIS_URL=redis_server.url, PRESSROOM_RATE_LIMITS="on")
    with under_load("Redis killed and started again", server, pause=PAUSE_SECONDS) as load:
        wait_until(lambda: redis_server.client.exists(COUNTER))
        redis_server.kill()
        time.sleep(1)
        redis_server.start()
        wait_until(lambda: redis_server.client.exists(COUNTER))
    assert not load.failures()


def test_no_request_fails_while_redis_hangs(serve: Callable[..., Server], redis_server: RedisServer) -> None:
    server = serve(PRESSROOM_REDIS_URL=redis_server.url, PRESSROOM_RATE_LIMITS="on")
    with under_load("Redis paused for 2 s", server, pause=PAUSE_SECONDS) as load:
        wait_until(lambda: redis_server.client.exists(COUNTER))
        redis_server.process.send_signal(signal.SIGSTOP)
        time.sleep(2)
        redis_server.process.send_signal(signal.SIGCONT)
    assert not load.failures()
