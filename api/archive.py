"""A site as lines of JSON (NDJSON): `{"user": {…}}`, then `{"post": {…}}`, each in the order in which they came."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from marshmallow import Schema, ValidationError

from api.http.json import BadJSON, loads
from api.http.problems import leaves
from api.schemas.posts import PostImport
from api.schemas.users import UserImport
from api.store import archive as stored
from api.store import posts, users
from api.store.database import Database
from api.store.sql import Connection

BATCH = 500
"""Lines that are kept in one transaction."""

_SHAPES: dict[str, Schema] = {"user": UserImport(), "post": PostImport()}


class BadLine(ValueError):
    """A line that cannot be kept; its text says why."""


class Outcome(NamedTuple):
    """What became of a line: its number, its bytes, and whether it is `kept`, was `present`, or is `bad` and why."""

    number: int
    size: int
    result: str
    problem: str = ""


def export(db: Connection) -> Iterator[str]:
    """Every user and every post, drafts too, a line each."""
    for user in stored.everyone(db):
        yield _line("user", user._mapping)
    for post in stored.everything(db):
        yield _line("post", post._mapping)


def load(database: Database, lines: Iterable[bytes]) -> Iterator[Outcome]:
    """Keep what `lines` say and is not kept yet; the outcomes of a batch come when it is committed.

    A user is identified by `username`, a post by `author`, `title` and `published_at`; where several posts are alike in
    these, the n-th of the lines is the n-th of the database. What is present stays as it is.
    """
    met: Counter[tuple[Any, ...]] = Counter()
    numbered = iter(enumerate(lines, 1))
    while batch := list(islice(numbered, BATCH)):
        with database.write() as db:
            outcomes = [Outcome(number, len(line), *_judged(db, line, met)) for number, line in batch]
        yield from outcomes


def _judged(db: Connection, line: bytes, met: Counter[tuple[Any, ...]]) -> tuple[str, str]:
    try:
        kind, content = _read(line)
        kept = _keep_user(db, content) if kind == "user" else _keep_post(db, content, met)
    except BadLine as error:
        return "bad", str(error)
    return "kept" if kept else "present", ""


def _read(line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        value = loads(line)
    except BadJSON as error:
        raise BadLine(f"The line is not usable as JSON: {error}.") from None
    kind = next(iter(value), None) if isinstance(value, dict) and len(value) == 1 else None
    if kind not in _SHAPES:
        raise BadLine('Write {"user": {…}} or {"post": {…}}.')
    try:
        return kind, _SHAPES[kind].load(value[kind])
    except ValidationError as error:
        raise BadLine(
            " ".join(f"/{'/'.join((kind, *path))}: {detail}" for path, detail in leaves(error.messages))
        ) from None


def _keep_user(db: Connection, content: dict[str, Any]) -> bool:
    if users.credentials(db, content["username"]):
        return False
    users.register(db, **content)
    return True


def _keep_post(db: Connection, content: dict[str, Any], met: Counter[tuple[Any, ...]]) -> bool:
    author = users.credentials(db, content["author"])
    if author is None:
        raise BadLine(f"/post/author: There is no user {content['author']!r}; name users before their posts.")
    identity = content["title"], content["published_at"]
    met[author.id, *identity] += 1
    if stored.alike(db, author.id, *identity) >= met[author.id, *identity]:
        return False
    posts.publish(db, author_id=author.id, **{name: content[name] for name in content if name != "author"})
    return True


def _line(kind: str, row: Any) -> str:
    return json.dumps({kind: _SHAPES[kind].dump(row)}, ensure_ascii=False, separators=(",", ":"))
