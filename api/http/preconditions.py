"""Conditional requests (RFC 9110, section 13)."""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response
from flask_smorest import abort
from marshmallow import Schema

from api.http.application import asked
from api.http.json import answer
from api.http.openapi.operations import documented
from api.http.transactions import READ_METHODS

OWN, SHARED = "no-cache, private", "public, max-age=1, stale-while-revalidate=1"
"""What caches may do with what is read with a token, and without one.

What strangers read may be given again for a second, and for one more while it is asked for anew (RFC 5861, section 3).
"""


class PreconditionsMixin:
    """Entity tags for a blueprint, in place of flask-smorest's."""

    @staticmethod
    def etag(func: Callable[..., Response]) -> Callable[..., Response]:
        """Tag what is answered; to a read, answer 304 while the client's copy is current.

        The tag is the hash of the answer: a number of versions would outlive a restored backup or a new member.
        Comparison is weak, as section 13.1.2 asks, so a copy that a proxy has compressed counts too.
        """

        @wraps(func)
        def wrapper(*args: object, **kwargs: object) -> Response:
            response = func(*args, **kwargs)
            if response.status_code == 204:
                return response
            tag = _tag(response.get_data())
            response.headers.add("ETag", f'"{tag}"')
            request = asked()
            environ = request.environ
            if environ["REQUEST_METHOD"] in READ_METHODS:
                response.headers.add("Cache-Control", OWN if "HTTP_AUTHORIZATION" in environ else SHARED)
                known = environ.get("HTTP_IF_NONE_MATCH")
                # Most clients send the one tag that they have: only others make a list to be read.
                if known and (known == f'"{tag}"' or request.if_none_match.contains_weak(tag)):
                    response.status_code = 304
            return response

        return documented(wrapper, etag=True)

    @staticmethod
    def check_etag(current: dict[str, Any], schema: Schema) -> None:
        """428 unless `If-Match` is sent, 412 unless it names the tag that `current` is read with.

        Section 13.1.1 asks for strong comparison. Every tag sent here is strong, so one that comes back weak was
        weakened by a proxy that compressed the answer: it still names one version, and who has it may edit.
        """
        request = asked()
        if "If-Match" not in request.headers:
            abort(428)
        if not request.if_match.contains_weak(_tag(answer(schema.dump(current)).get_data())):
            abort(412)


def _tag(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
