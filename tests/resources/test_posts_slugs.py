"""`/users/{username}/posts/{slug}`: GET, and PUT, which creates or replaces (RFC 9110, sections 9.3.4 and 13.1).

PUT /users/ada/posts/on-engines HTTP/1.1
If-None-Match: *                                    201, or 412 if there is one
If-Match: "5e0d…"                                   200, or 412 if it is out of date, or if there is none
"""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest
from werkzeug.test import TestResponse

from api import constraints
from api.http.application import Application
from api.store import posts, users
from api.store.engine.connections import Connection
from tests.support.clients import Client, signed_in_user
from tests.support.metrics import read_metrics
from tests.support.problems import assert_problem
from tests.support.rollbacks import fail_commits

URL = "/users/ada/posts/on-engines"
POST = {"title": "t", "body": "b", "published_at": "2026-01-31T12:00:00Z"}
CREATE = {"If-None-Match": "*"}
REPLACE = {"If-Match": "*"}
STATES = pytest.mark.parametrize("published_at", [None, "2026-01-31T12:00:00Z", "2999-01-01T00:00:00Z"])
NOT_SLUGS = ["A", "On-Engines", "on_engines", "-a", "a-", "a--b", "a.b", "a b", "é", "日本", "a" * 81, "a'", "%", "~"]


def put(client: Client, content: object = POST, url: str = URL, **options: Any) -> TestResponse:
    """Send a PUT; the options are header fields and others of the test client."""
    return client.send("PUT", url, json=content, **options)


def create(client: Client, content: object = POST, url: str = URL) -> TestResponse:
    response = put(client, content, url, headers=CREATE)
    assert response.status_code == 201, response.text
    return response


def stored(client: Client, url: str = URL) -> Any:
    """Return the post with all that a change would change."""
    return client.get(url).json, client.get("/posts?author=ada&expand=body").json


def test_a_put_creates_a_post_at_the_slug(ada: Client, anyone: Client) -> None:
    created = create(ada, {**POST, "tags": ["engines"]})
    post = created.json or {}
    assert (post["slug"], post["tags"], post["author"]["username"]) == ("on-engines", ["engines"], "ada")
    assert {name: post[name] for name in POST} == POST
    assert anyone.get(URL).json == anyone.get(post["url"]).json == post


def test_a_put_replaces_the_complete_post(ada: Client) -> None:
    created = create(ada, {**POST, "tags": ["engines"]}).json or {}
    replaced = put(ada, {**POST, "title": "new"}, headers={"If-Match": ada.get(URL).headers["ETag"]})
    assert replaced.status_code == 200
    post = replaced.json or {}
    assert (post["id"], post["slug"], post["title"], post["tags"]) == (created["id"], "on-engines", "new", [])
    assert post["created_at"] == created["created_at"]
    assert post["updated_at"] > created["updated_at"]
    assert ada.get(URL).json == post


def test_responses_name_the_url_of_the_post_and_those_to_put_have_no_etag(ada: Client, anyone: Client) -> None:
    created, replaced = create(ada), put(ada, {**POST, "title": "new"}, headers=REPLACE)
    unchanged = put(ada, {**POST, "title": "new"}, headers=REPLACE)
    assert created.headers["Location"] == "/posts/1"
    for response in (created, replaced, unchanged):
        assert response.headers["Content-Location"] == (response.json or {})["url"] == "/posts/1"
        assert "ETag" not in response.headers
        assert response.headers["Cache-Control"] == "no-store"
    assert "Location" not in replaced.headers
    etag = anyone.get("/posts/1").headers["ETag"]
    for method, headers, status in (
        ("GET", {}, 200),
        ("HEAD", {}, 200),
        ("GET", {"If-None-Match": etag}, 304),
        ("HEAD", {"If-None-Match": etag}, 304),
    ):
        read = anyone.send(method, URL, headers=headers)
        assert (read.status_code, read.headers["ETag"]) == (status, etag)
        assert read.headers["Content-Location"] == "/posts/1"
        assert read.headers["Cache-Control"].startswith("public, max-age=1,")
        assert read.headers["Vary"] == "Authorization"
    assert anyone.get(URL).data == anyone.get("/posts/1").data


def test_content_location_is_that_of_the_representation(ada: Client, anyone: Client) -> None:
    """RFC 9110, section 8.7."""
    create(ada)
    read = anyone.get(f"{URL}?expand=html")
    assert read.headers["Content-Location"] == "/posts/1?expand=html"
    assert anyone.get("/posts/1?expand=html", headers={"If-None-Match": read.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("character", ["\U000e0001", "x", "\u3042"])
def test_an_error_has_a_detail_as_documented_whatever_the_path_has(ada: Client, character: str) -> None:
    segment = quote(character * constraints.PATH_SEGMENT_MAX_LENGTH)
    for response in (
        ada.get(f"/users/{segment}/posts/{segment}"),
        put(ada, url=f"/users/ada/posts/{segment}", headers=CREATE),
        ada.get(f"/users/{segment}"),
    ):
        assert_problem(response, 404)
        assert len((response.json or {})["detail"]) <= constraints.DETAIL_MAX_LENGTH


def test_the_url_of_the_post_has_the_prefix_of_a_proxy(build: Callable[..., Application]) -> None:
    ada = signed_in_user(build(trusted_proxies=1), "ada")
    created = put(ada, headers={**CREATE, "X-Forwarded-Prefix": "/api"})
    assert created.headers["Content-Location"] == created.headers["Location"] == "/api/posts/1"


def test_a_put_needs_one_of_the_two_preconditions(ada: Client) -> None:
    for existing in (False, True):
        if existing:
            create(ada)
        assert_problem(put(ada), 428)
        for if_match in ("*", '"a"', ""):
            for if_none_match in ("*", '"a"', ""):
                headers = {"If-Match": if_match, "If-None-Match": if_none_match}
                assert_problem(put(ada, headers=headers), 400)


@pytest.mark.parametrize("tags", ["", '"a"', 'W/"a"', '"*"', "*, *", '*, "a"', "a", "**", "\xff"])
def test_if_none_match_of_a_put_must_be_an_asterisk(ada: Client, tags: str) -> None:
    assert_problem(put(ada, headers={"If-None-Match": tags}), 400)
    create(ada)
    assert_problem(put(ada, headers={"If-None-Match": tags}), 400)
    assert_problem(put(ada, headers={"If-None-Match": ada.get(URL).headers["ETag"]}), 400)


@STATES
def test_a_put_that_may_only_create_is_rejected_if_there_is_a_post(ada: Client, published_at: str | None) -> None:
    content = {**POST, "published_at": published_at}
    create(ada, content)
    before = stored(ada)
    for sent in (content, {**content, "title": "new"}):
        assert_problem(put(ada, sent, headers=CREATE), 412)
    assert stored(ada) == before


@pytest.mark.parametrize("if_match", ["*", '"a"', "", "malformed ,,"])
def test_a_put_that_may_only_replace_is_rejected_if_there_is_no_post(ada: Client, if_match: str) -> None:
    assert_problem(put(ada, headers={"If-Match": if_match}), 412)
    assert_problem(ada.get(URL), 404)


@STATES
def test_an_identical_put_changes_nothing_and_needs_no_current_etag(ada: Client, published_at: str | None) -> None:
    content = {**POST, "tags": ["engines"], "published_at": published_at}
    create(ada)
    old = ada.get(URL).headers["ETag"]
    assert put(ada, content, headers=REPLACE).status_code == 200
    before = stored(ada)
    for if_match in ("*", ada.get(URL).headers["ETag"], old, "", "malformed ,,"):
        response = put(ada, content, headers={"If-Match": if_match})
        assert response.status_code == 200
        assert response.json == before[0]
        assert stored(ada) == before


def test_a_stale_put_with_other_content_is_rejected(ada: Client) -> None:
    create(ada)
    etag = ada.get(URL).headers["ETag"]
    assert put(ada, {**POST, "title": "first"}, headers={"If-Match": etag}).status_code == 200
    before = stored(ada)
    for name, value in (("title", "x"), ("body", "x"), ("tags", ["x"]), ("published_at", None)):
        changed = {**POST, "title": "first", name: value}
        assert_problem(put(ada, changed, headers={"If-Match": etag}), 412)
    assert stored(ada) == before


def test_requests_can_be_repeated_after_a_lost_response(ada: Client) -> None:
    """A repeated creation is 412: a read then shows the content that was sent. A repeated replacement is 200."""
    create(ada)
    assert_problem(put(ada, headers=CREATE), 412)
    read = ada.get(URL)
    assert {name: (read.json or {})[name] for name in POST} == POST
    changed = {**POST, "title": "new"}
    first, again = (put(ada, changed, headers={"If-Match": read.headers["ETag"]}) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.data == again.data


def test_a_put_without_the_time_of_publication_is_rejected(ada: Client) -> None:
    """Its default would be now, which would be another one at each repetition."""
    content = {name: value for name, value in POST.items() if name != "published_at"}
    problem = assert_problem(put(ada, content, headers=CREATE), 422)
    assert [error["pointer"] for error in problem["errors"]] == ["#/published_at"]


@pytest.mark.parametrize("name", ["slug", "id", "author", "url", "created_at", "updated_at"])
def test_a_put_with_a_property_that_it_cannot_set_is_rejected(ada: Client, name: str) -> None:
    problem = assert_problem(put(ada, {**POST, name: "on-engines"}, headers=CREATE), 422)
    assert [error["pointer"] for error in problem["errors"]] == [f"#/{name}"]


def test_only_owners_and_admins_may_put_and_others_learn_nothing(
    app: Application, ada: Client, anyone: Client, bob: Client
) -> None:
    create(ada)
    create(ada, {**POST, "published_at": None}, "/users/ada/posts/draft")
    urls = [
        f"/users/{name}/posts/{slug}" for name in ("ada", "eve", "Bob") for slug in ("on-engines", "draft", "x", "X")
    ]
    before, bodies = stored(ada), set()
    for url in urls:
        for headers in (CREATE, REPLACE, {}, {**CREATE, **REPLACE}, {"If-Match": '"a"'}):
            for content in (POST, {}):
                assert_problem(put(anyone, content, url, headers=headers), 401)
                response = put(bob, content, url, headers=headers)
                assert_problem(response, 403)
                bodies.add(response.data)
    assert len(bodies) == 1
    assert stored(ada) == before


def test_a_rejected_put_executes_the_same_statements_whatever_exists(
    app: Application, ada: Client, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None but those that authenticate: time reveals nothing either."""
    create(ada)
    bob.get("/me")  # updates the token's last use, which then stays the same for a minute
    monkeypatch.setattr(app.database, "write", None)
    for url in (URL, "/users/ada/posts/nothing", "/users/eve/posts/x"):
        assert_problem(put(bob, url=url, headers=CREATE), 403)


def test_an_admin_puts_for_the_owner(ada: Client, admin: Client, bob: Client) -> None:
    created = create(admin).json or {}
    assert created["author"]["username"] == "ada"
    assert put(admin, {**POST, "title": "new"}, headers=REPLACE).status_code == 200
    assert put(ada, {**POST, "title": "by ada"}, headers=REPLACE).status_code == 200
    assert_problem(put(bob, headers=REPLACE), 403)
    assert_problem(put(admin, headers=CREATE), 412)


@pytest.mark.parametrize("username", ["eve", "Ada", "a", "a" * 200])
def test_an_admin_cannot_put_for_a_user_who_does_not_exist(admin: Client, username: str) -> None:
    for headers in (CREATE, REPLACE):
        assert_problem(put(admin, url=f"/users/{username}/posts/x", headers=headers), 404)


@pytest.mark.parametrize("slug", NOT_SLUGS)
def test_a_url_that_has_no_slug_is_not_found(ada: Client, slug: str) -> None:
    for headers in (CREATE, REPLACE):
        assert_problem(put(ada, url=f"/users/ada/posts/{slug}", headers=headers), 404)
    assert_problem(ada.get(f"/users/ada/posts/{slug}"), 404)


@pytest.mark.parametrize("slug", ["a", "0", "a" * 80, "2026-01-31-notes"])
def test_every_slug_is_a_url(ada: Client, slug: str) -> None:
    create(ada, url=f"/users/ada/posts/{slug}")
    assert (ada.get(f"/users/ada/posts/{slug}").json or {})["slug"] == slug


def test_an_escaped_slug_is_the_same_url(ada: Client) -> None:
    """RFC 3986, section 6.2.2.2."""
    create(ada, url="/users/ada/posts/%6fn-engines")
    assert ada.get("/users/%61da/posts/on%2Dengines").json == ada.get(URL).json


@pytest.mark.parametrize("url", [f"{URL}/", "/users/ada/posts/", "/users/ada/posts", "/users/ada//on-engines"])
def test_other_urls_are_not_found(ada: Client, url: str) -> None:
    create(ada)
    assert_problem(ada.get(url), 404)
    assert_problem(put(ada, url=url, headers=CREATE), 404)


@pytest.mark.parametrize("published_at", [None, "2999-01-01T00:00:00Z"])
def test_unpublished_posts_are_visible_to_owners_and_admins(
    ada: Client, anyone: Client, bob: Client, admin: Client, published_at: str | None
) -> None:
    create(ada, {**POST, "published_at": published_at})
    for client in (anyone, bob):
        draft, missing = client.get(URL), client.get("/users/ada/posts/no-engines")
        assert_problem(draft, 404)
        assert draft.text.replace("on-engines", "no-engines") == missing.text
        assert "Content-Location" not in draft.headers
    for client in (ada, admin):
        assert client.get(URL).headers["Cache-Control"] == "no-cache, private"


def test_two_authors_may_have_the_same_slug(ada: Client, bob: Client) -> None:
    assert create(ada).json != create(bob, url="/users/bob/posts/on-engines").json


def test_a_slug_is_free_after_its_post_is_deleted_or_renamed(ada: Client) -> None:
    create(ada)
    ada.delete("/posts/1")
    assert_problem(ada.get(URL), 404)
    assert (create(ada).json or {})["id"] == 2
    assert ada.patch("/posts/2", {"slug": "renamed"}).status_code == 200
    assert_problem(ada.get(URL), 404)
    assert_problem(put(ada, headers=REPLACE), 412)
    assert (create(ada).json or {})["id"] == 3


def test_an_idempotency_key_has_no_effect(ada: Client) -> None:
    headers = {"Idempotency-Key": "k"}
    assert put(ada, headers={**CREATE, **headers}).status_code == 201
    assert_problem(put(ada, headers={**CREATE, **headers}), 412)


def test_the_methods_of_the_url(ada: Client) -> None:
    options = ada.send("OPTIONS", URL)
    assert set(options.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "PUT"}
    for method in ("POST", "PATCH", "DELETE"):
        assert_problem(ada.send(method, URL, json=POST, headers=REPLACE), 405)


def test_pages_of_other_origins_may_send_the_precondition_and_see_the_url(build: Callable[..., Application]) -> None:
    ada = signed_in_user(build(cors_origins=("https://blog.example",)), "ada")
    preflight = {
        "Origin": "https://blog.example",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization, content-type, if-none-match",
    }
    allowed = Client(ada.app).send("OPTIONS", URL, headers=preflight).headers
    assert "PUT" in allowed["Access-Control-Allow-Methods"]
    assert "if-none-match" in allowed["Access-Control-Allow-Headers"].lower()
    response = put(ada, headers={**CREATE, "Origin": "https://blog.example"})
    assert "Content-Location" in response.headers["Access-Control-Expose-Headers"].split(", ")


def test_a_put_that_creates_counts_toward_the_posts_of_a_day(build: Callable[..., Application]) -> None:
    ada = signed_in_user(build(posts_per_day=2), "ada")
    create(ada)
    for number in range(3):
        assert put(ada, {**POST, "title": str(number)}, headers=REPLACE).status_code == 200
        assert_problem(put(ada, headers=CREATE), 412)
    create(ada, url="/users/ada/posts/second")
    assert_problem(put(ada, url="/users/ada/posts/third", headers=CREATE), 429, code="quota-exceeded")
    assert_problem(ada.post("/posts", {"title": "t", "body": "b"}), 429)
    assert put(ada, headers=REPLACE).status_code == 200


def test_what_is_put_counts_toward_the_bytes_of_a_day(build: Callable[..., Application]) -> None:
    ada = signed_in_user(build(megabytes_per_day=1), "ada")
    large = {**POST, "body": "x" * 262_144}
    create(ada, large)
    for number in range(2):
        assert put(ada, {**large, "title": f"{number}"}, headers=REPLACE).status_code == 200
    assert_problem(put(ada, {**large, "title": "new"}, headers=REPLACE), 429, code="quota-exceeded")


def test_puts_are_limited_like_other_writes(build: Callable[..., Application]) -> None:
    ada = signed_in_user(build(), "ada")
    policies = [response.headers["RateLimit-Policy"] for response in (create(ada), ada.post("/posts", {}))]
    assert policies[0] == policies[1]


@pytest.fixture(params=["sqlite", "postgresql"])
def on_each_database(request: pytest.FixtureRequest, build: Callable[..., Application]) -> Application:
    if request.param == "sqlite":
        return build(rate_limits="off")
    return build(rate_limits="off", database_url=request.getfixturevalue("postgresql_url"))


def test_one_of_concurrent_puts_creates(on_each_database: Application) -> None:
    ada = signed_in_user(on_each_database, "ada")
    start = threading.Barrier(6)

    def send(number: int) -> TestResponse:
        start.wait()
        return put(ada, {**POST, "title": str(number)}, headers=CREATE)

    for _ in range(5):
        with ThreadPoolExecutor(6) as threads:
            responses = [*threads.map(send, range(6))]
        [created] = [response for response in responses if response.status_code == 201]
        for response in responses:
            if response is not created:
                assert_problem(response, 412)
        assert ada.get(URL).json == created.json
        assert ada.delete((created.json or {})["url"]).status_code == 204


def test_one_of_concurrent_puts_replaces(on_each_database: Application) -> None:
    ada = signed_in_user(on_each_database, "ada")
    create(ada)
    etag = ada.get(URL).headers["ETag"]
    with ThreadPoolExecutor(6) as threads:
        responses = [*threads.map(lambda each: put(ada, {**POST, "title": each}, headers={"If-Match": etag}), "abcdef")]
    [replaced] = [response for response in responses if response.status_code == 200]
    assert sorted(response.status_code for response in responses) == [200, *[412] * 5]
    assert ada.get(URL).json == replaced.json


@contextmanager
def waiting_put(app: Application, ada: Client, work: Callable[[Connection], object]) -> Iterator[Future[TestResponse]]:
    """Do work in a transaction; a PUT that may only create waits for it until the block ends."""
    with ThreadPoolExecutor(1) as threads, app.database.write() as db:
        work(db)
        response = threads.submit(put, ada, headers=CREATE)
        with pytest.raises(TimeoutError):
            response.result(0.3)
        yield response


class RolledBackOnPurpose(Exception):
    """Ends a transaction without a commit."""


def publish_at_slug(db: Connection) -> None:
    ada = users.get(db, "ada")
    posts.publish(db, author_id=ada.id, title="first", body="b", tags=[], slug="on-engines")


def test_a_put_waits_for_a_transaction_that_creates_the_post(on_each_database: Application) -> None:
    ada = signed_in_user(on_each_database, "ada")
    with waiting_put(on_each_database, ada, publish_at_slug) as response:
        pass
    assert_problem(response.result(), 412)
    assert (ada.get(URL).json or {})["title"] == "first"


def test_a_put_creates_if_the_transaction_that_it_waits_for_is_rolled_back(on_each_database: Application) -> None:
    ada = signed_in_user(on_each_database, "ada")
    with pytest.raises(RolledBackOnPurpose), waiting_put(on_each_database, ada, publish_at_slug) as response:
        raise RolledBackOnPurpose
    assert response.result().status_code == 201


@pytest.mark.parametrize("exists", [True, False])
def test_a_put_that_is_rolled_back_at_its_commit_is_repeated(
    build: Callable[..., Application], postgresql_url: str, *, exists: bool
) -> None:
    app = build(database_url=postgresql_url)
    ada = signed_in_user(app, "ada")
    if exists:
        create(ada)
    with app.database.write() as db:
        fail_commits(db, "posts", 2)
    response = put(ada, {**POST, "title": "new"}, headers=REPLACE if exists else CREATE)
    assert response.status_code == (200 if exists else 201)
    assert read_metrics(ada)["pressroom_transaction_retries_total[]"] >= 2
    assert (ada.get(URL).json or {})["title"] == "new"
    assert json.loads(response.data)["slug"] == "on-engines"
