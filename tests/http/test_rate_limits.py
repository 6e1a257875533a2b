"""Rate limits.

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

from api.http.application import Application, current_request
from api.http.rate_limit_store import RateLimitStore
from api.http.rate_limits import client_address
from api.settings import InvalidSetting
from tests.support.clients import PASSWORD, Client, basic_auth, signed_in_user
from tests.support.problems import assert_problem
from tests.support.redis_server import RedisServer

FIVE = parse("5 per minute")


def sign_in(client: Client, username: str, password: str = "wrong", address: str = "192.0.2.1") -> TestResponse:
    environ = {"REMOTE_ADDR": address}
    return client.send("POST", "/tokens", headers=basic_auth(username, password), environ_overrides=environ)


def register(client: Client, number: int, address: str = "192.0.2.1") -> TestResponse:
    account = {"username": f"user-{number}", "password": "short"}
    return client.post("/users", account, environ_overrides={"REMOTE_ADDR": address})


def test_passwords_cannot_be_guessed_from_many_addresses(ada: Client, anyone: Client) -> None:
    for number in range(20):
        assert_problem(sign_in(anyone, "ada", address=f"192.0.2.{number}"), 401)
    response = sign_in(anyone, "ada", PASSWORD, "192.0.2.100")
    detail = (
        "Rate limit exceeded: 20 requests in 900 seconds (sign-in-username). Try again after `Retry-After` seconds."
    )
    assert_problem(response, 429, detail=detail)
    seconds = response.headers["Retry-After"]
    assert 800 < int(seconds) <= 900
    assert response.headers["RateLimit"] == f'"sign-in-address";r=59;t=900, "sign-in-username";r=0;t={seconds}'
    assert response.headers["RateLimit-Policy"] == '"sign-in-address";q=60;w=900, "sign-in-username";q=20;w=900'
    assert_problem(sign_in(anyone, "bob", address="192.0.2.100"), 401)


@pytest.mark.parametrize("credentials", [f"*{b64encode(b'ada:wrong').decode()}", b64encode(b"ada:\xfc").decode()])
def test_other_encodings_of_the_credentials_count_for_the_same_username(
    ada: Client, anyone: Client, credentials: str
) -> None:
    def guess(number: int) -> TestResponse:
        environ = {"REMOTE_ADDR": f"192.0.2.{number}"}
        headers = {"Authorization": f"Basic {credentials}"}
        return anyone.send("POST", "/tokens", headers=headers, environ_overrides=environ)

    for number in range(20):
        assert_problem(guess(number), 401)
    assert_problem(guess(20), 429)


def test_sign_ins_by_http_basic_and_with_json_count_together(ada: Client, anyone: Client) -> None:
    def sign_in_with_json(number: int, password: str = "wrong") -> TestResponse:
        environ = {"REMOTE_ADDR": f"192.0.2.{number}"}
        return anyone.post("/tokens", {"username": "ada", "password": password}, environ_overrides=environ)

    for number in range(10):
        assert_problem(sign_in(anyone, "ada", address=f"192.0.2.{number}"), 401)
        assert_problem(sign_in_with_json(number), 403)
    assert_problem(sign_in(anyone, "ada", PASSWORD, "192.0.2.100"), 429)
    response = sign_in_with_json(100, PASSWORD)
    assert_problem(response, 429)
    seconds = response.headers["Retry-After"]
    assert response.headers["RateLimit"] == f'"sign-in-address";r=58;t=900, "sign-in-username";r=0;t={seconds}'
    assert response.headers["RateLimit-Policy"] == '"sign-in-address";q=60;w=900, "sign-in-username";q=20;w=900'


def test_one_address_cannot_try_many_usernames_with_json(anyone: Client) -> None:
    for number in range(60):
        assert_problem(anyone.post("/tokens", {"username": f"user-{number % 30}", "password": "wrong"}), 403)
    assert_problem(anyone.post("/tokens", {"username": "another", "password": "wrong"}), 429)


@pytest.mark.parametrize("step", [86_400, -86_400])
@pytest.mark.parametrize("shared", [False, True], ids=["in this server", "in Redis"])
def test_a_clock_that_is_corrected_does_not_prolong_the_window(
    build: Callable[..., Application],
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    shared: bool,
    step: int,
) -> None:
    client = Client(build(redis_url=redis_server.url if shared else ""))
    clock = time.time
    monkeypatch.setattr(time, "time", lambda: clock() + step)
    for number in range(21):
        sign_in(client, "ada", address=f"192.0.2.{number}")
    monkeypatch.undo()
    response = sign_in(client, "ada", address="192.0.2.100")
    assert_problem(response, 429)
    assert 800 < int(response.headers["Retry-After"]) <= 900


def test_passwords_cannot_be_guessed_with_a_stolen_token(ada: Client) -> None:
    change = {"current_password": "wrong", "new_password": "12345678"}
    for _ in range(10):
        assert_problem(ada.send("PUT", "/me/password", json=change), 403, code="wrong-credentials")
    assert_problem(ada.send("PUT", "/me/password", json=change), 429)


def test_a_user_under_attack_can_still_change_their_password(ada: Client, anyone: Client) -> None:
    for _ in range(20):
        assert_problem(sign_in(anyone, "ada"), 401)
    assert_problem(sign_in(ada, "ada", PASSWORD), 429)
    change = {"current_password": PASSWORD, "new_password": "12345678"}
    assert ada.send("PUT", "/me/password", json=change).status_code == 204


def test_one_address_cannot_try_many_usernames(anyone: Client) -> None:
    for number in range(60):
        assert_problem(sign_in(anyone, f"user-{number % 30}"), 401)
    assert_problem(sign_in(anyone, "another"), 429)
    assert_problem(anyone.post("/tokens", environ_overrides={"REMOTE_ADDR": "192.0.2.1"}), 429)
    assert_problem(sign_in(anyone, "another", address="192.0.2.2"), 401)


def test_ipv6_addresses_are_counted_by_their_64_bit_prefix(anyone: Client) -> None:
    for number in range(20):
        assert_problem(register(anyone, number, f"2001:db8:0:1::{number:x}"), 422)
    assert_problem(register(anyone, 20, "2001:db8:0:1:ffff::"), 429)
    assert_problem(register(anyone, 20, "2001:db8:0:2::"), 422)


def test_ipv4_mapped_ipv6_addresses_are_counted_separately(anyone: Client) -> None:
    for number in range(21):
        assert_problem(register(anyone, number, f"::ffff:192.0.2.{number}"), 422)


def test_registration_is_limited_except_for_admins(anyone: Client, ada: Client, admin: Client) -> None:
    for number in range(20):
        assert_problem(register(ada if number % 2 else anyone, number), 422)
    for client in (anyone, ada):
        assert_problem(register(client, 20), 429)
    assert_problem(register(admin, 20), 422)


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        *((sent, "10.0.0.7") for sent in ("10.0.0.7", "10.0.0.7:4433", "::ffff:10.0.0.7", "[::ffff:10.0.0.7]:80")),
        *(
            (sent, "10.0.0.7")
            for sent in ('"10.0.0.7:80"', "192.0.2.1, 10.0.0.7:80", "unknown, 10.0.0.7", "10.0.0.7:_p")
        ),
        *(
            (sent, "2001:db8::/64")
            for sent in ("2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443", "[2001:db8::1]:_p")
        ),
        *(
            (sent, "2001:db8::/64")
            for sent in ('"[2001:db8::1]:443"', '"[2001:db8::1]"', "2001:DB8:0:0::1", "::1, 2001:db8::")
        ),
        *((sent, "fe80::/64") for sent in ("fe80::1%eth0", "[fe80::1%eth0]:80", "fe80::2%\xff")),
        *(
            (sent, "unknown")
            for sent in ("unknown", "_hidden", '"_SEVKISEK"', "10.0.0", "10.0.0.256", "010.0.0.7", "[", "[]:1")
        ),
        *(
            (sent, "unknown")
            for sent in ("10.0.0.7:", "10.0.0.7:80:80", "[10.0.0.7", "\xb9.0.0.1", "10.0.0.7\x01", ":80")
        ),
    ],
)
def test_addresses_are_counted_however_the_proxy_writes_them(
    build: Callable[..., Application], sent: str, key: str
) -> None:
    app = build(trusted_proxies=1)
    app.add_url_rule("/address", view_func=lambda: client_address(current_request()))
    assert Client(app).get("/address", headers={"X-Forwarded-For": sent}).text == key


def test_clients_behind_a_proxy_that_sends_ports_have_limits_of_their_own(build: Callable[..., Application]) -> None:
    client = Client(build(trusted_proxies=1))
    for number in range(21):
        for template in ("10.0.0.{}:4433", "[2001:db8:0:{}::1]:443"):
            fields = {"X-Forwarded-For": template.format(number)}
            assert_problem(client.post("/users", {"username": "!"}, headers=fields), 422)


def test_clients_without_an_address_are_counted_together(anyone: Client) -> None:
    for number in range(20):
        assert_problem(register(anyone, number, ""), 422)
    assert_problem(register(anyone, 20, ""), 429)


def test_writes_are_limited_per_user(ada: Client, bob: Client) -> None:
    responses = [ada.delete("/tokens/999") for _ in range(300)]
    assert {response.status_code for response in responses} == {404}
    assert responses[0].headers["RateLimit"].startswith('"writes";r=299;t=')
    assert responses[0].headers["RateLimit-Policy"] == '"writes";q=300;w=60'
    assert_problem(ada.post("/posts", {"title": "t", "body": "b"}), 429)
    assert bob.post("/posts", {"title": "t", "body": "b"}).status_code == 201


def test_unauthenticated_writes_are_not_counted(anyone: Client, ada: Client) -> None:
    assert "RateLimit" not in anyone.post("/posts", {"title": "t", "body": "b"}).headers


@pytest.mark.parametrize("path", ["/", "/posts", "/posts/1", "/users/ada", "/me", "/tokens"])
def test_reads_do_not_use_the_rate_limit_store(ada: Client, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RateLimitStore, "hit", None)
    ada.get(path)
    assert "RateLimit" not in ada.get(path).headers


def test_rate_limits_can_be_disabled(build: Callable[..., Application]) -> None:
    ada = signed_in_user(build(rate_limits="off"), "ada")
    responses = [ada.delete("/tokens/999") for _ in range(301)]
    assert {response.status_code for response in responses} == {404}
    assert "RateLimit" not in responses[0].headers


def test_processes_count_together_in_redis(build: Callable[..., Application], redis_server: RedisServer) -> None:
    one, another = Client(build(redis_url=redis_server.url)), Client(build(redis_url=redis_server.url))
    for number in range(20):
        assert_problem(register(one if number % 2 else another, number), 422)
    assert_problem(register(one, 20), 429)
    assert_problem(register(another, 20), 429)


def hits(store: RateLimitStore, count: int) -> list[bool]:
    """Count requests against the limit of FIVE, and return whether each is allowed."""
    return [store.hit(FIVE, "x")[0] for _ in range(count)]


def test_each_process_counts_for_itself_while_redis_is_down(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    # A Redis that is not there is noticed at once.
    store = RateLimitStore(redis_server.url, redis_timeout_seconds=20, redis_retry_seconds=0.2)
    assert hits(store, 4) == [True] * 4
    redis_server.kill()
    assert hits(store, 6) == [True] * 5 + [False]
    assert "Redis is unavailable; this server counts by itself for 0.2 s" in caplog.text
    redis_server.start()
    time.sleep(0.3)
    assert hits(store, 6) == [True] * 5 + [False]


def test_a_hanging_redis_delays_one_request_briefly(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    store = RateLimitStore(redis_server.url)
    assert hits(store, 1) == [True]
    redis_server.process.send_signal(signal.SIGSTOP)
    started = time.monotonic()
    assert hits(store, 6) == [True] * 5 + [False]
    assert time.monotonic() - started >= 0.2
    assert caplog.text.count("Redis is unavailable") == 1


def test_one_request_at_a_time_tries_a_hanging_redis(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    store = RateLimitStore(redis_server.url, redis_retry_seconds=1)
    redis_server.process.send_signal(signal.SIGSTOP)
    hits(store, 1)
    time.sleep(1)
    caplog.clear()
    threads = [threading.Thread(target=store.hit, args=(FIVE, "x")) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert caplog.text.count("Redis is unavailable") == 1


def test_redis_is_not_contacted_before_the_first_count(build: Callable[..., Application]) -> None:
    assert Client(build(redis_url="redis://127.0.0.1:1")).get("/").status_code == 200


def test_an_invalid_redis_url_is_rejected() -> None:
    with pytest.raises(InvalidSetting, match="Invalid PRESSROOM_REDIS_URL: use redis://HOST:PORT/NUMBER"):
        RateLimitStore("redis://:secret@localhost:abc")


def test_a_missing_redis_client_library_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(InvalidSetting, match=r"requires the Redis client: run `pip install redis`"):
        RateLimitStore("redis://127.0.0.1")


def test_no_request_goes_uncounted_when_threads_begin_a_window_concurrently() -> None:
    for _ in range(20):
        store, allowed = RateLimitStore(""), list[Any]()
        threads = [threading.Thread(target=lambda: allowed.extend(hits(store, 2))) for _ in range(8)]  # noqa: B023 (joined below)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(allowed) == 5
