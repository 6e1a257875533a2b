"""How often: what could be abused is counted, and refused when it is too much (RFC 6585, section 4).

The fields `RateLimit` and `RateLimit-Policy` are those of the IETF's draft-ietf-httpapi-ratelimit-headers.
"""

import re
import time
from collections.abc import Callable
from functools import wraps
from ipaddress import IPv4Address, IPv6Network, ip_address
from math import ceil
from typing import Any, NamedTuple

from flask import Response, after_this_request, request
from flask_smorest import abort
from limits import RateLimitItem, WindowStats, parse

from api import constraints, metrics
from api.http.application import current_application
from api.http.authentication import basic, viewer
from api.http.openapi.components import COUNTED
from api.http.openapi.operations import documented
from api.http.rate_limit_store import RateLimitStore
from api.http.statuses import STATUSES


class Policy(NamedTuple):
    """A limit: its name, how many requests in what time, and whose are counted together (None's are not)."""

    name: str
    limit: RateLimitItem
    whose: Callable[[], str | None]

    @property
    def quota(self) -> str:
        """The limit, in words."""
        return f"{self.limit.amount} requests in {self.limit.get_expiry()} seconds ({self.name})"


def _address() -> str:
    """The address that asks. One customer has a whole /64 of IPv6, and so has one attacker."""
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"  # behind a socket of Unix, unless a proxy is trusted to tell
    if isinstance(address, IPv4Address):
        return str(address)
    # On a socket of both families, clients of IPv4 have such addresses.
    return str(address.ipv4_mapped or IPv6Network((int(address), 64), strict=False))


def _registrars_address() -> str | None:
    known = viewer()
    return None if known and known.role == "admin" else _address()


def _username() -> str | None:
    """Whose password is tried, as it will be read when it is judged."""
    tried = basic.get_auth()
    return tried.username if tried and re.fullmatch(constraints.USERNAME_PATTERN, tried.username or "") else None


def _user() -> str | None:
    known = viewer()
    return str(known.id) if known else None


SIGN_IN_BY_ADDRESS = Policy("sign-in-address", parse("60 per 15 minutes"), _address)
SIGN_IN_BY_USERNAME = Policy("sign-in-username", parse("20 per 15 minutes"), _username)
# Not that of signing in: a stranger who uses that up must not keep the user from changing the password.
# Each may prove two passwords.
PASSWORD_CHANGE = Policy("password-change", parse("10 per 15 minutes"), _user)
REGISTRATION = Policy("registration", parse("20 per hour"), _registrars_address)
WRITES = Policy("writes", parse("300 per minute"), _user)


class RateLimitsMixin:
    """Adds to a blueprint operations that are done only so often. Others are not even looked at."""

    @staticmethod
    def limited(*policies: Policy) -> Callable[..., Any]:
        """Refuse with 429 what exceeds one of `policies`, whatever would have become of it.

        It stands below the judgement of who asks if it counts by user, and above it if proving that is what it limits.
        """

        def decorator(func: Callable[..., Response]) -> Callable[..., Response]:
            @wraps(func)
            def wrapper(*args: object, **kwargs: object) -> Response:
                counters = current_application().rate_limits
                if counters:
                    _count(counters, policies)
                return func(*args, **kwargs)

            return documented(wrapper, limited=policies)

        return decorator

    @staticmethod
    def _prepare_rate_limits_doc(doc: dict[str, Any], doc_info: dict[str, Any], **_: Any) -> dict[str, Any]:
        if policies := doc_info.get("limited"):
            doc_info["docstring"]["description"] += f"\n\nLimited to {', '.join(each.quota for each in policies)}."
            for status in doc_info["success_status_codes"]:
                doc["responses"][status].setdefault("headers", {}).update(COUNTED)
            doc["responses"][429] = STATUSES[429].component
        return doc


def _count(counters: RateLimitStore, policies: tuple[Policy, ...]) -> None:
    counted: list[tuple[Policy, WindowStats]] = []
    allowed = True
    for policy in policies:
        if (whose := policy.whose()) is not None:
            allowed, window = counters.hit(policy.limit, policy.name, whose)
            counted.append((policy, window))
        if not allowed:
            break

    @after_this_request
    def _tell(response: Response) -> Response:
        told = [(f'"{policy.name}"', policy.limit, window) for policy, window in counted]
        quotas = (f"{name};q={limit.amount};w={limit.get_expiry()}" for name, limit, _ in told)
        windows = (f"{name};r={window.remaining};t={_seconds(window)}" for name, _, window in told)
        response.headers["RateLimit-Policy"] = ", ".join(quotas)
        response.headers["RateLimit"] = ", ".join(windows)
        return response

    if not allowed:
        policy, window = counted[-1]
        metrics.RATE_LIMITED.labels(policy.name).inc()
        message = f"You have made more than {policy.quota}. Try again when `Retry-After` says."
        abort(429, message=message, headers={"Retry-After": str(_seconds(window))})


def _seconds(window: WindowStats) -> int:
    """Until the window ends and everything is allowed again."""
    return max(1, ceil(window.reset_time - time.time()))
