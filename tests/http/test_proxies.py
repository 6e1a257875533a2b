"""Forwarded header fields are used only if a proxy is trusted."""

from collections.abc import Callable

import pytest
from flask import request

from api.http.application import Application
from tests.support.clients import Client, member

FORWARDED = {
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "blog.example",
    "X-Forwarded-Prefix": "/api",
}


@pytest.mark.parametrize(("proxies", "prefix"), [(0, ""), (1, "/api")])
def test_urls_have_the_prefix_of_a_trusted_proxy(build: Callable[..., Application], proxies: int, prefix: str) -> None:
    app = build(trusted_proxies=proxies)
    ada = member(app, "ada")
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
