"""Rate limits (RFC 6585, section 4).

The fields `RateLimit` and `RateLimit-Policy` are those of the IETF's draft-ietf-httpapi-ratelimit-headers.
"""

from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network
from math import ceil
from typing import NamedTuple

from flask import Response, after_this_request
from limits import RateLimitItem, parse

from api import metrics
from api.http.addresses import parse_address
from api.http.application import Request
from api.http.problems import abort
from api.http.rate_limit_store import Window


class RateLimit(NamedTuple):
    """A limit on how many requests with the same key are processed in a window of time."""

    name: str
    quota: RateLimitItem
    key: Callable[[Request], str | None]
    """Requests whose key is None are not counted."""
    after_authentication: bool = False
    """Whether it is checked after authentication, because the key depends on the user."""
    in_sign_in: bool = False
    """Whether `sign_in` checks it, because the key may be in the body."""

    @property
    def description(self) -> str:
        """The limit in words."""
        return f"{self.quota.amount} requests in {self.quota.get_expiry()} seconds ({self.name})"


def client_address(request: Request) -> str:
    """Return the client's address, or the /64 of an IPv6 address: a single customer has a complete /64."""
    address = parse_address(request.remote_addr or "")
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), 64), strict=False))
    return str(address) if address else "unknown"  # a Unix socket without a trusted proxy


def user_id(request: Request) -> str | None:
    """Return the id of the authenticated user."""
    return str(request.viewer.id) if request.viewer else None


WRITES = RateLimit("writes", parse("300 per minute"), user_id, after_authentication=True)


def check(request: Request, limits: tuple[RateLimit, ...]) -> None:
    """Count the request; 429 if it exceeds one of `limits`."""
    store = request.app.rate_limits
    if store is None:
        return
    counted: list[tuple[RateLimit, Window]] = []
    allowed = True
    for limit in limits:
        if (key := limit.key(request)) is not None:
            allowed, window = store.hit(limit.quota, limit.name, key)
            counted.append((limit, window))
        if not allowed:
            break

    @after_this_request
    def _add_fields(response: Response) -> Response:
        policies, windows = [], []
        for limit, window in counted:
            policies.append(f'"{limit.name}";q={limit.quota.amount};w={limit.quota.get_expiry()}')
            windows.append(f'"{limit.name}";r={window.remaining};t={_seconds_left(window)}')
        for name, items in (("RateLimit-Policy", policies), ("RateLimit", windows)):
            response.headers[name] = ", ".join([*response.headers.get_all(name), *items])
        return response

    if not allowed:
        limit, window = counted[-1]
        metrics.RATE_LIMITED.labels(limit.name).inc()
        message = f"Rate limit exceeded: {limit.description}. Try again after `Retry-After` seconds."
        abort(429, message, headers={"Retry-After": str(_seconds_left(window))})


def _seconds_left(window: Window) -> int:
    """Return the seconds until the window ends."""
    return max(1, ceil(window.seconds_left))
