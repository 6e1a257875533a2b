"""`/feed.atom` and `/feed.json`."""

import json
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import feedparser
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import constraints
from api.atom import Entry, Feed, to_atom
from api.http.application import Application
from api.post_urls import check_post_url
from api.settings import InvalidSetting, Settings
from api.store.columns import now
from tests.support.clients import Client, signed_in_user
from tests.support.corpus import corpus_lines, needs_corpus
from tests.support.problems import assert_problem

ATOM = "{http://www.w3.org/2005/Atom}"
# https://www.jsonfeed.org/version/1.1/
SCHEMA = {
    "type": "object",
    "required": ["version", "title", "items"],
    "properties": {
        "version": {"const": "https://jsonfeed.org/version/1.1"},
        "title": {"type": "string"},
        "feed_url": {"type": "string", "pattern": "^https?://"},
        "next_url": {"type": "string", "pattern": "^https?://"},
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id"],
                "anyOf": [{"required": ["content_html"]}, {"required": ["content_text"]}],
                "properties": {
                    **{name: {"type": "string"} for name in ("id", "title", "content_html", "content_text")},
                    "url": {"type": "string", "pattern": "^https?://"},
                    "date_published": {"type": "string", "pattern": "^[0-9-]{10}T[0-9:.]+Z$"},
                    "date_modified": {"type": "string", "pattern": "^[0-9-]{10}T[0-9:.]+Z$"},
                    "authors": {"type": "array", "items": {"type": "object", "required": ["name"]}},
                    "tags": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
    },
}
FEEDS = ("/feed.atom", "/feed.json")
POST = {"title": "a < b & c", "body": "It *weaves* <b>patterns</b>.", "tags": ["engines"], "slug": "s"}


def atom(client: Client, path: str = "/feed.atom") -> ElementTree.Element:
    response = client.get(path)
    assert (response.status_code, response.content_type) == (200, "application/atom+xml")
    parsed = feedparser.parse(response.data)
    assert not parsed.bozo, parsed.bozo_exception
    root = ElementTree.fromstring(response.data)
    assert root.tag == f"{ATOM}feed"
    for element in (root, *root.iter(f"{ATOM}entry")):
        # RFC 4287, sections 4.1.1 and 4.1.2.
        for name in ("id", "title", "updated"):
            assert len(element.findall(f"{ATOM}{name}")) == 1
    assert len({each.text for each in root.iter(f"{ATOM}id")}) == len([*root.iter(f"{ATOM}id")])
    return root


def json_feed(client: Client, path: str = "/feed.json") -> Any:
    response = client.get(path)
    assert (response.status_code, response.content_type) == (200, "application/feed+json")
    jsonschema.validate(response.json, SCHEMA)
    return response.json


def texts(root: ElementTree.Element, name: str) -> list[str]:
    return [element.text or "" for element in root.iter(f"{ATOM}{name}")]


def links(root: ElementTree.Element, rel: str) -> list[str]:
    return [element.attrib["href"] for element in root.iter(f"{ATOM}link") if element.attrib["rel"] == rel]


def test_an_empty_feed_is_valid(anyone: Client) -> None:
    assert texts(atom(anyone), "updated") == ["1970-01-01T00:00:00Z"]
    assert json_feed(anyone)["items"] == []


def test_an_entry_has_all_of_the_post(ada: Client, anyone: Client) -> None:
    post: Any = ada.post("/posts", POST).json
    html = "<p>It <em>weaves</em> <b>patterns</b>.</p>\n"
    [item] = json_feed(anyone)["items"]
    assert item == {
        "id": item["id"],
        "url": "http://localhost/posts/1",
        "title": POST["title"],
        "content_html": html,
        "date_published": post["published_at"],
        "date_modified": post["updated_at"],
        "authors": [{"name": "ada"}],
        "tags": ["engines"],
    }
    root = atom(anyone)
    assert texts(root, "id") == ["http://localhost/feed.atom", item["id"]]
    assert item["id"].startswith("urn:uuid:")
    assert texts(root, "content") == [html]
    assert texts(root, "title")[1] == POST["title"]
    assert links(root, "alternate") == ["http://localhost/posts/1"]
    assert links(root, "self") == links(root, "first") == ["http://localhost/feed.atom"]
    [entry] = feedparser.parse(anyone.get("/feed.atom").data).entries
    assert (entry.title_detail.type, entry.content[0].type) == ("text/plain", "text/html")


def test_only_what_is_public_is_in_feeds_even_for_the_author(ada: Client) -> None:
    for published_at in (None, "8000-01-01T00:00:00Z"):
        ada.post("/posts", {"title": "t", "body": "b", "published_at": published_at})
    assert json_feed(ada)["items"] == json_feed(ada, "/feed.json?author=ada")["items"] == []


@pytest.mark.parametrize("path", FEEDS)
@pytest.mark.parametrize("query", ["author=ada", "tag=engines", "author=ada&tag=engines"])
def test_feeds_can_be_filtered_and_followed_to_their_end(
    ada: Client, bob: Client, anyone: Client, path: str, query: str
) -> None:
    for number in range(41):
        ada.post("/posts", {"title": str(number), "body": "b", "tags": ["engines"]})
    bob.post("/posts", {"title": "bob", "body": "b"})
    titles, url = [], f"{path}?{query}"
    for _ in range(3):
        if path == "/feed.atom":
            root = atom(anyone, url)
            titles += texts(root, "title")[1:]
            following = links(root, "next")
        else:
            feed = json_feed(anyone, url)
            titles += [item["title"] for item in feed["items"]]
            following = [feed["next_url"]] if "next_url" in feed else []
        url = following[0].removeprefix("http://localhost") if following else ""
    assert (titles, url) == ([str(number) for number in range(40, -1, -1)], "")


def test_ids_survive_edits_and_another_host_and_updated_moves_only_with_an_edit(ada: Client, anyone: Client) -> None:
    ada.post("/posts", POST)
    before = json_feed(anyone)["items"][0]
    ada.patch("/posts/1", {"title": POST["title"]}, headers={"If-Match": "*"})
    ada.patch("/users/ada", {"display_name": "Ada"}, headers={"If-Match": "*"})
    same = json_feed(anyone)["items"][0]
    assert same == {**before, "authors": [{"name": "Ada"}]}
    ada.patch("/posts/1", {"title": "new", "slug": None}, headers={"If-Match": "*"})
    response: Any = anyone.get("/feed.json", headers={"Host": "other.example"}).json
    [after] = response["items"]
    assert (after["id"], after["url"]) == (before["id"], "http://other.example/posts/1")
    assert after["date_modified"] > before["date_modified"]
    assert after["date_published"] == before["date_published"]


@pytest.mark.parametrize("path", FEEDS)
def test_a_feed_is_cached_and_validated(ada: Client, anyone: Client, path: str) -> None:
    ada.post("/posts", POST)
    response = anyone.get(path)
    assert response.headers["Cache-Control"] == "public, max-age=1, stale-while-revalidate=1"
    head = anyone.send("HEAD", path)
    for name in ("ETag", "Content-Type", "Content-Length", "Cache-Control"):
        assert head.headers[name] == response.headers[name]
    again = anyone.get(path, headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    for query in ("limit=1", "expand=html", "cursor=x", "author=", "tag=%00"):
        assert_problem(anyone.get(f"{path}?{query}"), 422)


@pytest.mark.parametrize(
    ("slug", "url"), [("a-b", "https://blog.example/ada/a-b?x=1"), (None, "http://localhost/posts/1")]
)
def test_entries_have_the_url_of_the_site(build: Callable[..., Application], slug: str | None, url: str) -> None:
    app = build(post_url="https://blog.example/{username}/{slug}?x={id}")
    client = signed_in_user(app, "ada")
    client.post("/posts", {**POST, "slug": slug})
    assert [item["url"] for item in json_feed(client)["items"]] == links(atom(client), "alternate") == [url]


@pytest.mark.parametrize(
    ("template", "advice"),
    [
        ("https://blog.example/{username}/{slug}", ""),
        ("http://localhost:8080/?p={id}", ""),
        ("", ""),
        ("https://blog.example/{name}", "{name} is no placeholder"),
        ("https://blog.example/{}", "{} is no placeholder"),
        ("https://blog.example/{slug", "use an absolute URL"),
        ("https://blog.example/slug}", "use an absolute URL"),
        ("https://{username}.example/{slug}", "use an absolute URL"),
        ("blog.example/{slug}", "use an absolute URL"),
        ("/{slug}", "use an absolute URL"),
        ("javascript:{slug}", "use an absolute URL"),
        ("https://blog.example/é/{slug}", "use an absolute URL"),
        ("https://blog.example/<{slug}>", "use an absolute URL"),
        ("https://blog.example/ {slug}", "use an absolute URL"),
        ("https://blog.example/{username}", "all posts have the same URL"),
        ("https://blog.example/\n{slug}", "control character"),
    ],
)
def test_the_url_of_the_site_is_checked_at_the_start(template: str, advice: str) -> None:
    given = {"PRESSROOM_POST_URL": template}
    if not advice:
        assert Settings.from_environment(given).post_url == template
        assert check_post_url(template) == ""
        return
    with pytest.raises(InvalidSetting) as error:
        Settings.from_environment(given)
    assert advice in str(error.value)


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40) | st.sampled_from(["]]>", "]]\x00>", "<![CDATA["])


@given(title=ANY_TEXT, html=ANY_TEXT, author=ANY_TEXT, tag=ANY_TEXT, url=ANY_TEXT)
def test_no_text_breaks_the_xml(title: str, html: str, author: str, tag: str, url: str) -> None:
    entry = Entry("urn:x", url, title, html, author, [tag], now(), now())
    xml = to_atom(Feed("urn:y", title, url, url, url, now(), [entry]))
    root = ElementTree.fromstring(xml)

    def stripped(text: str) -> str:
        return "".join(
            c for c in text if c in "\t\n\r" or " " <= c < "\ud800" or (c > "\udfff" and c not in "\ufffe\uffff")
        )

    def normal(text: str) -> str:
        return stripped(text).replace("\r\n", "\n").replace("\r", "\n")

    assert texts(root, "title") == [normal(title)] * 2
    assert texts(root, "content") == [normal(html)]
    assert texts(root, "name") == [normal(author)]
    assert not feedparser.parse(xml).bozo


@needs_corpus
def test_feeds_of_real_posts_are_valid(ada: Client, anyone: Client) -> None:
    for line in corpus_lines()[-30:]:
        ada.post("/posts", {name: line["post"][name] for name in ("title", "body", "tags")})
    assert len(texts(atom(anyone), "content")) == len(json_feed(anyone)["items"]) == 20


@pytest.mark.heavy
def test_feeds_of_the_longest_bodies_are_bounded(ada: Client, anyone: Client) -> None:
    for text in ("&", "<", "]]>", "-\n", "\U0001f600"):
        ada.post("/posts", {"title": "t", "body": (text * constraints.BODY_MAX_LENGTH)[: constraints.BODY_MAX_LENGTH]})
    for path in FEEDS:
        response = anyone.get(path)
        assert len(response.data) <= constraints.PAGE_MAX_BYTES
        if path == "/feed.json":
            assert 1 <= len(json.loads(response.data)["items"]) < 5
