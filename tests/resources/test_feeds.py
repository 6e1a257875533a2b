"""`/feed.atom` and `/feed.json`, on both databases."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import feedparser
import jsonschema
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from api import constraints
from api.atom import Entry, Feed, to_atom
from api.http.application import Application
from api.post_urls import check_post_url
from api.settings import InvalidSetting, Settings
from api.store import posts
from api.store.columns import now
from tests.support.clients import Client, signed_in_user
from tests.support.corpus import corpus_lines, needs_corpus
from tests.support.problems import assert_problem

ATOM = "{http://www.w3.org/2005/Atom}"
# What https://www.jsonfeed.org/version/1.1/ says. Names that begin with `_` are extensions.
URL = {"type": "string", "pattern": r"^https?://[\x21-\x7e]+$"}
STRING, RFC3339 = {"type": "string", "minLength": 1}, {"type": "string", "format": "date-time"}
PATTERN_PROPERTIES = {"^_[A-Za-z]+$": {"type": "object"}}


def closed(required: list[str], **properties: object) -> dict[str, object]:
    return {
        "type": "object",
        "required": required,
        "properties": properties,
        "patternProperties": PATTERN_PROPERTIES,
        "additionalProperties": False,
    }


AUTHORS = {
    "type": "array",
    "minItems": 1,
    "items": {**closed([], name=STRING, url=URL, avatar=URL), "minProperties": 1},
}
ATTACHMENT = closed(
    ["url", "mime_type"],
    url=URL,
    mime_type=STRING,
    title=STRING,
    size_in_bytes={"type": "number"},
    duration_in_seconds={"type": "number"},
)
ITEM = {
    **closed(
        ["id"],
        id=STRING,
        url=URL,
        external_url=URL,
        title={"type": "string"},
        content_html={"type": "string"},
        content_text={"type": "string"},
        summary=STRING,
        image=URL,
        banner_image=URL,
        date_published=RFC3339,
        date_modified=RFC3339,
        authors=AUTHORS,
        tags={"type": "array", "items": STRING, "uniqueItems": True},
        language=STRING,
        attachments={"type": "array", "items": ATTACHMENT},
    ),
    "anyOf": [{"required": ["content_html"]}, {"required": ["content_text"]}],
}
SCHEMA = closed(
    ["version", "title", "items"],
    version={"const": "https://jsonfeed.org/version/1.1"},
    title=STRING,
    home_page_url=URL,
    feed_url=URL,
    description=STRING,
    user_comment=STRING,
    next_url=URL,
    icon=URL,
    favicon=URL,
    authors=AUTHORS,
    language=STRING,
    expired={"type": "boolean"},
    hubs={"type": "array", "items": closed(["type", "url"], type=STRING, url=URL)},
    items={"type": "array", "items": ITEM},
)
FEEDS = ("/feed.atom", "/feed.json")
POST = {"title": "a < b & c", "body": "It *weaves* <b>patterns</b>.", "tags": ["engines"], "slug": "s"}


@pytest.fixture(params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest, build: Callable[..., Application]) -> Application:
    if request.param == "sqlite":
        return build()
    return build(database_url=request.getfixturevalue("postgresql_url"))


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
    feed: Any = response.json
    jsonschema.validate(feed, SCHEMA, format_checker=jsonschema.FormatChecker())
    assert len({item["id"] for item in feed["items"]}) == len(feed["items"])
    assert feed.get("next_url") != feed["feed_url"]
    for item in feed["items"]:
        assert datetime.fromisoformat(item["date_published"]) <= datetime.fromisoformat(item["date_modified"])
    return feed


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


@pytest.mark.parametrize("character", ["\ufb2c", "\U0001d160", "a"])
def test_the_longest_filters_and_prefix_leave_a_feed_valid(build: Callable[..., Application], character: str) -> None:
    anyone = Client(build(trusted_proxies=1))
    query = urlencode({"author": "a" * 39, "tag": character * constraints.SENT_TAG_MAX_LENGTH})
    prefix = "/" + "p" * (constraints.URL_PREFIX_MAX_LENGTH - 1)
    headers = {"X-Forwarded-Prefix": prefix, "Host": "h" * 255 + ":65535"}
    response = anyone.get(f"/feed.json?{query}", headers=headers)
    assert response.status_code == 200
    jsonschema.validate(response.json, SCHEMA)
    assert anyone.get(f"/feed.atom?{query}", headers=headers).status_code == 200


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


@pytest.mark.parametrize("path", FEEDS)
def test_a_feed_needs_a_host_for_its_urls(anyone: Client, path: str) -> None:
    for host in ("", "a:99999", "a'b"):
        problem = assert_problem(anyone.get(path, headers={"Host": host}), 400)
        assert problem["detail"] == "The URLs in a feed need a host: send HOST or HOST:PORT as `Host`."
    assert anyone.get(path, headers={"Host": "[::1]:8000"}).status_code == 200


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
        ("https://blog.example/100%/{slug}", "use an absolute URL"),
        ("https://blog.example/%zz{slug}", "use an absolute URL"),
        ("https://blog.example/#{slug}#{id}", "use an absolute URL"),
        ("https://blog.example/%20/{slug}?a=%2F#{id}", ""),
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


def normal(text: str) -> str:
    """Return the text as an XML parser does: without what XML 1.0 forbids, and with its line ends (section 2.11)."""
    text = re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)
    return text.replace("\r\n", "\n").replace("\r", "\n")


@given(title=ANY_TEXT, html=ANY_TEXT, author=ANY_TEXT, tag=ANY_TEXT, url=ANY_TEXT)
def test_no_text_breaks_the_xml(title: str, html: str, author: str, tag: str, url: str) -> None:
    entry = Entry("urn:x", url, title, html, author, [tag], now(), now())
    xml = to_atom(Feed("urn:y", title, url, url, url, now(), [entry]))
    root = ElementTree.fromstring(xml)

    assert texts(root, "title") == [normal(title)] * 2
    assert texts(root, "content") == [normal(html)]
    assert texts(root, "name") == [normal(author)]
    assert not feedparser.parse(xml).bozo


@given(
    title=st.text(min_size=1, max_size=40),
    body=st.text(max_size=80) | st.sampled_from(["]]>", "```\n]]>\n```", "&#xFFFE;&#0;&#x1;", "<![CDATA[x]]>"]),
    tag=st.text(st.characters(categories=["L", "M", "N"]), min_size=1, max_size=20),
    name=st.text(min_size=1, max_size=20),
)
def test_feeds_have_any_text_that_posts_can_have(ada: Client, title: str, body: str, tag: str, name: str) -> None:
    ada.patch("/users/ada", {"display_name": name})
    response = ada.post("/posts", {"title": title, "body": body, "tags": [tag]})
    assume(response.status_code == 201)
    post: Any = ada.get(f"{response.headers['Location']}?expand=html").json
    item = json_feed(ada)["items"][0]
    assert (item["title"], item["content_html"], item["tags"]) == (post["title"], post["html"], post["tags"])
    assert item["authors"] == [{"name": post["author"]["display_name"]}]
    root = atom(ada)
    assert texts(root, "title")[1] == normal(post["title"])
    assert texts(root, "content")[0] == normal(post["html"])
    assert texts(root, "name")[0] == normal(post["author"]["display_name"])


@pytest.mark.heavy
@needs_corpus
@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_feeds_of_all_real_posts_are_valid(app: Application, ada: Client, anyone: Client) -> None:
    bodies = [line["post"] for line in corpus_lines() if "post" in line]
    with app.database.write() as db:
        for post in bodies:
            posts.publish(db, author_id=1, title=post["title"], body=post["body"], tags=post["tags"])
    titles, url = list[str](), "/feed.atom"
    while url:
        root = atom(anyone, url)
        titles += texts(root, "title")[1:]
        url = "".join(links(root, "next")).removeprefix("http://localhost")
    assert titles == [post["title"] for post in reversed(bodies)]
    titles, url = [], "/feed.json"
    while url:
        feed = json_feed(anyone, url)
        titles += [item["title"] for item in feed["items"]]
        url = feed.get("next_url", "").removeprefix("http://localhost")
    assert titles == [post["title"] for post in reversed(bodies)]


@pytest.mark.heavy
def test_feeds_of_the_longest_bodies_are_bounded(ada: Client, anyone: Client) -> None:
    for text in ("&", "<", "]]>", "-\n", "\U0001f600"):
        ada.post("/posts", {"title": "t", "body": (text * constraints.BODY_MAX_LENGTH)[: constraints.BODY_MAX_LENGTH]})
    for path in FEEDS:
        response = anyone.get(path)
        assert len(response.data) <= constraints.PAGE_MAX_BYTES
        if path == "/feed.json":
            assert 1 <= len(json.loads(response.data)["items"]) < 5
