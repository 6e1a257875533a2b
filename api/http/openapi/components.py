"""Header fields and parameters that operations share."""

from api import constraints
from api.http.openapi.schemas import OPENAPI_VERSION
from api.http.store_errors import RETRY_AFTER
from api.json import JSONObject


def _list_of(item: str) -> str:
    """Return the pattern of a list of such items (RFC 9651, section 3.1)."""
    return f"^{item}(, {item})*$"


HEADERS: dict[str, JSONObject] = {
    "ETAG": {
        "description": "Identifies the representation. That of a user or a post begins with its `revision`.",
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
        "description": "The URL of the representation in the response, which is the `url` in it.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference", "maxLength": 2048},
        "example": "/items/1",
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
    409: {"Retry-After": "RetryAfterProgress"},
    415: {"Accept": "Accept", "Accept-Encoding": "AcceptEncoding"},
    429: {"Retry-After": "RetryAfter"},
    503: {"Retry-After": "RetryAfter"},
}
"""Of the responses that operations share, by status."""
UNSUPPORTED_PATCH = "UnsupportedPatch"
"""The response with 415 to PATCH, which has another header field (RFC 5789, section 2.2)."""
NOT_MODIFIED_AT_OTHER_URL = "NotModifiedAtOtherURL"
"""The response with 304 of a URL that is not that of the representation (RFC 9110, section 15.4.5)."""
SCHEMAS: dict[str, JSONObject] = {
    "Document": {
        "type": "object",
        "description": "An OpenAPI 3.1 document.",
        "properties": {
            "openapi": {"type": "string", "const": OPENAPI_VERSION, "examples": [OPENAPI_VERSION]},
            "info": {"type": "object", "additionalProperties": True, "description": "Title, version and purpose."},
            "paths": {"type": "object", "additionalProperties": True, "description": "The operations."},
            "components": {"type": "object", "additionalProperties": True, "description": "What operations share."},
        },
        "required": ["openapi", "info", "paths", "components"],
        "additionalProperties": True,
        "examples": [
            {"openapi": OPENAPI_VERSION, "info": {"title": "Items", "version": "1"}, "paths": {}, "components": {}}
        ],
    }
}
"""Of JSON that is not made of rows. An operation that returns it names it: `returns="Document"`."""
# The first two have no pattern: for one with quotes, schemathesis generates nothing valid.
PARAMETERS = {
    "IF_NONE_MATCH": {
        "name": "If-None-Match",
        "description": "304 if the current `ETag` is one of these, each in its quotes.",
        # Without an example, which some renderers would send with every read.
        "schema": {"type": "string"},
    },
    "IF_MATCH": {
        "name": "If-Match",
        "required": True,
        "description": (
            "The `ETag` of the version that you read, in its quotes, or its `revision` in quotes; `*` overwrites any "
            "version. Only revisions are compared: a new name of a post's author does not matter."
        ),
        # Without an example: "*" in Swagger UI's form would overwrite what others have changed.
        "schema": {"type": "string"},
    },
    "IF_MATCH_OR_NONE": {
        "name": "If-Match",
        "description": (
            "To replace it: the `ETag` of the version that you read, in its quotes, or its `revision` in quotes; `*` "
            "overwrites any version. Required without `If-None-Match`."
        ),
        "schema": {"type": "string"},
    },
    "IF_NONE_MATCH_ANY": {
        "name": "If-None-Match",
        "description": "`*` to create it, if there is none yet. Required without `If-Match`.",
        "schema": {"type": "string", "pattern": "^[*]$"},
    },
    "IDEMPOTENCY_KEY": {
        "name": "Idempotency-Key",
        "description": (
            "A unique key of your choice for this request, such as a UUID: visible ASCII characters other than a "
            "comma. For 24 hours, repeating the same bytes with the same key returns the first response and changes "
            "nothing. Another request with the key is 422, a concurrent one may be 409 or 503, a malformed key 400."
        ),
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": constraints.IDEMPOTENCY_KEY_MAX_LENGTH,
            "pattern": f"^{constraints.IDEMPOTENCY_KEY_PATTERN}$",
        },
    },
}
