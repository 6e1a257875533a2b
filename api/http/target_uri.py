"""Checks of the target URI (RFC 9110, section 7.1): host, prefix and spelling."""

import re
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote, urlencode

import flask
from werkzeug.exceptions import NotFound

from api import constraints
from api.http.problems import abort

# RFC 3986, section 3.2.2: a name may have underscores and escapes, and may be empty.
_HOST_PATTERN = re.compile(
    r"(\[[A-Za-z0-9._~!$&'()*+,;=:%-]+\]|([A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(:[0-9]*)?"
)
_HOST_MAX_LENGTH = 255 + len(":65535")
_PREFIX_PATTERN = re.compile(constraints.URL_PREFIX_PATTERN)
_UNENCODED_PATTERN = re.compile(r"[A-Za-z0-9._~/-]*(\?[A-Za-z0-9._~&=-]+)?")


def check(request: flask.Request) -> None:
    """400 for an invalid host or prefix; 404 for `//items` and `/items%2F1`, which Werkzeug and WSGI rewrite."""
    environ = request.environ
    if prefix := environ.get("SCRIPT_NAME"):
        _check_prefix(request, prefix)
    _check_host(environ.get("HTTP_HOST"), environ["SERVER_PROTOCOL"])
    if environ["PATH_INFO"].startswith("//") or _has_encoded_slash(request_target(request)):
        raise NotFound


def _has_encoded_slash(target: str) -> bool:
    return "%" in target and "%2f" in target.partition("?")[0].lower()


def _check_prefix(request: flask.Request, prefix: str) -> None:
    # It begins every URL in responses.
    if not (_PREFIX_PATTERN.fullmatch(prefix) and len(prefix) <= constraints.URL_PREFIX_MAX_LENGTH):
        request.root_path = ""
        abort(400, "The request is malformed: the proxy must send a path such as `/api` as `X-Forwarded-Prefix`.")


@lru_cache(maxsize=1024)
def _check_host(host: str | None, protocol: str) -> None:
    # RFC 9112, section 3.2.
    if host is None:
        is_valid = protocol != "HTTP/1.1"
    else:
        is_valid = len(host) <= _HOST_MAX_LENGTH and _HOST_PATTERN.fullmatch(host) is not None
    if not is_valid:
        abort(400, "The request is malformed: `Host` is missing, invalid or too long. Send HOST or HOST:PORT.")


def request_target(request: flask.Request) -> str:
    """Return the path and query as the client sent them (RFC 9112, section 3.2)."""
    environ = request.environ
    return environ.get("RAW_URI") or environ.get("REQUEST_URI", "")  # type: ignore[no-any-return] # text


def is_canonical(target: str) -> bool:
    """Return whether a path with a query is spelt as the URLs in responses are.

    Other spellings are equivalent (RFC 3986, section 6.2.2), but would be keys of their own in a shared cache. Only
    commas may be encoded or not, as in `body,html`.
    """
    if _UNENCODED_PATTERN.fullmatch(target):
        return True
    path, delimiter, query = target.partition("?")
    return (
        quote(unquote(path), safe="/:@!$&'()*+,;=~") == path
        and query in {urlencode(parse_qsl(query, keep_blank_values=True), safe=safe) for safe in ("", ",")}
        and bool(delimiter) == bool(query)
    )
