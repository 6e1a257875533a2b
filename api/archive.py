"""A site as lines of JSON (NDJSON): `{"user": {…}}`, then `{"post": {…}}`, each in the order in which they came."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cache, partial
from typing import Any, NamedTuple, cast

from marshmallow import ValidationError

from api import constraints
from api.json import InvalidJSON, dumps, loads
from api.schemas.base import StrictSchema
from api.schemas.posts import PostImport
from api.schemas.problems import flatten_messages
from api.schemas.users import UserImport
from api.store import archive as stored
from api.store import posts, users
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.errors import NotFound, UsernameTaken

BATCH, BATCH_SIZE = 2_000, 4 * 1024 * 1024
"""Lines, and bytes, that are kept in one transaction: a third of a second, in which nobody else writes to SQLite."""

Content = dict[str, Any]
Present = dict[int, Counter[tuple[datetime | None, str]]]
"""Of each author, the moments and titles of the posts that no line has named yet."""

_SHAPES: dict[str, StrictSchema] = {"user": UserImport(), "post": PostImport()}
_SHAPES["user"].compile_for(stored.ArchivedUser)
_SHAPES["post"].compile_for(stored.ArchivedPost)


class InvalidLine(ValueError):
    """A line that cannot be kept; its text says why."""


class Outcome(NamedTuple):
    """What became of a line: its number, its bytes, and whether it is `kept`, was `present`, or is `bad` and why."""

    number: int
    size: int
    result: str
    problem: str = ""


def export(db: Connection) -> Iterator[str]:
    """Every user and every post, drafts too, a line each."""
    for user in stored.all_users(db):
        yield _line("user", user)
    for post in stored.all_posts(db):
        yield _line("post", post)


def load(database: Database, lines: Iterable[bytes]) -> Iterator[Outcome]:
    """Keep what `lines` say and is not kept yet; the outcomes of a batch come when it is committed.

    A user is identified by `username`, a post by `author`, `title` and `published_at`; where several posts are alike in
    these, the n-th of the lines is the n-th of the database. What is present stays as it is. A post keeps its `id`, and
    so its URL, if that is free and not above `IMPORTED_ID_MAX`; else it gets the next. Blank lines say nothing.
    """
    present: Present = {}
    for batch in _batches(lines):
        with database.write() as db:
            highest = max((content.get("id", 0) for _, _, content in batch if isinstance(content, dict)), default=0)
            if highest and not database.is_sqlite:
                stored.reserve_ids(db, highest)
            # Looked up once: who is held stays until the transaction ends.
            author = cache(partial(users.lock, db))
            outcomes = [Outcome(number, size, *_keep(db, content, author, present)) for number, size, content in batch]
        yield from outcomes


def _batches(lines: Iterable[bytes]) -> Iterator[list[tuple[int, int, "Content | InvalidLine"]]]:
    """Lines by their number and size, as many as one transaction keeps."""
    batch, size = [], 0
    for number, line in enumerate(lines, 1):
        if line.strip():
            batch.append((number, len(line), _read(line)))
            size += len(line)
        if len(batch) >= BATCH or size > BATCH_SIZE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _keep(
    db: Connection, content: "Content | InvalidLine", author: Callable[[str], users.User], present: Present
) -> tuple[str, str]:
    if isinstance(content, InvalidLine):
        return "bad", str(content)
    try:
        if "author" in content:
            return _keep_post(db, content, author(content.pop("author")), present), ""
        users.register(db, **content)
    except UsernameTaken:
        return "present", ""
    except NotFound as error:
        return "bad", f"/post/author: {error} Name users before their posts."
    return "kept", ""


def _read(line: bytes) -> "Content | InvalidLine":
    """What a line says, `PostImport`'s members or `UserImport`'s, or what is wrong with it."""
    try:
        value = loads(line.rstrip(b"\r\n"))
    except InvalidJSON as error:
        return InvalidLine(f"The line is not usable as JSON: {error}.")
    kind = next(iter(value), None) if isinstance(value, dict) and len(value) == 1 else None
    if kind not in _SHAPES:
        return InvalidLine('Write {"user": {…}} or {"post": {…}}.')
    try:
        content = cast("Content", _SHAPES[kind].load(value[kind]))
    except ValidationError as error:
        told = (f"/{'/'.join((kind, *path))}: {detail}" for path, detail in flatten_messages(error.messages))
        return InvalidLine(" ".join(told))
    if content.get("id", 0) > constraints.IMPORTED_ID_MAX:
        del content["id"]
    return content


def _keep_post(db: Connection, content: Content, author: users.User, present: Present) -> str:
    if author.id not in present:
        present[author.id] = stored.titles(db, author.id)
    this = content["published_at"], content["title"]
    if present[author.id][this]:
        present[author.id][this] -= 1
        return "present"
    posts.publish(db, author_id=author.id, post_id=content.pop("id", None), **content)
    return "kept"


def _line(kind: str, row: Any) -> str:
    return dumps({kind: _SHAPES[kind].dump_row(row, "")}).decode()[:-1]
