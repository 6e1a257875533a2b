"""The header fields of answers, as the document describes them."""

from api.http.problems import RETRY_AFTER

HEADERS = {
    "ETAG": {
        "description": "What the representation is known by, for `If-None-Match` and `If-Match`.",
        "required": True,
        "schema": {"type": "string", "maxLength": 128, "pattern": '^"[!#-~]{1,126}"$'},
        "example": '"1-1"',
    },
    "Location": {
        "description": "The URL of what was created.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference", "maxLength": 2048},
        "example": "/posts/1",
    },
    "Link": {
        "description": "The next page (RFC 8288); not sent with the last one.",
        "schema": {"type": "string", "maxLength": 4096},
        "example": '</posts?cursor=00e320dec85dc41c0000000000000002>; rel="next"',
    },
    "WWWAuthenticate": {
        "description": "How to sign in.",
        "required": True,
        "schema": {"type": "string", "maxLength": 256},
        "example": 'Bearer realm="Pressroom"',
    },
    "Accept": {
        "description": "The media types that are taken.",
        "required": True,
        "schema": {"type": "string", "maxLength": 256},
        "example": "application/json",
    },
    "RetryAfter": {
        "description": "Seconds to wait before the next try.",
        "required": True,
        "schema": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 86400},
        "example": RETRY_AFTER,
    },
}
HEADERS_OF = {
    304: {"ETag": "ETAG"},
    401: {"WWW-Authenticate": "WWWAuthenticate"},
    415: {"Accept": "Accept"},
    503: {"Retry-After": "RetryAfter"},
}
