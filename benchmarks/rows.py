"""The rows of the benchmark databases: a function of their numbers, so they are the same on every machine."""

import hashlib
import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

USERS = 1_000
TOKEN, EXPIRED = "prt_live-token-of-the-benchmarks", "prt_dead-token-of-the-benchmarks"
"""Bearer tokens of user 1."""

_START = datetime(2020, 1, 1)  # noqa: DTZ001 (stored in UTC, without a time zone)
_SPAN = 5 * 365 * 86_400 * 1_000_000
"""Microseconds from the first post to the last, whatever their number."""
_REVISED = timedelta(hours=30)
_TOPICS = 97  # a prime, so that the tags of a post differ
_SENTENCE = (
    "the press types a line and then another one, reads what stands there, and corrects it before anybody else does; "
    "Größe and façade are spelt as they are, “quoted” or — not, \\escaped\\ and *marked*, on\nlines\n\nof their own"
)
_TEXT = " ".join(random.Random(1).choices(_SENTENCE.split(" "), k=40_000))  # noqa: S311 (not for security)


def users() -> Iterator[tuple[Any, ...]]:
    """Yield rows of `users`: id, username, display_name, bio, revision, created_at, updated_at."""
    for number in range(1, USERS + 1):
        created = str(_START - timedelta(days=1) + timedelta(microseconds=number))
        yield number, f"writer-{number}", f"Writer Nº {number}", "Writes.", f"{number:016x}", created, created


def tokens() -> Iterator[tuple[Any, ...]]:
    """Yield rows of `tokens`: user_id, name, sha256, created_at, expires_at."""
    for token, expires_at in ((TOKEN, "2999-01-01 00:00:00.000000"), (EXPIRED, "2020-01-02 00:00:00.000000")):
        yield 1, "load", hashlib.sha256(token.encode()).digest(), str(_START), expires_at


def tags(number: int) -> list[str]:
    """Return the one to three tags of a post."""
    return [f"topic-{(number * 7 + each * 31) % _TOPICS}" for each in range(1 + number % 3)]


def posts(count: int) -> Iterator[tuple[Any, ...]]:
    """Yield rows of `posts`: id, author_id, title, body, tags, published_at, revision, created_at, updated_at."""
    for number in range(1, count + 1):
        published = _published(number, count)
        yield (
            number,
            1 + number * 7919 % USERS,
            *_words(number),
            '["' + '", "'.join(tags(number)) + '"]',
            str(published),
            f"{number:016x}",
            str(published),
            str(published + _REVISED),
        )


def lines(count: int) -> Iterator[str]:
    """Yield the same users and posts as NDJSON for `pressroom import`."""
    for _, username, display_name, bio, *_ in users():
        yield json.dumps({"user": {"username": username, "display_name": display_name, "bio": bio}}) + "\n"
    for number, author, title, body, _, published, *_ in posts(count):
        content = {"author": f"writer-{author}", "title": title, "body": body, "tags": tags(number)}
        yield json.dumps({"post": {**content, "published_at": published.replace(" ", "T") + "Z"}}) + "\n"


def _published(number: int, count: int) -> datetime:
    # Never on a full second, which SQLAlchemy and Django store in different formats.
    return _START + timedelta(microseconds=_SPAN // count * number + 1 + number * 7919 % 999_983)


def _words(number: int) -> tuple[str, str]:
    """Return a title of about 40 characters and a body of about 500."""
    start = number * 7919 % (len(_TEXT) - 700)
    title = _TEXT[start : start + 30 + number % 20].replace("\n", " ").strip()
    return title, _TEXT[start : start + 400 + number * 37 % 201].strip()
