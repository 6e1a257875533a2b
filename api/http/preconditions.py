"""Conditional requests (RFC 9110, section 13)."""

import hashlib
from typing import TypeVar

from flask import Response

from api.http.application import Request
from api.http.problems import abort
from api.http.target_uri import is_canonical, request_target
from api.json import dumps
from api.schemas.base import StrictSchema

Row = TypeVar("Row")
CACHE_CONTROL_PRIVATE = "no-cache, private"
CACHE_CONTROL_PUBLIC = "public, max-age=1, stale-while-revalidate=1"
"""For anonymous clients: a cache may serve it for a second, and for one more while it revalidates (RFC 5861).

Only for the canonical URL, so that a cache does not store one response under many keys.
"""


def add_etag(request: Request, response: Response, *, is_read: bool) -> None:
    """Add the entity tag; turn the response to a read into 304 if `If-None-Match` has the tag.

    The tag is a hash of the body: a version number would not change with a restored backup or a new property.
    """
    etag = _etag(response.get_data())
    response.headers.add("ETag", f'"{etag}"')
    if not is_read:
        return
    is_public = not request.has_credentials and is_canonical(request_target(request))
    response.headers.add("Cache-Control", CACHE_CONTROL_PUBLIC if is_public else CACHE_CONTROL_PRIVATE)
    if_none_match = request.environ.get("HTTP_IF_NONE_MATCH")
    # Most clients send a single tag, which needs no parsing. The comparison is weak (section 13.1.2).
    if if_none_match and (if_none_match == f'"{etag}"' or request.if_none_match.contains_weak(etag)):
        response.status_code = 304


def check_if_match(request: Request, schema: StrictSchema, row: Row) -> Row:
    """Return the row; 428 without `If-Match`, 412 unless it has the tag with which `row` is read.

    Section 13.1.1 requires strong comparison. Every tag sent here is strong, so a weak one was weakened by a proxy that
    compressed the response: it still identifies one version.
    """
    request.is_if_match_checked = True
    if "If-Match" not in request.headers:
        abort(428)
    if not request.if_match.contains_weak(_etag(dumps(schema.dump_row(row, request.root_path)))):
        abort(412)
    return row


def _etag(body: bytes) -> str:
    return hashlib.sha1(body, usedforsecurity=False).hexdigest()
