"""Schemas and parameters that operations share."""

from api import constraints
from api.http.openapi.schemas import OPENAPI_VERSION
from api.json import JSONObject

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
