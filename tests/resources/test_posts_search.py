"""`GET /posts?q=`, on both databases."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import chain
from typing import Any
from urllib.parse import quote

import pytest

from api.http.application import Application
from api.store import posts_search, posts_words
from api.store.columns import now
from tests.support.clients import Client, with_read_token
from tests.support.problems import assert_problem

EMPTY_PAGE: dict[str, object] = {"items": [], "next_cursor": None}
TOMORROW = (now() + timedelta(days=1)).isoformat()


@pytest.fixture(params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest, build: Callable[..., Application]) -> Application:
    if request.param == "sqlite":
        return build()
    return build(database_url=request.getfixturevalue("postgresql_url"))


def publish(client: Client, title: str, **content: object) -> str:
    response = client.post("/posts", {"title": title, "body": "", **content})
    assert response.status_code == 201
    return response.headers["Location"]


def pages(client: Client, q: str, query: str = "") -> Iterator[list[str]]:
    """Yield the titles on each page that the links lead to."""
    path = f"/posts?q={quote(q)}{query}"
    while path:
        response = client.get(path)
        page: Any = response.json
        yield [post["title"] for post in page["items"]]
        path = response.headers.get("Link", "").partition(">")[0].removeprefix("<")
        assert (page["next_cursor"] or "") in path
        assert bool(page["next_cursor"]) == bool(path)


def titles(client: Client, q: str, query: str = "") -> list[str]:
    return [*chain.from_iterable(pages(client, q, query))]


INVALID = {
    "Write at least one letter or digit, and not U+0000.": [
        *("q=", "q=+", "q=%22%22", "q=-", "q=%20.%20", "q=%F0%9F%98%80", "q=%00", "q=a%00", "q=a%0A%00b")
    ],
    "Length must be between 1 and 200.": ["q=" + "a" * 201, "q=" + "a+" * 101, "q=" + "%F0%9F%98%80" * 200 + "a"],
    "Given more than once.": ["q=a&q=a", "q=a&q=b"],
}


def test_an_invalid_query_is_reported_by_parameter(anyone: Client) -> None:
    for detail, queries in INVALID.items():
        for query in queries:
            problem = assert_problem(anyone.get(f"/posts?{query}"), 422)
            assert problem["errors"] == [{"detail": detail, "parameter": "q"}], query
            assert anyone.send("HEAD", f"/posts?{query}").status_code == 422
    for name in ("Q", "query", "search", "q%5B%5D"):
        assert_problem(anyone.get(f"/posts?{name}=a"), 422)


CHARACTERS = "".join(map(chr, range(0x4E00, 0x4EC8)))
NUMBERS = [*map(str, range(10, 76))]
LIGATURE = "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}"


@pytest.mark.parametrize(
    ("q", "body", "other"),
    [
        pytest.param(" ".join(NUMBERS), " ".join(NUMBERS[::-1]), " ".join(NUMBERS[:-1]), id="words"),
        pytest.param(f'"{" ".join(NUMBERS)}"', " ".join(NUMBERS), " ".join(NUMBERS[::-1]), id="phrase"),
        pytest.param(CHARACTERS, CHARACTERS, CHARACTERS[:-1] + "日", id="characters"),
        pytest.param(" ".join(CHARACTERS[:100]), CHARACTERS, CHARACTERS[1:], id="single characters"),
        pytest.param("x" * 200, "x" * 250, "x" * 63, id="word"),
        pytest.param(LIGATURE * 200, LIGATURE * 201, "x", id="ligatures"),
    ],
)
def test_all_words_of_the_longest_queries_count(ada: Client, anyone: Client, q: str, body: str, other: str) -> None:
    publish(ada, "other", body=other)
    publish(ada, "found", body=body)
    assert titles(anyone, q) == ["found"]


def test_head_has_the_headers_of_get(ada: Client, anyone: Client) -> None:
    for number in range(3):
        publish(ada, f"engine {number}")
    for path in ("/posts?q=engine", "/posts?q=engine&limit=2&expand=body", "/posts?q=absent"):
        got, head = anyone.get(path), anyone.send("HEAD", path)
        assert (got.status_code, head.status_code, head.data) == (200, 200, b"")
        for name in ("ETag", "Content-Length", "Link", "Cache-Control", "Content-Type"):
            assert head.headers.get(name) == got.headers.get(name)


def test_a_search_is_304_until_a_post_that_matches_is_published_revised_or_removed(ada: Client, anyone: Client) -> None:
    other = publish(ada, "another subject", slug="other")
    path, seen = "/posts?q=engine", list[str]()

    def has_changed() -> bool:
        etag = anyone.get(path).headers["ETag"]
        if changed := etag not in seen[-1:]:
            seen.append(etag)
        for method in ("GET", "HEAD"):
            response = anyone.send(method, path, headers={"If-None-Match": etag})
            assert (response.status_code, response.data, response.headers["ETag"]) == (304, b"", etag)
            assert "Cache-Control" in response.headers
        return changed

    assert has_changed()
    publish(ada, "a draft of the engine", published_at=None)
    publish(ada, "the engine of tomorrow", published_at=TOMORROW)
    ada.patch(other, {"body": "no machine"})
    assert not has_changed()
    found = publish(ada, "the engine")
    assert has_changed()
    ada.patch(found, {"title": "the new engine"})
    assert has_changed()
    ada.patch(found, {"title": "the new engine"})
    assert not has_changed()
    ada.patch(other, {"body": "an engine"})
    assert has_changed()
    content = {"title": "another subject", "body": "no machine", "published_at": TOMORROW}
    assert ada.send("PUT", "/users/ada/posts/other", json=content, headers={"If-Match": "*"}).status_code == 200
    assert has_changed()
    ada.delete(found)
    assert has_changed()
    assert anyone.get(path).json == EMPTY_PAGE
    assert anyone.get(path).headers["ETag"] == seen[0]


def test_pages_may_be_short_or_empty_and_lead_to_all_posts(
    ada: Client, bob: Client, anyone: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts_words, "CANDIDATES_MAX_ROWS", -1)  # so that the list is read
    monkeypatch.setattr(posts_search, "CHECKED_MAX_ROWS", 1)
    publish(ada, "engine 1", tags=["x"])
    for number in range(60):
        publish(ada if number % 2 else bob, f"filler {number}")
    for number in range(2, 5):
        publish(bob, f"engine {number}", tags=["x"])
    expected = [f"engine {number}" for number in (4, 3, 2, 1)]
    assert [*pages(anyone, "engine")] == [expected[:3], expected[3:]]
    assert [*pages(anyone, "engine", "&limit=2")] == [expected[:2], expected[2:3], expected[3:]]
    assert [*pages(anyone, "absent")] == [[], []]
    assert [*pages(anyone, "engine", "&author=ada&expand=body")] == [expected[3:]]
    assert [*pages(anyone, "engine", "&tag=x&limit=3")] == [expected[:3], expected[3:]]


def test_a_cursor_continues_another_search_at_its_place_in_the_list(ada: Client, anyone: Client) -> None:
    for title in ("engine a", "loom b", "engine c", "loom d"):
        publish(ada, title)
    cursor = (anyone.get("/posts?limit=2").json or {})["next_cursor"]
    assert titles(anyone, "engine", f"&cursor={cursor}") == ["engine a"]
    cursor = (anyone.get("/posts?q=engine&limit=1").json or {})["next_cursor"]
    assert titles(anyone, "loom", f"&cursor={cursor}") == ["loom b"]
    assert_problem(anyone.get("/posts?q=engine&cursor=x"), 422)


def test_a_search_is_combined_with_author_and_tag(ada: Client, bob: Client, anyone: Client) -> None:
    for number, (client, tags) in enumerate([(ada, ["x"]), (ada, ["y"]), (bob, ["x", "y"]), (bob, [])]):
        publish(client, f"engine {number}", tags=tags)
        publish(client, "loom", tags=tags)
    for query, numbers in {
        "&author=ada": "10",
        "&tag=x": "20",
        "&tag=X": "20",
        "&author=bob&tag=y": "2",
        "&author=ada&tag=z": "",
        "&author=carl": "",
    }.items():
        for limit in ("", "&limit=1", "&expand=body,html"):
            assert titles(anyone, "engine", query + limit) == [f"engine {number}" for number in numbers]
            assert titles(anyone, '"engine 2"', query + limit) == ["engine 2"] * ("2" in numbers)


@pytest.mark.parametrize("sorts", [True, False])
def test_only_those_who_may_change_unpublished_posts_find_them(
    ada: Client, bob: Client, admin: Client, anyone: Client, monkeypatch: pytest.MonkeyPatch, *, sorts: bool
) -> None:
    if not sorts:
        monkeypatch.setattr(posts_words, "CANDIDATES_MAX_ROWS", -1)
    for name, published_at in {"draft": None, "scheduled": TOMORROW}.items():
        publish(ada, f"secret {name}", body="the secret engine", tags=["x"], published_at=published_at)
    hidden = ["secret draft", "secret scheduled"]
    readers = {"ada": with_read_token(ada), "admin": with_read_token(admin)}
    for q in ("secret", "engine", '"secret engine"', '"secret draft"', "secret draft engine"):
        found = [title for title in hidden if "draft" not in q or "draft" in title]
        for query in ("", "&tag=x", "&limit=1", "&expand=body"):
            for client in (anyone, bob, ada, admin, *readers.values()):
                assert titles(client, q, query) == []
            for client in (anyone, bob, readers["admin"]):
                assert titles(client, q, f"{query}&author=ada") == []
            for client in (ada, admin, readers["ada"]):
                assert titles(client, q, f"{query}&author=ada") == found
    ada.patch("/posts/1", {"published_at": "2026-01-01T00:00:00Z"})
    assert titles(anyone, "secret") == ["secret draft"]


def test_only_searches_of_anonymous_clients_may_be_stored_by_shared_caches(ada: Client, anyone: Client) -> None:
    publish(ada, "engine")
    assert "public" in anyone.get("/posts?q=engine").headers["Cache-Control"]
    for client in (ada, with_read_token(ada)):
        assert "private" in client.get("/posts?q=engine").headers["Cache-Control"]


def test_other_encodings_of_a_query_are_not_stored_by_shared_caches(anyone: Client) -> None:
    for spelling in ("q=%65ngine", "q=engine%20loom", "q=caf%c3%a9", "%71=engine"):
        assert "public" not in anyone.get(f"/posts?{spelling}").headers["Cache-Control"]


def test_words_are_found_in_the_title_or_the_body_without_regard_to_case(ada: Client, anyone: Client) -> None:
    publish(ada, "Größe der Maschine", body="Sie WEBT Muster; 東京都に行く, 한국어")
    for q in ("grösse", "GRÖSSE webt", "gro\u0308ße", '"webt muster"', "東京", "京都", "都", "한국", "Maschine 行く"):
        assert titles(anyone, q) == ["Größe der Maschine"], q
    for q in ("gros", "maschine größe x", '"muster webt"', '"Maschine Sie"', "都京"):
        assert titles(anyone, q) == [], q


def test_the_words_of_a_removed_account_are_not_found(ada: Client, bob: Client, anyone: Client) -> None:
    publish(ada, "engine of ada")
    publish(bob, "engine of bob")
    assert ada.delete("/users/ada?posts=remove").status_code == 204
    assert titles(anyone, "engine") == ["engine of bob"]
