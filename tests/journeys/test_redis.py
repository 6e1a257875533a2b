"""Rate limits that workers share in Redis, while Redis is killed and restarted."""

import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection

import pytest

from tests.support.redis_server import RedisServer
from tests.support.servers import Server, sign_up
from tests.support.waiting import wait_until

COUNTER = "LIMITS:LIMITER/writes/1/300/1/minute"


@pytest.mark.heavy
def test_rate_limits_apply_per_worker_while_redis_is_down(
    serve: Callable[..., Server], redis_server: RedisServer
) -> None:
    server = serve(PRESSROOM_REDIS_URL=redis_server.url, WEB_CONCURRENCY="2")
    headers, stopped = sign_up(server), threading.Event()
    statuses: list[int] = []

    def write() -> None:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
        while not stopped.is_set():
            connection.request("DELETE", "/tokens/999", headers=headers)
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)
        connection.close()

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    try:
        while statuses.count(429) < 20:
            time.sleep(0.05)
        assert statuses.count(404) == 300
        redis_server.kill()
        while statuses.count(404) < 600 or statuses[-20:] != [429] * 20:
            time.sleep(0.05)
        redis_server.start()
        wait_until(lambda: redis_server.client.exists(COUNTER))
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
    # 300 counted in Redis, 300 by each worker that gets requests, and those of a new window in Redis.
    assert 600 <= statuses.count(404) <= 1200
    assert set(statuses) == {404, 429}
