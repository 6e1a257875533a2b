"""Conditional requests (RFC 9110, section 13)."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, jsonify, request
from flask_smorest import abort
from marshmallow import Schema

from api.http.documentation import documented
from api.http.transactions import SAFE


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
            if response.status_code != 204:
                response.add_etag()
            if request.method in SAFE:
                response.cache_control.no_cache = True
                if "Authorization" in request.headers:
                    response.cache_control.private = True
                if request.if_none_match.contains_weak(str(response.get_etag()[0])):
                    response.status_code = 304
            return response

        return documented(wrapper, etag=True)

    @staticmethod
    def check_etag(current: dict[str, Any], schema: Schema) -> None:
        """428 unless `If-Match` is sent, 412 unless it names the tag that `current` is read with.

        Section 13.1.1 asks for strong comparison. Every tag sent here is strong, so one that comes back weak was
        weakened by a proxy that compressed the answer: it still names one version, and who has it may edit.
        """
        if "If-Match" not in request.headers:
            abort(428)
        read = jsonify(schema.dump(current))
        read.add_etag()
        if not request.if_match.contains_weak(str(read.get_etag()[0])):
            abort(412)
