"""Forwarded header fields are used only if a proxy is trusted."""

from collections.abc import Callable

import pytest
from flask import request

from api.http.application import Application
from tests.support.clients import Client, signed_in_user
from tests.support.problems import assert_problem

FORWARDED = {
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "blog.example",
    "X-Forwarded-Prefix": "/api",
}


@pytest.mark.parametrize(("proxies", "prefix"), [(0, ""), (1, "/api")])
def test_urls_have_the_prefix_of_a_trusted_proxy(build: Callable[..., Application], proxies: int, prefix: str) -> None:
    app = build(trusted_proxies=proxies)
    ada = signed_in_user(app, "ada")
    created = ada.post("/posts", {"title": "t", "body": "b"}, headers=FORWARDED)
    assert created.json
    assert created.headers["Location"] == created.json["url"] == f"{prefix}/posts/1"
    assert created.json["author"]["url"] == f"{prefix}/users/ada"
    ada.post("/posts", {"title": "t", "body": "b"})
    link = ada.get("/posts?limit=1&author=ada", headers=FORWARDED).headers["Link"]
    assert link.startswith(f"<{prefix}/posts?limit=1&author=ada&cursor=")
    root = ada.get("/", headers=FORWARDED).json or {}
    assert all(url.startswith(f"{prefix}/") for name, url in root.items() if name.endswith("_url"))


@pytest.mark.parametrize(
    ("proxies", "expected"), [(0, ("127.0.0.1", "http", "localhost")), (1, ("203.0.113.7", "https", "blog.example"))]
)
def test_client_scheme_and_host_are_those_from_a_trusted_proxy(
    build: Callable[..., Application], proxies: int, expected: tuple[str, ...]
) -> None:
    app = build(trusted_proxies=proxies)
    app.add_url_rule("/forwarded", view_func=lambda: [request.remote_addr, request.scheme, request.host])
    assert tuple(Client(app).get("/forwarded", headers=FORWARDED).json or ()) == expected


@pytest.mark.parametrize(
    ("sent", "prefix"),
    [
        ("/", ""),
        ("/api", "/api"),
        ("/api/", "/api"),
        ("/api/v1.0", "/api/v1.0"),
        ("/caf%C3%A9", "/caf%C3%A9"),
        ("", ""),
    ],
)
def test_a_prefix_of_a_trusted_proxy_begins_all_urls(build: Callable[..., Application], sent: str, prefix: str) -> None:
    root = Client(build(trusted_proxies=1)).get("/", headers={"X-Forwarded-Prefix": sent}).json or {}
    assert root["posts_url"] == f"{prefix}/posts"


@pytest.mark.parametrize(
    "sent",
    [
        *(
            "api",
            "//evil.example",
            "/api//v1",
            "//",
            "/..",
            "/a/../b",
            "/.",
            "https://evil.example",
            "/a b",
            "/a?b",
            "/a#b",
        ),
        *("/\xff", "/é", "/%zz", "/a%", "/<b>", "/\x01", "/a\x7f", "/" + "a" * 1_000),
    ],
)
def test_an_invalid_prefix_is_rejected(build: Callable[..., Application], sent: str) -> None:
    for path in ("/", "/posts", "/nothing", "/docs/page/initializer.js"):
        response = Client(build(trusted_proxies=1)).get(path, headers={"X-Forwarded-Prefix": sent})
        detail = "The request is malformed: the proxy must send a path such as `/api` as `X-Forwarded-Prefix`."
        assert_problem(response, 400, detail=detail, type="/problems/bad-request")
    assert Client(build()).get("/", headers={"X-Forwarded-Prefix": sent}).status_code == 200


@pytest.mark.parametrize("scheme", ["ws", "wss", "javascript", "HTTPS", "a b", "\xff"])
def test_the_scheme_of_a_trusted_proxy_is_not_needed(build: Callable[..., Application], scheme: str) -> None:
    assert Client(build(trusted_proxies=1)).get("/posts", headers={"X-Forwarded-Proto": scheme}).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *(
            (host, 200)
            for host in ("my_svc", "my_svc:8000", "[2001:db8::1]:443", "a" * 255 + ":8000", "caf%C3%A9", "x.")
        ),
        *((host, 400) for host in ("a b", "a/b", "evil.example/x?", "a@b", "x:y", "<b>", "\xe9", "[::1", "a\x01")),
        ("a" * 262, 400),
    ],
)
def test_hosts_are_those_of_rfc_3986(build: Callable[..., Application], host: str, status: int) -> None:
    for fields in ({"Host": host}, {"X-Forwarded-Host": host}, {"X-Forwarded-Host": f"other.example, {host}"}):
        response = Client(build(trusted_proxies=1)).get("/posts", headers=fields)
        assert response.status_code == status
        assert response.headers.get("Location") is None
