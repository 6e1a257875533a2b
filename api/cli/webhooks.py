"""Messages of Standard Webhooks (https://www.standardwebhooks.com), sent to URLs of the operator's."""

import base64
import hashlib
import hmac
import re
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import urlsplit

from api.cli.bounded_response import BoundedResponse

SECRET_PREFIX = "whsec_"  # noqa: S105 (not a secret)
SECRET_MIN_BYTES, SECRET_MAX_BYTES = 24, 64
TIMEOUT_SECONDS = 5.0
"""For the connection to each address of the receiver, and again for its response."""
_WITH_PATH = re.compile(r"((?:\w+:/{0,2})?+[^/?#]*+/?+).+", re.DOTALL)


class Message(NamedTuple):
    """A message; one that is sent again has the same id, and a signature of its own."""

    id: str
    body: bytes


def parse_secret(text: str) -> bytes:
    """Return the bytes of a secret; `ValueError` if it is not one of Standard Webhooks."""
    prefix, _, encoded = text.strip().partition("_")
    try:
        secret = base64.b64decode(encoded, validate=True)
    except ValueError:
        secret = b""
    if f"{prefix}_" != SECRET_PREFIX or not SECRET_MIN_BYTES <= len(secret) <= SECRET_MAX_BYTES:
        raise ValueError("write `whsec_` and 24 to 64 random bytes in Base64.")
    return secret


def parse_url(text: str) -> str:
    """Return a URL to which messages can be sent; `ValueError` if it is none."""
    try:
        parts = urlsplit(text)
        # Names that cannot be looked up raise an error, such as those with a label of more than 63 characters.
        is_valid = parts.scheme in {"http", "https"} and (parts.hostname or "").encode("idna") and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid or "@" in parts.netloc or not text.isascii() or not text.isprintable() or " " in text:
        advice = "write one such as https://search.example/hook, without a username."
        raise ValueError(f"Invalid URL {_without_secrets(text)!r}: {advice}")
    return text


def _without_secrets(text: str) -> str:
    """Return an invalid URL without its username, password, path and query."""
    _, at, rest = text.rpartition("@")
    match = _WITH_PATH.fullmatch(rest)
    return f"{at and '…@'}{match[1]}…" if match else f"{at and '…@'}{rest}"


def origin(url: str) -> str:
    """Return a valid URL without its path and query, which may be secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def sign(secret: bytes, message: Message, timestamp: int) -> str:
    """Return the signature of a message at a time."""
    signed = b"%s.%d.%s" % (message.id.encode(), timestamp, message.body)
    return f"v1,{base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()}"


def send(url: str, secret: bytes, message: Message) -> str | None:
    """Send a message, and return what went wrong; None if the status is 2xx. Redirects are not followed."""
    timestamp = int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "pressroom",
        "webhook-id": message.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, message, timestamp),
    }
    parts = urlsplit(url)
    # With no port, http.client takes the last group of an IPv6 address for it.
    connection_type, port = (HTTPSConnection, 443) if parts.scheme == "https" else (HTTPConnection, 80)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with closing(connection_type(parts.hostname or "", parts.port or port, timeout=TIMEOUT_SECONDS)) as connection:
            connection.connect()
            deadline = time.monotonic() + TIMEOUT_SECONDS
            connection.request("POST", target, message.body, headers)
            response = BoundedResponse(connection.sock, deadline)
            response.begin()
    except (OSError, HTTPException, UnicodeError) as error:
        return str(error) or type(error).__name__
    return None if 200 <= response.status < 300 else f"status {response.status}"
