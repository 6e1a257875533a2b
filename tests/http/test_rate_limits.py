"""How often.

HTTP/1.1 429 TOO MANY REQUESTS
Retry-After: 900
RateLimit: "sign-in-username";r=0;t=900
RateLimit-Policy: "sign-in-username";q=20;w=900
"""

import signal
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from limits import parse
from werkzeug.test import TestResponse

from api.http.application import Application
from api.http.rate_limit_store import RateLimitStore
from api.settings import InvalidSetting
from tests.support.clients import PASSWORD, Client, basic, member
from tests.support.problems import assert_problem
from tests.support.redis_server import Redis

FIVE = parse("5 per minute")


def sign_in(client: Client, username: str, password: str = "wrong", address: str = "192.0.2.1") -> TestResponse:
    environ = {"REMOTE_ADDR": address}
    return client.send("POST", "/tokens", headers=basic(username, password), environ_overrides=environ)


def register(client: Client, number: int, address: str = "192.0.2.1") -> TestResponse:
    account = {"username": f"user-{number}", "password": "short"}
    return client.post("/users", account, environ_overrides={"REMOTE_ADDR": address})


def test_a_password_cannot_be_guessed_in_peace(ada: Client, anyone: Client) -> None:
    for number in range(20):
        assert_problem(sign_in(anyone, "ada", address=f"192.0.2.{number}"), 401)
    refused = sign_in(anyone, "ada", PASSWORD, "192.0.2.100")
    told = "Rate limit exceeded: 20 requests in 900 seconds (sign-in-username). Try again after `Retry-After` seconds."
    assert_problem(refused, 429, detail=told)
    seconds = refused.headers["Retry-After"]
    assert 800 < int(seconds) <= 900
    assert refused.headers["RateLimit"] == f'"sign-in-address";r=59;t=900, "sign-in-username";r=0;t={seconds}'
    assert refused.headers["RateLimit-Policy"] == '"sign-in-address";q=60;w=900, "sign-in-username";q=20;w=900'
    assert_problem(sign_in(anyone, "bob", address="192.0.2.100"), 401)


@pytest.mark.parametrize("credentials", [f"*{b64encode(b'ada:wrong').decode()}", b64encode(b"ada:\xfc").decode()])
def test_nor_by_who_writes_it_in_another_way(ada: Client, anyone: Client, credentials: str) -> None:
    def guess(number: int) -> TestResponse:
        environ = {"REMOTE_ADDR": f"192.0.2.{number}"}
        headers = {"Authorization": f"Basic {credentials}"}
        return anyone.send("POST", "/tokens", headers=headers, environ_overrides=environ)

    for number in range(20):
        assert_problem(guess(number), 401)
    assert_problem(guess(20), 429)


def test_nor_by_who_has_found_a_token(ada: Client) -> None:
    change = {"current_password": "wrong", "new_password": "12345678"}
    for _ in range(10):
        assert_problem(ada.send("PUT", "/me/password", json=change), 403)
    assert_problem(ada.send("PUT", "/me/password", json=change), 429)


def test_who_is_attacked_can_still_change_the_password(ada: Client, anyone: Client) -> None:
    for _ in range(20):
        assert_problem(sign_in(anyone, "ada"), 401)
    assert_problem(sign_in(ada, "ada", PASSWORD), 429)
    change = {"current_password": PASSWORD, "new_password": "12345678"}
    assert ada.send("PUT", "/me/password", json=change).status_code == 204


def test_an_address_cannot_try_one_name_after_another(anyone: Client) -> None:
    for number in range(60):
        assert_problem(sign_in(anyone, f"user-{number % 30}"), 401)
    assert_problem(sign_in(anyone, "another"), 429)
    assert_problem(anyone.post("/tokens", environ_overrides={"REMOTE_ADDR": "192.0.2.1"}), 429)
    assert_problem(sign_in(anyone, "another", address="192.0.2.2"), 401)


def test_a_customer_of_ipv6_is_one_address(anyone: Client) -> None:
    for number in range(20):
        assert_problem(register(anyone, number, f"2001:db8:0:1::{number:x}"), 422)
    assert_problem(register(anyone, 20, "2001:db8:0:1:ffff::"), 429)
    assert_problem(register(anyone, 20, "2001:db8:0:2::"), 422)


def test_clients_of_ipv4_on_a_socket_of_ipv6_are_not_one(anyone: Client) -> None:
    for number in range(21):
        assert_problem(register(anyone, number, f"::ffff:192.0.2.{number}"), 422)


def test_registration_is_limited_for_all_but_admins(anyone: Client, ada: Client, admin: Client) -> None:
    for number in range(20):
        assert_problem(register(ada if number % 2 else anyone, number), 422)
    for client in (anyone, ada):
        assert_problem(register(client, 20), 429)
    assert_problem(register(admin, 20), 422)


def test_addresses_that_are_not_known_are_one(anyone: Client) -> None:
    for number in range(20):
        assert_problem(register(anyone, number, ""), 422)
    assert_problem(register(anyone, 20, ""), 429)


def test_writes_are_limited_for_each_user(ada: Client, bob: Client) -> None:
    answers = [ada.delete("/tokens/999") for _ in range(300)]
    assert {answer.status_code for answer in answers} == {404}
    assert answers[0].headers["RateLimit"].startswith('"writes";r=299;t=')
    assert answers[0].headers["RateLimit-Policy"] == '"writes";q=300;w=60'
    assert_problem(ada.post("/posts", {"title": "t", "body": "b"}), 429)
    assert bob.post("/posts", {"title": "t", "body": "b"}).status_code == 201


def test_who_may_not_write_is_not_counted(anyone: Client, ada: Client) -> None:
    assert "RateLimit" not in anyone.post("/posts", {"title": "t", "body": "b"}).headers


@pytest.mark.parametrize("path", ["/", "/posts", "/posts/1", "/users/ada", "/me", "/tokens"])
def test_reads_are_not_even_looked_at(ada: Client, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RateLimitStore, "hit", None)
    ada.get(path)
    assert "RateLimit" not in ada.get(path).headers


def test_limits_can_be_put_off(build: Callable[..., Application]) -> None:
    ada = member(build(rate_limits="off"), "ada")
    answers = [ada.delete("/tokens/999") for _ in range(301)]
    assert {answer.status_code for answer in answers} == {404}
    assert "RateLimit" not in answers[0].headers


def test_processes_count_together_in_redis(build: Callable[..., Application], redis_server: Redis) -> None:
    one, another = Client(build(redis_url=redis_server.url)), Client(build(redis_url=redis_server.url))
    for number in range(20):
        assert_problem(register(one if number % 2 else another, number), 422)
    assert_problem(register(one, 20), 429)
    assert_problem(register(another, 20), 429)


def hits(counted: RateLimitStore, number: int) -> list[bool]:
    return [counted.hit(FIVE, "x")[0] for _ in range(number)]


def test_without_redis_each_process_counts_for_itself(redis_server: Redis, caplog: pytest.LogCaptureFixture) -> None:
    counted = RateLimitStore(redis_server.url, redis_retry_seconds=0.2)
    assert hits(counted, 4) == [True] * 4
    redis_server.kill()
    assert hits(counted, 6) == [True] * 5 + [False]
    assert "Redis does not count; this process does, for 0.2 s" in caplog.text
    redis_server.start()
    time.sleep(0.3)
    assert hits(counted, 6) == [True] * 5 + [False]


def test_a_redis_that_hangs_holds_one_request_up_and_not_for_long(redis_server: Redis) -> None:
    counted = RateLimitStore(redis_server.url)
    assert hits(counted, 1) == [True]
    redis_server.process.send_signal(signal.SIGSTOP)
    started = time.monotonic()
    assert hits(counted, 6) == [True] * 5 + [False]
    assert 0.2 <= time.monotonic() - started < 0.5


def test_only_one_request_at_a_time_tries_a_redis_that_is_gone(redis_server: Redis) -> None:
    counted = RateLimitStore(redis_server.url, redis_retry_seconds=0.3)
    redis_server.process.send_signal(signal.SIGSTOP)
    hits(counted, 1)
    time.sleep(0.3)
    took: list[float] = []

    def hit() -> None:
        started = time.monotonic()
        counted.hit(FIVE, "x")
        took.append(time.monotonic() - started)

    threads = [threading.Thread(target=hit) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(seconds >= 0.2 for seconds in took) == 1


def test_nothing_connects_before_it_counts(build: Callable[..., Application]) -> None:
    assert Client(build(redis_url="redis://127.0.0.1:1")).get("/").status_code == 200


def test_a_redis_that_cannot_be_meant_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="PRESSROOM_REDIS_URL cannot be read"):
        RateLimitStore("redis://:secret@localhost:abc")


def test_a_client_of_redis_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(InvalidSetting, match=r"needs a client: pip install -e '.\[redis\]'"):
        RateLimitStore("redis://127.0.0.1")


def test_no_hit_is_lost_when_many_begin_a_window_at_once() -> None:
    for _ in range(20):
        counted, allowed = RateLimitStore(""), list[Any]()
        threads = [threading.Thread(target=lambda: allowed.extend(hits(counted, 2))) for _ in range(8)]  # noqa: B023 (joined below)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(allowed) == 5
