"""Quotas: what an account may write in a day."""

from api import metrics
from api.http.application import Request
from api.http.parsing import Values
from api.http.problems import abort
from api.json import dumps
from api.store import usage
from api.store.columns import now

MIB = 1024 * 1024
_SECONDS_PER_DAY = 86_400


def count(request: Request, content: Values, *, creates: bool) -> None:
    """Count what the request has written; 429 if it exceeds a daily quota.

    Bytes are those of the content, however the client encodes it. It is part of the request's transaction: concurrent
    requests cannot both take what is left, and an error undoes what has been written.
    """
    settings = request.app.settings
    quotas = usage.Usage(settings.posts_per_day, settings.megabytes_per_day * MIB)
    if settings.rate_limits == "off" or not any(quotas):
        return
    db, user = request.db, request.current_user
    if user.role == "admin":
        return
    size = len(dumps(content))
    used = usage.add(db, user_id=user.id, posts=int(creates), size=size)
    if creates and 0 < quotas.posts < used.posts:
        _reject("posts-per-day", f"{quotas.posts} posts and comments")
    if 0 < quotas.bytes < used.bytes:
        _reject("megabytes-per-day", f"{settings.megabytes_per_day} MiB")


def _reject(name: str, quota: str) -> None:
    metrics.RATE_LIMITED.labels(name).inc()
    timestamp = now()
    seconds = _SECONDS_PER_DAY - (timestamp.hour * 3600 + timestamp.minute * 60 + timestamp.second)
    message = f"Quota exceeded: {quota} per account and day in UTC. Try again after `Retry-After` seconds."
    abort(429, message, code="quota-exceeded", headers={"Retry-After": str(seconds)})
