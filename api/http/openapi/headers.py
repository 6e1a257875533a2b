"""Header fields that operations share."""

from api.http.store_errors import RETRY_AFTER
from api.json import JSONObject


def _list_of(item: str) -> str:
    """Return the pattern of a list of such items (RFC 9651, section 3.1)."""
    return f"^{item}(, {item})*$"


HEADERS: dict[str, JSONObject] = {
    "ETAG": {
        "description": "Identifies the representation. That of a user, post or comment begins with its `revision`.",
        "required": True,
        "schema": {"type": "string", "maxLength": 128, "pattern": '^"[!#-~]+"$'},
        "example": '"7d3f0c2a91b8e654.1f8ac10f23c5b5bc1167bda84b833e5c"',
    },
    "Location": {
        "description": "The URL of the created resource.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference", "maxLength": 2048},
        "example": "/items/1",
    },
    "ContentLocation": {
        "description": "The URL of the representation in the response: the `url` in it, with the query of a read.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference", "maxLength": 2048},
        "example": "/items/1",
    },
    "ContentDisposition": {
        "description": "The name of the file to store it in.",
        "required": True,
        "schema": {"type": "string", "maxLength": 256, "pattern": '^attachment; filename="[a-z0-9._-]+"$'},
        "example": 'attachment; filename="ada.ndjson"',
    },
    "Link": {
        "description": "The next page (RFC 8288); absent on the last.",
        "schema": {"type": "string", "maxLength": 4096, "pattern": '^<[!-;=?-~]+>; rel="next"$'},
        "example": '</items?cursor=00e320dec85dc41c0000000000000002>; rel="next"',
    },
    "WWWAuthenticate": {
        "description": "How to authenticate.",
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
    "WWWAuthenticateScope": {
        "description": "The scope that the token needs, if that is the reason (RFC 6750, section 3.1).",
        "schema": {
            "type": "string",
            "maxLength": 256,
            "pattern": '^Bearer realm="Pressroom", error="insufficient_scope", scope="write"$',
        },
        "example": 'Bearer realm="Pressroom", error="insufficient_scope", scope="write"',
    },
    "Accept": {
        "description": "The accepted media types.",
        "required": True,
        "schema": {"type": "string", "const": "application/json"},
        "example": "application/json",
    },
    "AcceptEncoding": {
        "description": "The accepted content codings: none.",
        "required": True,
        "schema": {"type": "string", "const": "identity"},
        "example": "identity",
    },
    "AcceptPatch": {
        "description": "The media types that `PATCH` accepts (RFC 5789).",
        "required": True,
        "schema": {"type": "string", "const": "application/json"},
        "example": "application/json",
    },
    "RateLimit": {
        "description": "For each limit that applies: remaining requests (r) and seconds until its window ends (t).",
        "schema": {"type": "string", "maxLength": 256, "pattern": _list_of('"[a-z-]+";r=[0-9]+;t=[0-9]+')},
        "example": '"writes";r=299;t=60',
    },
    "RateLimitPolicy": {
        "description": "For each limit that applies: requests (q) per window of seconds (w).",
        "schema": {"type": "string", "maxLength": 256, "pattern": _list_of('"[a-z-]+";q=[0-9]+;w=[0-9]+')},
        "example": '"writes";q=300;w=60',
    },
    "RetryAfterProgress": {
        "description": "Seconds to wait, if the conflict is with a request in progress.",
        "schema": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 86400},
        "example": RETRY_AFTER,
    },
    "RetryAfter": {
        "description": "Seconds to wait before trying again.",
        "required": True,
        "schema": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 86400},
        "example": RETRY_AFTER,
    },
}
RATE_LIMIT_HEADERS = {"RateLimit": "RateLimit", "RateLimit-Policy": "RateLimitPolicy"}
"""Of every response to a rate-limited operation."""
RESPONSE_HEADERS = {
    304: {"ETag": "ETAG"},
    401: {"WWW-Authenticate": "WWWAuthenticate"},
    403: {"WWW-Authenticate": "WWWAuthenticateScope"},
    409: {"Retry-After": "RetryAfterProgress"},
    415: {"Accept": "Accept", "Accept-Encoding": "AcceptEncoding"},
    429: {"Retry-After": "RetryAfter"},
    503: {"Retry-After": "RetryAfter"},
}
"""Of the responses that operations share, by status."""
