"""Rate limits of a server with several workers and without Redis."""

import re
import signal
from collections.abc import Callable
from os import kill

from tests.support.http import Response, send_request
from tests.support.servers import Server, worker_pids


def test_workers_count_requests_together_even_if_one_is_killed(serve: Callable[..., Server]) -> None:
    server = serve(WEB_CONCURRENCY="2", PRESSROOM_THREADS="1")

    def register() -> Response:
        return send_request(server.connect(), "POST", "/users", {})

    responses = [register() for _ in range(10)]
    first, _ = worker_pids(server)
    kill(first, signal.SIGKILL)
    server.wait_until_ready()
    responses += [register() for _ in range(11)]
    assert [response.status for response in responses] == [422] * 20 + [429]
    remaining = [re.findall(r'"registration";r=(\d+)', response.headers["RateLimit"]) for response in responses]
    assert remaining == [[str(number)] for number in (*range(19, -1, -1), 0)]
