"""A: a bare WSGI callable: the cost of gunicorn and SQLite themselves."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import raw

JSON = ("Content-Type", "application/json")


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Serve a request."""
    status, headers, body = _respond(environ)
    if body:
        headers = [JSON, *headers]
    start_response(status, [*headers, ("Content-Length", str(len(body)))] if status[:3] != "304" else headers)
    return [body]


def _respond(environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    if path == "/posts":
        if method == "POST":
            return _publish(environ)
        if method == "GET":
            return _browse(environ)
    if method == "GET" and path[:7] == "/posts/" and path[7:].isdecimal():
        return _read(int(path[7:]), environ.get("HTTP_IF_NONE_MATCH"))
    return "404 Not Found", [], b""


def _read(post_id: int, known: str | None) -> tuple[str, list[tuple[str, str]], bytes]:
    if known is not None and known == raw.etag(post_id):
        return "304 Not Modified", [("ETag", known)], b""
    post = raw.read(post_id)
    if post is None:
        return "404 Not Found", [], b""
    return "200 OK", [("ETag", post[1])], post[0]


def _browse(environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    try:
        body, link = raw.page(parse_qs(environ["QUERY_STRING"]).get("cursor", [None])[0])
    except ValueError:
        return "422 Unprocessable Content", [], b""
    return "200 OK", [("Link", link)] if link else [], body


def _publish(environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    author = raw.user(environ.get("HTTP_AUTHORIZATION"))
    if author is None:
        return "401 Unauthorized", [("WWW-Authenticate", "Bearer")], b""
    try:
        body, url, etag = raw.publish(author, environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    except ValueError:
        return "422 Unprocessable Content", [], b""
    return "201 Created", [("Location", url), ("ETag", etag)], body
