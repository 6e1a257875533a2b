"""Limits that all workers share, while Redis goes and comes."""

import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection

import pytest

from tests.support.redis_server import Redis
from tests.support.servers import Server, sign_up

KEY = "LIMITS:LIMITER/writes/1/300/1/minute"


@pytest.mark.heavy
def test_nothing_fails_when_redis_does(serve: Callable[..., Server], redis_server: Redis) -> None:
    server = serve(PRESSROOM_REDIS_URL=redis_server.url, WEB_CONCURRENCY="2")
    headers, stopped = sign_up(server), threading.Event()
    answers: list[int] = []

    def write() -> None:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
        while not stopped.is_set():
            connection.request("DELETE", "/tokens/999", headers=headers)
            response = connection.getresponse()
            response.read()
            answers.append(response.status)
        connection.close()

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    try:
        while answers.count(429) < 20:
            time.sleep(0.05)
        assert answers.count(404) == 300
        redis_server.kill()
        while answers.count(404) < 600 or answers[-20:] != [429] * 20:
            time.sleep(0.05)
        redis_server.start()
        returned = time.monotonic()
        while not redis_server.client.exists(KEY):
            assert time.monotonic() - returned < 5
            time.sleep(0.05)
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
    # 300 counted by Redis, 300 by each worker that is asked, and what a new window in Redis allows again.
    assert 600 <= answers.count(404) <= 1200
    assert set(answers) == {404, 429}
