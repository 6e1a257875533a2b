"""Requests that may be repeated (the IETF's draft-ietf-httpapi-idempotency-key-header)."""

import hashlib
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, request
from flask_smorest import abort

from api import constraints, metrics
from api.http.application import asked
from api.http.authentication import user
from api.http.openapi.operations import documented
from api.http.statuses import STATUSES
from api.http.transactions import connection
from api.store import idempotency


class IdempotencyMixin:
    """Adds to a blueprint operations that a client may repeat until there is an answer."""

    @staticmethod
    def idempotent(func: Callable[..., Response]) -> Callable[..., Response]:
        """Give the first answer again to who sends the same request with the same `Idempotency-Key`.

        Claim, effect and answer are one transaction: a request that fails leaves its key free. It stands between
        the body, which is read before the transaction begins, and the answer.
        """

        @wraps(func)
        def wrapper(*args: object, **kwargs: object) -> Response:
            key = asked().environ.get("HTTP_IDEMPOTENCY_KEY")
            if key is None:
                return func(*args, **kwargs)
            if len(key) > constraints.IDEMPOTENCY_KEY_MAX_LENGTH or not re.fullmatch(
                constraints.IDEMPOTENCY_KEY_PATTERN, key
            ):
                abort(
                    400,
                    message="The Idempotency-Key is malformed. Write 1 to 255 visible ASCII characters, no comma.",
                )
            this = {"user_id": user().id, "key": key}
            kept = idempotency.claim(connection(), **this, fingerprint=_fingerprint())
            if kept is not None:
                metrics.REPLAYS.inc()
                return Response(kept.body, kept.status, kept.headers)
            response = func(*args, **kwargs)
            headers, body = response.headers.to_wsgi_list(), response.get_data()
            idempotency.keep(connection(), **this, status=response.status_code, headers=headers, body=body)
            return response

        return documented(wrapper, idempotent=True)

    @staticmethod
    def _prepare_idempotency_doc(doc: dict[str, Any], doc_info: dict[str, Any], **_: Any) -> dict[str, Any]:
        if doc_info.get("idempotent"):
            doc.setdefault("parameters", []).append("IDEMPOTENCY_KEY")
            doc["responses"][409] = STATUSES[409].component
        return doc


def _fingerprint() -> bytes:
    """What makes a request the same: method, URL and body."""
    return hashlib.sha256(f"{request.method} {request.full_path}\n".encode() + request.get_data()).digest()
