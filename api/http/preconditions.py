"""Conditional requests (RFC 9110, section 13)."""

from collections.abc import Callable
from copy import deepcopy
from functools import wraps

from flask import Response, request


class PreconditionsMixin:
    """Adds entity tags to the reads of a blueprint, in place of flask-smorest's."""

    @staticmethod
    def etag(func: Callable[..., Response]) -> Callable[..., Response]:
        """Answer 304 while the client's copy is current.

        The tag is the hash of the answer: a number of versions would outlive a restored backup or a new member.
        Comparison is weak, as section 13.1.2 asks, so a copy that a proxy has compressed counts too.
        """

        @wraps(func)
        def wrapper(*args: object, **kwargs: object) -> Response:
            response = func(*args, **kwargs)
            response.add_etag()
            response.cache_control.no_cache = True
            if "Authorization" in request.headers:
                response.cache_control.private = True
            if request.if_none_match.contains_weak(str(response.get_etag()[0])):
                response.status_code = 304
            return response

        wrapper._apidoc = {**deepcopy(getattr(func, "_apidoc", {})), "etag": True}  # type: ignore[attr-defined] # smorest's own way
        return wrapper
