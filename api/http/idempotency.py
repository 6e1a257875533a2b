"""Requests that clients may repeat safely (the IETF's draft-ietf-httpapi-idempotency-key-header).

Claiming the key, the effect and storing the response are one transaction: a request that fails leaves its key unused.
"""

import hashlib
import re

from flask import Response

from api import constraints, metrics
from api.http.application import Request
from api.http.problems import abort
from api.store import idempotency


def replay(request: Request, key: str) -> Response | None:
    """Return the stored response to the same request; None if this is the first one, which then owns the key.

    400 for a malformed key.
    """
    if len(key) > constraints.IDEMPOTENCY_KEY_MAX_LENGTH or not re.fullmatch(constraints.IDEMPOTENCY_KEY_PATTERN, key):
        abort(400, "Invalid Idempotency-Key: use 1 to 255 visible ASCII characters other than a comma.")
    stored = idempotency.claim(request.db, user_id=request.current_user.id, key=key, fingerprint=_fingerprint(request))
    if stored is None:
        return None
    metrics.REPLAYS.inc()
    return Response(stored.body, stored.status, stored.headers)


def store(request: Request, key: str, response: Response) -> None:
    """Store the response to the request that owns the key."""
    idempotency.store(
        request.db,
        user_id=request.current_user.id,
        key=key,
        status=response.status_code,
        headers=response.headers.to_wsgi_list(),
        body=response.get_data(),
    )


def _fingerprint(request: Request) -> bytes:
    """Hash what two requests must have in common to be the same: method, URL and body."""
    return hashlib.sha256(f"{request.method} {request.full_path}\n".encode() + request.get_data()).digest()
