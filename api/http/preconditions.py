"""Conditional requests (RFC 9110, section 13)."""

import hashlib
from collections.abc import Mapping
from typing import TypeVar

from flask import Response
from werkzeug.datastructures import ETags

from api.http.application import Request
from api.http.problems import HTTPProblem, abort
from api.http.target_uri import is_canonical, request_target
from api.store.queries import Revised

Row = TypeVar("Row", bound=Revised)
CACHE_CONTROL_PRIVATE = "no-cache, private"
CACHE_CONTROL_PUBLIC = "public, max-age=1, stale-while-revalidate=1"
"""For anonymous clients: a cache may serve it for a second, and for one more while it revalidates (RFC 5861).

Only for the canonical URL, so that a cache does not store one response under many keys.
"""


def add_etag(request: Request, response: Response, revision: str | None, *, is_read: bool) -> None:
    """Add the entity tag; turn the response to a read into 304 if `If-None-Match` has the tag.

    The tag is a hash of the body, because the names of an author or a new property change the body and no revision.
    Before it stands the revision, if there is one, for `If-Match`.
    """
    digest = hashlib.sha256(response.get_data(), usedforsecurity=False).hexdigest()[:32]
    etag = f"{revision}.{digest}" if revision else digest
    response.headers.add("ETag", f'"{etag}"')
    if not is_read:
        return
    is_public = not request.has_credentials and request.is_query_normal and is_canonical(request_target(request))
    response.headers.add("Cache-Control", CACHE_CONTROL_PUBLIC if is_public else CACHE_CONTROL_PRIVATE)
    if_none_match = request.environ.get("HTTP_IF_NONE_MATCH")
    # Most clients send a single tag, which needs no parsing. The comparison is weak (section 13.1.2).
    if if_none_match and (if_none_match == f'"{etag}"' or request.if_none_match.contains_weak(etag)):
        response.status_code = 304


def check_if_match(request: Request, row: Row) -> Row:
    """Return the row; 428 without `If-Match`, 412 unless it is `*` or has a tag with the row's revision.

    Section 13.1.1 requires strong comparison, which prevents lost updates. Equal revisions prevent them, too, and match
    after a change that is not one of the row, such as its author's name, and after a proxy has compressed the response.
    """
    request.is_precondition_checked, request.row_before = True, row
    if_match = request.headers.get("If-Match")
    if if_match is None:
        abort(428)
    # Section 13.2.2: `If-None-Match` comes second, and is false if it matches.
    if not _matches(if_match, request.if_match, row) or _matches(
        request.headers.get("If-None-Match"), request.if_none_match, row
    ):
        abort(412)
    return row


def _matches(field: str | None, tags: ETags, row: Row) -> bool:
    """Return whether a header field is `*` or has a tag with the row's revision."""
    # Not `star_tag`, which Werkzeug finds among other tags, too.
    return field == "*" or row.revision in map(_revision, tags.as_set(include_weak=True))


def must_create(request: Request) -> bool:
    """Return whether a PUT may only create, by `If-None-Match: *`, or only replace, by `If-Match`.

    428 without either, 400 with both. `If-None-Match` with entity tags is 400, too: it would replace any other version
    (section 13.1.2), and so lose updates.
    """
    if_match, if_none_match = (request.environ.get(name) for name in ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"))
    if if_match is None and if_none_match is None:
        abort(428, "Send `If-None-Match: *` to create it, or the `ETag` of the version that you read as `If-Match`.")
    if if_match is not None and if_none_match is not None:
        abort(400, "Send either `If-Match`, to replace it, or `If-None-Match: *`, to create it.")
    if if_none_match is not None and if_none_match.strip() != "*":
        abort(400, "Invalid If-None-Match: with `PUT` it must be `*`, to create it. Send `If-Match` to replace it.")
    return if_none_match is not None


def check_put(request: Request, row: Row | None, content: Mapping[str, object]) -> None:
    """412 unless the PUT may create what does not exist yet, or replace the version in `row` by `content`.

    A row that has the content already needs no matching tag: the change has been made (section 13.1.1).
    """
    request.is_precondition_checked, request.row_before = True, row
    if request.creates:
        if row is not None:
            raise exists()
    elif row is None:
        abort(412, "There is nothing to replace. Send `If-None-Match: *` to create it.")
    elif any(getattr(row, name) != value for name, value in content.items()):
        check_if_match(request, row)


def exists() -> HTTPProblem:
    """Return the problem of a PUT that may only create, if the resource exists."""
    return HTTPProblem(412, "It exists already. Read it, and send its `ETag` as `If-Match` to replace it.")


def _revision(tag: str | None) -> str:
    """Return the revision in a tag: all of it, or what is before the hash; a proxy may have appended `-gzip`."""
    # Werkzeug parses `""` as None.
    return (tag or "").partition(".")[0].removesuffix("-gzip")
