"""The header fields of requests and answers, as the document describes them."""

from typing import Any

from api import constraints
from api.http.problems import RETRY_AFTER


def _listed(member: str) -> str:
    """The pattern of a list of such members (RFC 9651, section 3.1)."""
    return f"^{member}(, {member})*$"


HEADERS: dict[str, dict[str, Any]] = {
    "ETAG": {
        "description": "What the representation is known by, for `If-None-Match` and `If-Match`.",
        "required": True,
        "schema": {"type": "string", "maxLength": 128, "pattern": '^"[!#-~]+"$'},
        "example": '"0a4d55a8d778e5022fab701977c5d840bbc486d0"',
    },
    "Location": {
        "description": "The URL of what was created.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference", "maxLength": 2048},
        "example": "/posts/1",
    },
    "Link": {
        "description": "The next page (RFC 8288); not sent with the last one.",
        "schema": {"type": "string", "maxLength": 4096, "pattern": '^<[!-;=?-~]+>; rel="next"$'},
        "example": '</posts?cursor=00e320dec85dc41c0000000000000002>; rel="next"',
    },
    "WWWAuthenticate": {
        "description": "How to sign in.",
        "required": True,
        "schema": {
            "type": "string",
            "maxLength": 256,
            "pattern": (
                '^(Bearer realm="Pressroom"(, error="invalid_token")?|Basic realm="Pressroom", charset="UTF-8")$'
            ),
        },
        "example": 'Bearer realm="Pressroom"',
    },
    "Accept": {
        "description": "The media types that are taken.",
        "required": True,
        "schema": {"type": "string", "enum": ["application/json"]},
        "example": "application/json",
    },
    "AcceptEncoding": {
        "description": "The codings that are taken: none.",
        "required": True,
        "schema": {"type": "string", "enum": ["identity"]},
        "example": "identity",
    },
    "RateLimit": {
        "description": "Of each limit that counts here: requests left (r), and seconds until its window ends (t).",
        "schema": {"type": "string", "maxLength": 256, "pattern": _listed('"[a-z-]+";r=[0-9]+;t=[0-9]+')},
        "example": '"writes";r=299;t=60',
    },
    "RateLimitPolicy": {
        "description": "Each limit that counts here: how many requests (q) in how many seconds (w).",
        "schema": {"type": "string", "maxLength": 256, "pattern": _listed('"[a-z-]+";q=[0-9]+;w=[0-9]+')},
        "example": '"writes";q=300;w=60',
    },
    "RetryAfterProgress": {
        "description": "Seconds to wait, if it is a request in progress that stands against this one.",
        "schema": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 86400},
        "example": RETRY_AFTER,
    },
    "RetryAfter": {
        "description": "Seconds to wait before the next try.",
        "required": True,
        "schema": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 86400},
        "example": RETRY_AFTER,
    },
}
# Any answer that is counted says so; HEADERS_OF those that operations share, beyond that.
COUNTED = {"RateLimit": "RateLimit", "RateLimit-Policy": "RateLimitPolicy"}
HEADERS_OF = {
    304: {"ETag": "ETAG"},
    401: {"WWW-Authenticate": "WWWAuthenticate"},
    409: {"Retry-After": "RetryAfterProgress"},
    415: {"Accept": "Accept", "Accept-Encoding": "AcceptEncoding"},
    429: {"Retry-After": "RetryAfter"},
    503: {"Retry-After": "RetryAfter"},
}
# The first two have no pattern: with one that has quotes, schemathesis draws nothing valid.
PARAMETERS = {
    "IF_NONE_MATCH": {
        "name": "If-None-Match",
        "description": "Answer 304 if the current `ETag` is one of these, each in its quotes.",
        # Not beside the schema, whence Swagger UI would send it with every read.
        "schema": {"type": "string", "examples": ['"0a4d55a8d778e5022fab701977c5d840bbc486d0"']},
    },
    "IF_MATCH": {
        "name": "If-Match",
        "required": True,
        "description": "The `ETag` of what you have read, in its quotes; `*` overwrites whatever is there.",
        "schema": {"type": "string"},
        "example": "*",
    },
    "IDEMPOTENCY_KEY": {
        "name": "Idempotency-Key",
        "description": (
            "A name of your own for this request, such as a UUID: visible ASCII characters without a comma. Within 24 "
            "hours, the same bytes with the same key get the first answer again and change nothing; another request "
            "with it is 422, and one that is sent while the first is in progress may be 409 or 503. Malformed: 400."
        ),
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": constraints.IDEMPOTENCY_KEY_MAX_LENGTH,
            "pattern": f"^{constraints.IDEMPOTENCY_KEY_PATTERN}$",
        },
    },
}
