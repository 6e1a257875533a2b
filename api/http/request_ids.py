"""Ids of requests: that which a proxy has sent, or a new one."""

import random
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_PATTERN = re.compile("[A-Za-z0-9._-]{8,64}")


def id_of(environ: "WSGIEnvironment") -> str:
    """Return the request's `X-Request-ID` if that is valid, else a new id."""
    sent = environ.get("HTTP_X_REQUEST_ID")
    # Not secret: reading random bytes from the operating system would cost a thread switch per request.
    return sent if sent and _PATTERN.fullmatch(sent) else f"{random.getrandbits(128):032x}"
