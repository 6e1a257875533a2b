"""Quotas: what an account may write in a day, and how many tokens it may have.

HTTP/1.1 429 TOO MANY REQUESTS
Retry-After: 30120

{"type": "/problems/quota-exceeded", "title": "Quota Exceeded", "status": 429, "code": "quota-exceeded",
 "detail": "Quota exceeded: 1000 posts and comments per account and day in UTC. Try again after `Retry-After` seconds."}
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from werkzeug.test import TestResponse

from api import constraints
from api.http.application import Application
from api.settings import Settings
from api.store import tokens, usage
from tests.support.clients import PASSWORD, Client, basic_auth, signed_in_user
from tests.support.problems import assert_problem
from tests.support.rows import select_rows

POST = {"title": "t", "body": "b"}
MIB = 1024 * 1024
Build = Callable[..., Application]


def large_post(number: int) -> dict[str, str]:
    """Make a post of a mebibyte that cannot be compressed: of the longest body, in characters of four bytes."""
    characters = Random(number).choices(range(0x10000, 0x20000), k=constraints.BODY_MAX_LENGTH)
    return {"title": "Large", "body": "".join(map(chr, characters))}


def assert_quota_exceeded(response: TestResponse, quota: str) -> None:
    detail = f"Quota exceeded: {quota} per account and day in UTC. Try again after `Retry-After` seconds."
    assert_problem(response, 429, code="quota-exceeded", title="Quota Exceeded", detail=detail)
    assert 1 <= int(response.headers["Retry-After"]) <= 86_400


def test_posts_per_account_and_day_are_limited(build: Build) -> None:
    app = build(posts_per_day=3)
    ada, bob = signed_in_user(app, "ada"), signed_in_user(app, "bob")
    for _ in range(3):
        assert ada.post("/posts", POST).status_code == 201
    for _ in range(2):
        assert_quota_exceeded(ada.post("/posts", POST), "3 posts and comments")
    assert bob.post("/posts", POST).status_code == 201
    assert ada.patch("/posts/1", {"title": "changed"}).status_code == 200
    assert ada.delete("/posts/1").status_code == 204
    assert_quota_exceeded(ada.post("/posts", POST), "3 posts and comments")  # deleting a post gives none back


def test_comments_count_toward_the_quota_of_posts(build: Build) -> None:
    ada = signed_in_user(build(posts_per_day=2), "ada")
    assert ada.post("/posts", POST).status_code == 201
    assert ada.post("/posts/1/comments", {"body": "b"}).status_code == 201
    for path in ("/posts/1/comments", "/posts"):
        content = {"body": "b"} if path.endswith("comments") else POST
        assert_quota_exceeded(ada.post(path, content), "2 posts and comments")
    assert ada.patch("/comments/1", {"body": "changed"}).status_code == 200


def test_bytes_per_account_and_day_are_limited_for_every_method(build: Build) -> None:
    app = build(megabytes_per_day=3)
    ada, bob, large = signed_in_user(app, "ada"), signed_in_user(app, "bob"), large_post(1)
    assert ada.post("/posts", {**large, "body": large["body"][: MIB // 5]}).status_code == 201
    revised = [ada.patch("/posts/1", {"body": large_post(number)["body"]}) for number in range(3)]
    assert [response.status_code for response in revised] == [200, 200, 429]
    assert_quota_exceeded(revised[-1], "3 MiB")
    assert_quota_exceeded(ada.post("/posts", large), "3 MiB")
    assert ada.patch("/users/ada", {"bio": "small"}).status_code == 200  # the rest of the quota
    assert bob.post("/posts", large).status_code == 201


@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_content_counts_alike_however_it_is_encoded(app: Application, ada: Client, ensure_ascii: bool) -> None:
    body = json.dumps({"title": "t", "body": "😀" * 1_000, "tags": ["a"]}, ensure_ascii=ensure_ascii, indent=4_000)
    assert ada.send("POST", "/posts", data=body.encode(), content_type="application/json").status_code == 201
    with app.database.read() as db:
        [row] = select_rows(db, usage.usage.select())
    assert 4_000 < row.bytes < 4_200


def test_a_user_who_has_used_up_the_quotas_can_still_read_delete_and_change_the_password(build: Build) -> None:
    ada = signed_in_user(build(posts_per_day=1), "ada")
    ada.post("/posts", POST)
    with ada.app.database.write() as db:
        usage.add(db, user_id=1, posts=0, size=10**12)
    assert_quota_exceeded(ada.patch("/posts/1", {"title": "changed"}), "200 MiB")
    assert ada.get("/posts/1").status_code == 200
    change = {"current_password": PASSWORD, "new_password": PASSWORD[::-1]}
    assert ada.send("PUT", "/me/password", json=change).status_code == 204
    assert ada.delete("/posts/1").status_code == 204


def test_failed_requests_are_not_counted(app: Application, ada: Client, bob: Client) -> None:
    bob.post("/posts", POST)
    for response in (
        ada.post("/posts", {**POST, "title": ""}),
        ada.patch("/posts/1", {"title": "not mine"}),
        ada.patch("/posts/9", {"title": "missing"}),
        ada.send("PATCH", "/users/ada", json={"bio": "x"}, headers={"If-Match": '"stale"'}),
    ):
        assert response.status_code in {403, 404, 412, 422}
    with app.database.read() as db:
        assert [row.user_id for row in select_rows(db, usage.usage.select())] == [2]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_request_that_changes_nothing_is_not_counted(
    build: Build, request: pytest.FixtureRequest, settings: Settings, database: str
) -> None:
    url = settings.database_url if database == "sqlite" else request.getfixturevalue("postgresql_url")
    app = build(database_url=url)
    ada, path = signed_in_user(app, "ada"), "/users/ada/posts/slug"
    content = {"title": "t", "body": "b" * 1000, "published_at": "2026-01-31T12:00:00Z"}

    def used() -> int:
        with app.database.read() as db:
            [row] = select_rows(db, usage.usage.select())
        assert row.posts == 1
        return int(row.bytes)

    assert ada.send("PUT", path, json=content, headers={"If-None-Match": "*"}).status_code == 201
    first = used()
    assert first > 1000
    for method, url, body in (
        ("PUT", path, content),
        ("PATCH", "/posts/1", {"body": content["body"]}),
        ("PATCH", "/users/ada", {"bio": ""}),
    ):
        for if_match in ("*", '"stale"'):
            response = ada.send(method, url, json=body, headers={"If-Match": if_match})
            assert response.status_code == (412 if if_match != "*" and method == "PATCH" else 200)
            assert used() == first
    changed = {**content, "body": "c" * 1000}
    assert ada.send("PUT", path, json=changed, headers={"If-Match": "*"}).status_code == 200
    assert first + 1000 < used() < 2 * first + 10


def test_a_request_that_changes_nothing_succeeds_whatever_is_left_of_the_quotas(build: Build) -> None:
    ada = signed_in_user(build(posts_per_day=1, megabytes_per_day=1), "ada")
    body = "\u3042" * constraints.BODY_MAX_LENGTH  # three quarters of a mebibyte
    path, content = "/users/ada/posts/slug", {"title": "t", "body": body, "published_at": None}
    assert ada.send("PUT", path, json=content, headers={"If-None-Match": "*"}).status_code == 201
    for method, url, same in (("PUT", path, content), ("PATCH", "/posts/1", {"body": body})):
        assert ada.send(method, url, json=same, headers={"If-Match": "*"}).status_code == 200
    assert ada.send("PUT", path, json=content, headers={"If-None-Match": "*"}).status_code == 412
    changed = ada.send("PATCH", "/posts/1", json={"body": body[:-1]}, headers={"If-Match": "*"})
    assert_quota_exceeded(changed, "1 MiB")
    assert (ada.get("/posts/1").json or {})["body"] == body


def test_a_replayed_request_is_not_counted(build: Build) -> None:
    ada = signed_in_user(build(posts_per_day=1), "ada")
    headers = {"Idempotency-Key": "k"}
    first = ada.post("/posts", POST, headers=headers)
    again = ada.post("/posts", POST, headers=headers)
    assert (again.status_code, again.data) == (first.status_code, first.data) == (201, first.data)
    rejected = ada.post("/posts", POST, headers={"Idempotency-Key": "l"})
    assert_quota_exceeded(rejected, "1 posts and comments")


def test_a_request_beyond_the_quota_leaves_its_key_unused(build: Build, set_day: Callable[[int], None]) -> None:
    ada = signed_in_user(build(posts_per_day=1), "ada")
    ada.post("/posts", POST)
    assert_quota_exceeded(ada.post("/posts", POST, headers={"Idempotency-Key": "k"}), "1 posts and comments")
    set_day(1)
    assert ada.post("/posts", POST, headers={"Idempotency-Key": "k"}).status_code == 201


@pytest.fixture
def set_day(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set the clock of the quotas a number of days ahead."""

    def set_clock(days: int) -> None:
        for module in ("api.store.usage", "api.http.quotas"):
            monkeypatch.setattr(f"{module}.now", lambda: datetime.now(UTC) + timedelta(days))

    return set_clock


def test_the_next_day_has_quotas_of_its_own_and_a_clock_that_went_wrong_locks_no_client_out(
    build: Build, set_day: Callable[[int], None]
) -> None:
    ada = signed_in_user(build(posts_per_day=1), "ada")
    for days in (0, 1, 400, 1, 0, -1):  # the clock is set ahead, and back
        set_day(days)
        assert ada.post("/posts", POST).status_code == 201
        assert_quota_exceeded(ada.post("/posts", POST), "1 posts and comments")


@pytest.mark.parametrize(("time", "seconds"), [("00:00:00", 86_400), ("23:59:59.999999", 1), ("12:00:30", 43_170)])
def test_retry_after_is_the_end_of_the_day_in_utc(
    build: Build, monkeypatch: pytest.MonkeyPatch, time: str, seconds: int
) -> None:
    ada = signed_in_user(build(posts_per_day=1), "ada")
    ada.post("/posts", POST)
    monkeypatch.setattr("api.http.quotas.now", lambda: datetime.fromisoformat(f"2026-01-31T{time}+00:00"))
    assert ada.post("/posts", POST).headers["Retry-After"] == str(seconds)


def test_admins_have_no_daily_quotas(build: Build) -> None:
    app = build(posts_per_day=1, megabytes_per_day=1)
    admin = signed_in_user(app, "admin", role="admin")
    for _ in range(3):
        assert admin.post("/posts", large_post(1)).status_code == 201


@pytest.mark.parametrize("changes", [{"posts_per_day": 0, "megabytes_per_day": 0}, {"rate_limits": "off"}], ids=str)
def test_quotas_can_be_disabled(build: Build, changes: dict[str, Any]) -> None:
    app = build(**{"posts_per_day": 1, "megabytes_per_day": 1, "tokens_per_user": 1, **changes})
    ada = signed_in_user(app, "ada")
    assert [ada.post("/posts", large_post(1)).status_code for _ in range(3)] == [201] * 3
    with app.database.read() as db:
        assert select_rows(db, usage.usage.select()) == []


@pytest.fixture(params=["sqlite", "postgresql"])
def either_database(request: pytest.FixtureRequest, settings: Settings) -> Iterator[str]:
    """The URL of a database of each kind."""
    if request.param == "sqlite":
        yield settings.database_url
    else:
        yield request.getfixturevalue("postgresql_url")


def test_concurrent_requests_cannot_exceed_the_daily_quotas(build: Build, either_database: str) -> None:
    app = build(database_url=either_database, posts_per_day=5)
    ada = signed_in_user(app, "ada")
    with ThreadPoolExecutor(8) as threads:
        statuses = [*threads.map(lambda _: ada.post("/posts", POST).status_code, range(24))]
    assert sorted(statuses) == [201] * 5 + [429] * 19
    with app.database.read() as db:
        [row] = select_rows(db, usage.usage.select())
    assert row.posts == 5


def test_concurrent_requests_cannot_take_the_last_bytes_twice(build: Build, either_database: str) -> None:
    app, body = build(database_url=either_database, megabytes_per_day=1), {"title": "t", "body": "b" * 200_000}
    ada = signed_in_user(app, "ada")
    with ThreadPoolExecutor(8) as threads:
        statuses = [*threads.map(lambda _: ada.post("/posts", body).status_code, range(12))]
    assert sorted(statuses) == [201] * 5 + [429] * 7


# ---- Tokens


def sign_in(client: Client, content: object = None) -> TestResponse:
    return client.app.test_client().post("/tokens", json=content or {}, headers=basic_auth("ada"))


def test_tokens_per_user_are_limited_until_one_is_deleted(build: Build) -> None:
    ada = signed_in_user(build(tokens_per_user=2), "ada")
    assert sign_in(ada).status_code == 201
    detail = "You have 2 unexpired tokens, which is the limit. Use one, or delete one."
    assert_problem(sign_in(ada), 403, code="quota-exceeded", detail=detail)
    in_body = Client(ada.app).post("/tokens", {"username": "ada", "password": PASSWORD})
    assert_problem(in_body, 403, code="quota-exceeded", detail=detail)
    assert "WWW-Authenticate" not in in_body.headers
    assert ada.delete("/tokens/2").status_code == 204
    assert sign_in(ada).status_code == 201


def test_expired_tokens_and_those_of_other_users_do_not_count(build: Build) -> None:
    app = build(tokens_per_user=1)
    ada = signed_in_user(app, "ada")
    signed_in_user(app, "bob")
    with app.database.write() as db:
        db.execute(tokens.tokens.update().where(tokens.tokens.c.user_id == 1).values(expires_at=datetime.now(UTC)))
    assert sign_in(ada).status_code == 201
    assert_problem(sign_in(ada), 403, code="quota-exceeded")


def test_a_wrong_password_is_reported_before_the_quota(build: Build) -> None:
    ada = signed_in_user(build(tokens_per_user=1), "ada")
    response = Client(ada.app).post("/tokens", {"username": "ada", "password": "wrong"})
    assert_problem(response, 403, code="wrong-credentials")


def test_concurrent_sign_ins_cannot_exceed_the_number_of_tokens(build: Build, either_database: str) -> None:
    ada = signed_in_user(build(database_url=either_database, tokens_per_user=4), "ada")
    with ThreadPoolExecutor(8) as threads:
        statuses = [*threads.map(lambda _: sign_in(ada).status_code, range(10))]
    assert sorted(statuses) == [201] * 3 + [403] * 7


# ---- The size of the database


@pytest.mark.sqlite
def test_keyed_posts_are_stored_once(build: Build, tmp_path: Path) -> None:
    app = build()
    ada = signed_in_user(app, "ada")
    posts = [large_post(number) for number in range(6)]

    def size() -> int:
        with app.database.read() as db:
            db.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return sum(path.stat().st_size for path in tmp_path.glob("pressroom.sqlite*"))

    before = size()
    for number, post in enumerate(posts):
        assert ada.post("/posts", post, headers={"Idempotency-Key": str(number)}).status_code == 201
    sent = sum(len(post["body"].encode()) for post in posts)
    assert sent > 6_000_000
    assert size() - before <= 1.2 * sent


def test_the_default_quota_stops_an_account_that_fills_the_disk(ada: Client) -> None:
    post = large_post(1)
    with ada.app.database.write() as db:
        usage.add(db, user_id=1, posts=60, size=198 * MIB)
    statuses = [ada.post("/posts", post, headers={"Idempotency-Key": str(number)}).status_code for number in range(3)]
    assert statuses == [201, 429, 429]
