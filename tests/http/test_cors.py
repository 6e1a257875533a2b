"""Pages of other origins may call the API where the operator says so, and only then."""

from collections.abc import Callable

import pytest

from api.http.application import Application
from tests.support.clients import Client

ORIGIN = "https://blog.example"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "authorization, content-type, if-match",
}


@pytest.fixture
def open_to(build: Callable[..., Application]) -> Client:
    return Client(build(cors_origins=(ORIGIN,)))


def test_an_origin_that_is_named_may_ask_for_everything(open_to: Client) -> None:
    headers = open_to.send("OPTIONS", "/posts/1", headers=PREFLIGHT).headers
    assert headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "PATCH" in headers["Access-Control-Allow-Methods"]
    allowed = headers["Access-Control-Allow-Headers"].lower()
    assert {"authorization", "content-type", "if-match"} <= set(allowed.split(", "))


def test_it_may_read_the_header_fields_that_the_document_names(open_to: Client) -> None:
    headers = open_to.get("/posts", headers={"Origin": ORIGIN}).headers
    document = open_to.get("/openapi.json").json or {}
    answers = [*document["components"]["responses"].values()]
    for item in document["paths"].values():
        answers += [answer for one in item.values() if "responses" in one for answer in one["responses"].values()]
    named = {"X-Request-ID"} | {name for answer in answers for name in answer.get("headers", {})}
    assert set(headers["Access-Control-Expose-Headers"].split(", ")) == named
    assert "Access-Control-Allow-Credentials" not in headers


def test_caches_keep_the_answers_to_origins_apart(open_to: Client) -> None:
    for origin in (ORIGIN, "https://evil.example"):
        assert "Origin" in open_to.get("/posts", headers={"Origin": origin}).headers["Vary"]


def test_where_all_origins_may_ask_caches_keep_one_answer_for_them(build: Callable[..., Application]) -> None:
    client = Client(build(cors_origins=("*",)))
    for headers in ({}, {"Origin": ORIGIN}):
        answer = client.get("/posts", headers=headers)
        assert (answer.headers["Access-Control-Allow-Origin"], answer.headers["Vary"]) == ("*", "Authorization")


def test_other_origins_may_not(open_to: Client, anyone: Client) -> None:
    for client, origin in ((open_to, "https://evil.example"), (anyone, ORIGIN)):
        assert "Access-Control-Allow-Origin" not in client.get("/posts", headers={"Origin": origin}).headers
