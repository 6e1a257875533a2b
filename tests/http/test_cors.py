"""Cross-origin requests (CORS) are allowed from the configured origins only."""

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
def client(build: Callable[..., Application]) -> Client:
    """A client of an application that allows ORIGIN."""
    return Client(build(cors_origins=(ORIGIN,)))


def test_preflight_requests_of_configured_origins_are_allowed(client: Client) -> None:
    headers = client.send("OPTIONS", "/posts/1", headers=PREFLIGHT).headers
    assert headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "PATCH" in headers["Access-Control-Allow-Methods"]
    allowed = headers["Access-Control-Allow-Headers"].lower()
    assert {"authorization", "content-type", "if-match"} <= set(allowed.split(", "))


@pytest.mark.parametrize("path", ["/pots", "/posts/0", "/posts/1/"])
def test_a_page_sees_the_404_of_an_unknown_path(client: Client, path: str) -> None:
    preflight = client.send("OPTIONS", path, headers=PREFLIGHT)
    assert (preflight.status_code, preflight.data) == (204, b"")
    assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "PATCH" in preflight.headers["Access-Control-Allow-Methods"]
    response = client.send("PATCH", path, headers={"Origin": ORIGIN})
    assert response.status_code == 404
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    for headers in ({}, {"Origin": ORIGIN}):
        assert client.send("OPTIONS", path, headers=headers).status_code == 404
    other = client.send("OPTIONS", path, headers={**PREFLIGHT, "Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in other.headers


def test_all_documented_response_header_fields_are_exposed(client: Client) -> None:
    headers = client.get("/posts", headers={"Origin": ORIGIN}).headers
    document = client.get("/openapi.json").json or {}
    responses = [*document["components"]["responses"].values()]
    for item in document["paths"].values():
        operations = [value for value in item.values() if "responses" in value]
        responses += [response for operation in operations for response in operation["responses"].values()]
    # 405 is of no operation, so `Allow` is in no response of the document.
    documented = {"Allow", "X-Request-ID"} | {name for response in responses for name in response.get("headers", {})}
    assert set(headers["Access-Control-Expose-Headers"].split(", ")) == documented
    assert "Access-Control-Allow-Credentials" not in headers


def test_responses_vary_by_origin(client: Client) -> None:
    for origin in (ORIGIN, "https://evil.example"):
        response = client.get("/posts", headers={"Origin": origin})
        assert response.headers.get_all("Vary") == ["Authorization, Origin"]


def test_responses_do_not_vary_by_origin_if_all_origins_are_allowed(build: Callable[..., Application]) -> None:
    client = Client(build(cors_origins=("*",)))
    for headers in ({}, {"Origin": ORIGIN}):
        response = client.get("/posts", headers=headers)
        assert (response.headers["Access-Control-Allow-Origin"], response.headers["Vary"]) == ("*", "Authorization")


@pytest.mark.parametrize("origin", ["http://[::1]:3000", "http://my_host:3000", "https://a.example:8443"])
def test_every_valid_form_of_origin_is_allowed(build: Callable[..., Application], origin: str) -> None:
    client = Client(build(cors_origins=(ORIGIN, origin)))
    for sent in (origin, ORIGIN):
        assert client.get("/posts", headers={"Origin": sent}).headers["Access-Control-Allow-Origin"] == sent


@pytest.mark.parametrize(
    ("allowed", "sent"),
    [
        ("http://[::1]:3000", "http://::3000"),
        ("http://[::1]:3000", "http://1:3000"),
        ("https://a.example", "https://aXexample"),
        ("https://a.example", "https://a.example.evil.example"),
        ("https://a.example", "https://a.example:8443"),
        ("https://a.example", "http://https://a.example"),
        ("https://a.example", "null"),
    ],
)
def test_an_origin_is_no_regular_expression(build: Callable[..., Application], allowed: str, sent: str) -> None:
    response = Client(build(cors_origins=(allowed,))).get("/posts", headers={"Origin": sent})
    assert "Access-Control-Allow-Origin" not in response.headers


def test_other_origins_are_not_allowed(client: Client, anyone: Client) -> None:
    for sender, origin in ((client, "https://evil.example"), (anyone, ORIGIN)):
        assert "Access-Control-Allow-Origin" not in sender.get("/posts", headers={"Origin": origin}).headers


def test_browsers_may_store_the_response_to_a_preflight_request_for_a_day(client: Client) -> None:
    assert client.send("OPTIONS", "/posts/1", headers=PREFLIGHT).headers["Access-Control-Max-Age"] == "86400"
    assert "Access-Control-Max-Age" not in client.get("/posts/1", headers={"Origin": ORIGIN}).headers


@pytest.mark.parametrize(
    ("requested", "allowed"),
    [("x-a, traceparent", "traceparent, x-a"), ("<b>, x-a", "x-a"), ("\xff", None), ("a b", None), ("x-a\x01", None)],
)
def test_any_valid_field_name_is_allowed_and_other_text_is_not_repeated(
    client: Client, requested: str, allowed: str | None
) -> None:
    headers = client.send(
        "OPTIONS", "/posts/1", headers={**PREFLIGHT, "Access-Control-Request-Headers": requested}
    ).headers
    assert headers.get("Access-Control-Allow-Headers") == allowed
