"""Errors in the records of an archive that their schemas accept."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from api.json import JSONObject
from api.passwords import is_usable_hash

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far the clock of the server that wrote an archive may be ahead."""


def find_errors(content: JSONObject) -> Iterator[str]:
    """Yield what is wrong with a record that its schema accepts, each with the property."""
    created_at, latest = content.get("created_at"), datetime.now(UTC) + CLOCK_TOLERANCE
    if content.get("suspended_at") and content.get("role") == "admin":
        yield "suspended_at: Admins cannot be suspended."
    for name in ("created_at", "updated_at", "last_used_at", "liked_at", "followed_at", "suspended_at"):
        if (time := content.get(name)) is None:
            continue
        if time > latest:
            yield f"{name}: It is in the future. Check the clock of this machine and of the one that wrote the archive."
        elif name in {"liked_at", "followed_at"}:
            continue
        elif created_at is None:
            yield f"{name}: It requires created_at."
        elif time < created_at:
            yield f"{name}: It is before created_at."
    if "followed" in content and content["followed"] == content["user"]:
        yield "followed: Users cannot follow themselves."
    password_hash = content.get("password_hash")
    if password_hash is not None and not is_usable_hash(password_hash):
        yield "password_hash: Use an argon2id hash such as Pressroom writes, or null."
