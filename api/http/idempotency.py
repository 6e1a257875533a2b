"""Requests that clients may repeat safely (the IETF's draft-ietf-httpapi-idempotency-key-header).

Claiming the key, the effect and storing the response are one transaction: a request that fails leaves its key unused.
"""

import hashlib
import re
from collections.abc import Sequence

import orjson
from flask import Response

from api import constraints, metrics
from api.http.application import Request
from api.http.parsing import Values
from api.http.problems import abort
from api.json import dumps
from api.store import idempotency

_LONG_TEXT = 256


def replay(request: Request, key: str, content: Values) -> Response | None:
    """Return the stored response to the same request; None if this is the first one, which then owns the key.

    400 for a malformed key.
    """
    if len(key) > constraints.IDEMPOTENCY_KEY_MAX_LENGTH or not re.fullmatch(constraints.IDEMPOTENCY_KEY_PATTERN, key):
        abort(400, "Invalid Idempotency-Key: use 1 to 255 visible ASCII characters other than a comma.")
    stored = idempotency.claim(request.db, user_id=request.current_user.id, key=key, fingerprint=_fingerprint(request))
    if stored is None:
        return None
    metrics.REPLAYS.inc()
    return Response(_restore(stored.body, stored.omitted or (), content), stored.status, stored.headers)


def store(request: Request, key: str, response: Response, content: Values) -> None:
    """Store the response to the request that owns the key, without the long text that the request has, too."""
    body, omitted = _omit(response.get_data(), content)
    idempotency.store(
        request.db,
        user_id=request.current_user.id,
        key=key,
        status=response.status_code,
        headers=response.headers.to_wsgi_list(),
        body=body,
        omitted=omitted,
    )


def _omit(body: bytes, content: Values) -> tuple[bytes, list[str]]:
    """Return a JSON object with null in place of long text that `content` has, too, and the names of such text."""
    if len(body) < _LONG_TEXT:
        return body, []
    properties = orjson.loads(body)
    omitted = [
        name
        for name, value in properties.items()
        if isinstance(value, str) and len(value) >= _LONG_TEXT and content.get(name) == value
    ]
    return dumps({**properties, **dict.fromkeys(omitted)}) if omitted else body, omitted


def _restore(body: bytes, omitted: Sequence[str], content: Values) -> bytes:
    """Return the JSON object with the properties that `_omit` has omitted."""
    return dumps({**orjson.loads(body), **{name: content[name] for name in omitted}}) if omitted else body


def _fingerprint(request: Request) -> bytes:
    """Hash what two requests must have in common to be the same: method, URL and body."""
    return hashlib.sha256(f"{request.method} {request.full_path}\n".encode() + request.get_data()).digest()
