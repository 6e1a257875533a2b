"""A: a bare WSGI callable. What gunicorn and SQLite themselves cost."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import raw

JSON = ("Content-Type", "application/json")


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The application."""
    status, headers, body = _answer(environ)
    if body:
        headers = [JSON, *headers]
    start_response(status, [*headers, ("Content-Length", str(len(body)))] if status[:3] != "304" else headers)
    return [body]


def _answer(environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    if path == "/posts":
        if method == "POST":
            return _publish(environ)
        if method == "GET":
            return _browse(environ)
    if method == "GET" and path[:7] == "/posts/" and path[7:].isdecimal():
        return _read(int(path[7:]), environ.get("HTTP_IF_NONE_MATCH"))
    return "404 Not Found", [], b""


def _read(identity: int, known: str | None) -> tuple[str, list[tuple[str, str]], bytes]:
    if known is not None and known == raw.version(identity):
        return "304 Not Modified", [("ETag", known)], b""
    found = raw.one(identity)
    if found is None:
        return "404 Not Found", [], b""
    return "200 OK", [("ETag", found[1])], found[0]


def _browse(environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    try:
        body, link = raw.page(parse_qs(environ["QUERY_STRING"]).get("cursor", [None])[0])
    except ValueError:
        return "422 Unprocessable Content", [], b""
    return "200 OK", [("Link", link)] if link else [], body


def _publish(environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    author = raw.bearer(environ.get("HTTP_AUTHORIZATION"))
    if author is None:
        return "401 Unauthorized", [("WWW-Authenticate", "Bearer")], b""
    try:
        body, url, tag = raw.publish(author, environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    except ValueError:
        return "422 Unprocessable Content", [], b""
    return "201 Created", [("Location", url), ("ETag", tag)], body
