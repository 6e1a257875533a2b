"""nginx's cache of anonymous reads: what it stores, and for how long."""

import json
import logging
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.processes import cpu_seconds
from tests.support.http import Response, UnixConnection, send_request
from tests.support.nginx import Nginx, needs_nginx, nginx_and_gunicorn, nginx_log
from tests.support.servers import Server
from tests.support.waiting import wait_until

logger = logging.getLogger(__name__)
pytestmark = [pytest.mark.heavy, pytest.mark.alone, needs_nginx]

FROM_CACHE = {"HIT", "STALE", "UPDATING"}


class Site:
    """A site behind nginx, on which ada writes and anonymous clients read."""

    def __init__(self, nginx: Nginx) -> None:
        self.nginx = nginx
        self.ada = nginx.sign_up()

    def publish(self, **changes: object) -> str:
        """Publish a post as ada, and return its URL."""
        post = {"title": "t", "body": "b", **changes}
        return str(self.nginx.request("POST", "/posts", post, self.ada).json["url"])

    def revise(self, url: str, title: str) -> None:
        assert self.nginx.request("PATCH", url, {"title": title}, {**self.ada, "If-Match": "*"}).status == 200

    def read(self, url: str, method: str = "GET", **fields: str) -> Response:
        """Read as an anonymous client; in names of header fields, `_` stands for `-`."""
        return self.nginx.request(method, url, headers={name.replace("_", "-"): text for name, text in fields.items()})

    def store(self, url: str) -> Response:
        """Return a response that the cache has just stored."""
        while (response := self.read(url)).headers["X-Cache"] == "HIT":
            time.sleep(0.1)
        while response.headers["X-Cache"] in {"STALE", "UPDATING"}:  # it is storing another one
            response = self.read(url)
        return response


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with nginx_and_gunicorn(tmp_path_factory.mktemp("cache"), PRESSROOM_RATE_LIMITS="off") as (nginx, _):
        site = Site(nginx)
        assert site.publish() == "/posts/1"
        yield site


PUBLIC = [
    *("/", "/about", "/docs", "/openapi.json", "/users", "/users/ada", "/posts", "/posts?expand=body&limit=5"),
    *("/changes/posts", "/changes/posts?expand=body", "/changes/users"),
    *("/feed.atom", "/feed.json", "/feed.atom?author=ada&tag=engines", "/tags", "/tags?limit=5&cursor=engines"),
    *("/posts/1?expand=html", "/posts?expand=body%2Chtml"),
    *("/posts?q=engine", "/posts?q=%22analytical+engine%22+caf%C3%A9&limit=5"),
]


@pytest.mark.parametrize("path", PUBLIC)
def test_anonymous_clients_share_cached_responses(site: Site, path: str) -> None:
    stored = site.store(path)
    cached = site.read(path)
    assert cached.headers["X-Cache"] == "HIT"
    assert cached.body == stored.body
    varying = {"X-Request-ID", "X-Cache", "Date"}
    assert cached.headers.keys() == stored.headers.keys()
    assert all(cached.headers[name] == stored.headers[name] for name in set(cached.headers) - varying)
    assert cached.headers["Cache-Control"] == "public, max-age=1, stale-while-revalidate=1"


@pytest.mark.parametrize(
    "target",
    [
        *("/posts?", "/%70osts", "/posts?%6cimit=1", "/posts?limit=%31", "/posts?&limit=1", "/?&"),
        *("/posts?q=%65ngine", "/posts?q=a%20b", "/posts?q=caf%c3%a9", "/posts?q=%22a%22%2Bb%2e"),
    ],
)
def test_other_spellings_of_a_url_are_not_stored(site: Site, target: str) -> None:
    responses = [site.read(target) for _ in range(3)]
    assert {response.headers["X-Cache"] for response in responses} == {"MISS"}
    assert {response.status for response in responses} == {422 if "?&" in target else 200}


def test_anonymous_clients_see_a_change_within_three_seconds_and_its_author_at_once(site: Site) -> None:
    url = site.publish()
    site.store(url)
    site.revise(url, "new")
    changed = time.monotonic()
    assert site.nginx.request("GET", url, headers=site.ada).json["title"] == "new"
    assert site.read(url).json["title"] == "t"
    while site.read(url).json["title"] == "t":
        assert time.monotonic() - changed < 3.1
        time.sleep(0.02)


def test_responses_older_than_three_seconds_are_not_served(site: Site) -> None:
    url = site.publish()
    site.store(url)
    site.revise(url, "new")
    time.sleep(3)
    response = site.read(url)
    assert response.headers["X-Cache"] in {"EXPIRED", "MISS"}  # it is deleted within a second of its expiry
    assert response.json["title"] == "new"


def test_constant_reads_never_wait_for_the_application_after_the_first_response(site: Site) -> None:
    url = site.publish()
    site.store(url)
    seen = Counter[str]()
    end = time.monotonic() + 4
    while time.monotonic() < end:
        seen[str(site.read(url).headers["X-Cache"])] += 1
    assert {"HIT", "STALE"} <= seen.keys() <= FROM_CACHE, seen
    assert seen["HIT"] > seen.total() / 2


def test_reads_with_preconditions_of_writes_bypass_the_cache(site: Site) -> None:
    url = site.publish()
    site.store(url)
    for field in ({"If_Match": '"other"'}, {"If_Unmodified_Since": "Thu, 01 Jan 1970 00:00:00 GMT"}):
        response = site.read(url, **field)
        assert (response.status, response.headers["X-Cache"]) == (200, None)


def test_responses_to_requests_with_a_token_are_neither_cached_nor_taken_from_the_cache(site: Site) -> None:
    draft = site.publish(published_at=None)
    for _ in range(2):
        signed_in = site.nginx.request("GET", draft, headers=site.ada)
        assert (signed_in.status, signed_in.headers["X-Cache"]) == (200, None)
        assert site.read(draft).status == 404


@pytest.mark.parametrize("credentials", ["Bearer x", "Basic eDp5", "0", "x"])
def test_invalid_credentials_are_rejected_even_for_a_cached_resource(site: Site, credentials: str) -> None:
    site.store("/posts")
    response = site.read("/posts", Authorization=credentials)
    assert (response.status, response.headers["X-Cache"]) == (401, None)
    assert site.read("/posts").headers["X-Cache"] == "HIT"


def test_the_cache_responds_304_to_a_matching_if_none_match(site: Site) -> None:
    tag = str(site.store("/posts").headers["ETag"])
    for condition in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        response = site.read("/posts", If_None_Match=condition)
        assert (response.status, response.body) == (304, b"")
        assert response.headers["X-Cache"] in FROM_CACHE
        assert response.headers["ETag"] == tag
    assert site.read("/posts", If_None_Match='"other"').status == 200


@pytest.mark.parametrize(
    ("path", "text"), [("/feed.atom", b"new title"), ("/feed.json", b"new title"), ("/tags", b"new-tag")]
)
def test_feeds_and_tags_are_validated_by_the_cache_and_new_within_three_seconds(
    site: Site, path: str, text: bytes
) -> None:
    url = site.publish()
    stored = site.store(path)
    etag = str(stored.headers["ETag"])
    assert text not in stored.body
    for method in ("GET", "HEAD"):
        again = site.read(path, method, If_None_Match=etag)
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag)
        assert again.headers["X-Cache"] in FROM_CACHE
    changes = {"title": "new title", "tags": ["new-tag"]}
    assert site.nginx.request("PATCH", url, changes, {**site.ada, "If-Match": "*"}).status == 200
    changed = time.monotonic()
    while (response := site.read(path, If_None_Match=etag)).status == 304:
        assert time.monotonic() - changed < 3.1
        time.sleep(0.02)
    assert response.status == 200
    assert text in response.body
    assert site.nginx.request("DELETE", url, headers={**site.ada, "If-Match": "*"}).status == 204
    time.sleep(3)
    assert text not in site.read(path).body


@pytest.mark.parametrize("feed", ["/changes/posts", "/changes/users"])
def test_clients_of_a_change_feed_that_are_up_to_date_share_a_cached_response_and_get_304(
    site: Site, feed: str
) -> None:
    site.publish()
    polls = []
    for _ in range(2):  # clients
        url = feed
        while (page := site.read(url)).json["has_more"]:
            url = f"{feed}?since={page.json['next_since']}"
        polls.append(f"{feed}?since={page.json['next_since']}")
    assert polls[0] == polls[1]
    idle = site.store(polls[0])
    assert (idle.json["items"], idle.json["next_since"]) == ([], polls[0].rpartition("=")[2])
    assert site.read(polls[0]).headers["X-Cache"] == "HIT"
    again = site.read(polls[0], If_None_Match=str(idle.headers["ETag"]))
    assert (again.status, again.body) == (304, b"")
    assert again.headers["X-Cache"] in FROM_CACHE
    site.publish()
    if feed == "/changes/posts":
        time.sleep(3)
        fresh = site.read(polls[0], If_None_Match=str(idle.headers["ETag"]))
        assert (fresh.status, len(fresh.json["items"])) == (200, 1)


def test_a_post_is_put_through_nginx_and_read_by_its_slug_from_the_cache(site: Site) -> None:
    url, content = "/users/ada/posts/cached", {"title": "t", "body": "b", "published_at": "2026-01-31T12:00:00Z"}
    for precondition, status in (
        ({"If-Match": "*"}, 412),
        ({"If-None-Match": "*"}, 201),
        ({"If-None-Match": "*"}, 412),
        ({"If-Match": "*"}, 200),
        ({}, 428),
    ):
        assert site.nginx.request("PUT", url, content, {**site.ada, **precondition}).status == status
    stored = site.store(url)
    not_modified = site.read(url, If_None_Match=str(stored.headers["ETag"]))
    assert (stored.status, not_modified.status) == (200, 304)
    assert not_modified.headers["X-Cache"] in FROM_CACHE
    for response in (stored, site.read(url), not_modified):
        assert response.headers["Content-Location"] == stored.json["url"]


@pytest.mark.parametrize("first", ["GET", "HEAD"])
def test_get_and_head_share_a_cached_response(site: Site, first: str) -> None:
    url, second = site.publish(), "HEAD" if first == "GET" else "GET"
    responses = {method: site.read(url, method) for method in (first, second)}
    assert [response.headers["X-Cache"] for response in responses.values()] == ["MISS", "HIT"]
    assert len(responses["GET"].body) == int(responses["HEAD"].headers["Content-Length"])
    assert responses["HEAD"].body == b""


def test_each_query_string_is_cached_separately(site: Site) -> None:
    site.store("/posts?limit=1")
    assert site.read("/posts?limit=1&tag=x").headers["X-Cache"] == "MISS"
    assert site.read("/posts?tag=x&limit=1").headers["X-Cache"] == "MISS"
    assert site.read("/posts?limit=1").headers["X-Cache"] == "HIT"


@pytest.mark.parametrize("origins", ["*", "https://a.example", "https://a.example,https://b.example"])
def test_cached_responses_have_the_cors_headers_of_each_origin(tmp_path: Path, origins: str) -> None:
    seen = []
    with nginx_and_gunicorn(tmp_path, PRESSROOM_CORS_ORIGINS=origins) as (nginx, _):
        for origin in ["https://a.example", "https://b.example", ""] * 2:
            fields = {"Origin": origin} if origin else {}
            response = nginx.request("GET", "/posts", headers=fields)
            uncached = send_request(UnixConnection(nginx.backend), "GET", "/posts", headers=fields)
            name = "Access-Control-Allow-Origin"
            assert response.headers[name] == uncached.headers[name]
            seen.append(response.headers["X-Cache"])
    assert "HIT" in seen


@pytest.mark.parametrize(("characters", "is_stored"), [(59_000, True), (60_000, False), (262_144, False)])
def test_large_responses_are_not_stored(site: Site, characters: int, is_stored: bool) -> None:
    url = site.publish(body="b" * characters)
    assert [site.read(url).headers["X-Cache"] for _ in range(2)] == ["MISS", "HIT" if is_stored else "MISS"]


def test_responses_that_are_too_old_to_be_served_are_deleted(site: Site) -> None:
    for number in range(20):
        site.read(f"/posts?limit=1&cursor={number:032x}")
    assert len([path for path in site.nginx.cache.rglob("*") if path.is_file()]) >= 20
    # After a time without any, nginx checks every ten seconds.
    wait_until(lambda: not [path for path in site.nginx.cache.rglob("*") if path.is_file()], timeout=30)


@pytest.mark.parametrize("path", ["/posts/999", "/posts?limit=0", "/me", "/nothing"])
def test_errors_are_not_cached(site: Site, path: str) -> None:
    responses = [site.read(path) for _ in range(3)]
    assert {response.headers["X-Cache"] for response in responses} == {"MISS"}
    assert {response.headers["Cache-Control"] for response in responses} == {"no-store"}


def test_ranges_of_cached_responses_are_not_served(site: Site) -> None:
    site.store("/openapi.json")
    response = site.read("/openapi.json", Range="bytes=0-9")
    assert (response.status, "Accept-Ranges" in response.headers) == (200, False)


def test_deleted_posts_do_not_reappear_when_the_application_fails(tmp_path: Path) -> None:
    with nginx_and_gunicorn(tmp_path) as (nginx, server):
        site = Site(nginx)
        url = site.publish()
        site.store(url)
        assert nginx.request("DELETE", url, headers={**site.ada, "If-Match": "*"}).status == 204
        time.sleep(3)
        assert site.read(url).status == 404
        server.stop()
        assert [site.read(path).status for path in (url, "/posts")] == [503, 503]


def requests_per_cpu_second(nginx: Nginx, server: Server, path: str) -> float:
    """Return how many requests of 16 connections are served, without errors, in a second of processor time."""
    servers = nginx.process.pid, server.process.pid
    before = sum(map(cpu_seconds, servers))
    command = ["wrk", "--threads=1", "--connections=16", "--duration=2s", nginx.url + path]
    report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Non-2xx" not in report
    assert "Socket errors" not in report
    return int(re.findall(r"(\d+) requests in", report)[0]) / (sum(map(cpu_seconds, servers)) - before)


@pytest.mark.nightly
@pytest.mark.skipif(shutil.which("wrk") is None, reason="no wrk: apt-get install wrk")
def test_the_cache_serves_many_times_as_many_requests(tmp_path: Path) -> None:
    with nginx_and_gunicorn(tmp_path, PRESSROOM_RATE_LIMITS="off", WEB_CONCURRENCY="2") as (nginx, server):
        site = Site(nginx)
        for _ in range(20):
            site.publish(body="It *weaves* patterns. " * 23)
        uncached = Nginx(tmp_path / "uncached", nginx.backend)
        application = uncached.directory / "pressroom" / "application.conf"
        application.write_text(application.read_text().replace("proxy_cache $pressroom_cache;", "proxy_cache off;"))
        uncached.start()
        try:
            gains = []
            for path in ("/posts?expand=body", "/posts/1"):
                rates = [[requests_per_cpu_second(each, server, path) for each in (uncached, nginx)] for _ in range(3)]
                slow, fast = (max(each) for each in zip(*rates, strict=True))
                logger.info(
                    "%s: %.0f requests per second of processor time, cached %.0f: %.1f times",
                    path,
                    slow,
                    fast,
                    fast / slow,
                )
                gains.append(fast / slow)
            assert min(gains) >= 10
        finally:
            uncached.stop()
        lines = [json.loads(line) for line in nginx_log(nginx)]
        counted = Counter(line["cache"] for line in lines if line["agent"] == "")
        logger.info("Of %d requests: %s", counted.total(), dict(counted))
        assert counted["HIT"] / counted.total() > 0.99
