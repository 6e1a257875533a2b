"""Messages of Standard Webhooks (https://www.standardwebhooks.com), sent to URLs of the operator's."""

import base64
import binascii
import hashlib
import hmac
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import urlsplit

SECRET_PREFIX = "whsec_"  # noqa: S105 (not a secret)
SECRET_MIN_BYTES, SECRET_MAX_BYTES = 24, 64
TIMEOUT_SECONDS = 5.0
"""For the connection, and again for the response."""


class Message(NamedTuple):
    """A message; one that is sent again has the same id, and a signature of its own."""

    id: str
    body: bytes


def parse_secret(text: str) -> bytes:
    """Return the bytes of a secret; `ValueError` if it is not one of Standard Webhooks."""
    prefix, _, encoded = text.strip().partition("_")
    try:
        secret = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        secret = b""
    if f"{prefix}_" != SECRET_PREFIX or not SECRET_MIN_BYTES <= len(secret) <= SECRET_MAX_BYTES:
        raise ValueError("Write `whsec_` and 24 to 64 random bytes in Base64.")
    return secret


def parse_url(text: str) -> str:
    """Return a URL to which messages can be sent; `ValueError` if it is none."""
    try:
        parts = urlsplit(text)
        is_valid = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number
        is_valid = False
    if not is_valid or "@" in parts.netloc or not text.isascii() or not text.isprintable() or " " in text:
        message = f"Invalid URL {text!r}: write one such as https://search.example/hook, without a username."
        raise ValueError(message)
    return text


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
    connection_type = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with closing(connection_type(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)) as connection:
            connection.request("POST", target, message.body, headers)
            status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return str(error) or type(error).__name__
    return None if 200 <= status < 300 else f"status {status}"
