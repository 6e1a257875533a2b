"""A site as NDJSON: a line `{"user": {…}}` for each user, then lines for posts, comments, likes and follows.

An archive of accounts also has password hashes and roles, and a line `{"token": {…}}` for each token.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Literal, NamedTuple

from marshmallow import ValidationError

from api.json import InvalidJSON, JSONObject, TooManyValues, dumps, loads
from api.record_errors import find_errors
from api.records import KINDS
from api.schemas.compiled import RowType
from api.schemas.problems import flatten_messages
from api.store import archive_comments, archive_follows, archive_likes, archive_of_user
from api.store.archive import find_user
from api.store.archive_accounts import find_account
from api.store.archive_import import Import, id_to_keep
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.errors import Conflict, NotFound, SlugTaken, TooManyFollowed

BATCH_MAX_LINES, BATCH_MAX_BYTES = 2_000, 4 * 1024 * 1024
"""Limits of one transaction: it takes a third of a second, in which no other client can write to SQLite."""

_EXPECTED = " or ".join(f'{{"{name}": {{…}}}}' for name in KINDS)


class Line(NamedTuple):
    """A line: the kind and content of its record, or the error that makes it unusable."""

    number: int
    size: int
    kind: str = ""
    content: JSONObject = {}
    error: str = ""


class Outcome(NamedTuple):
    """What happened to a line; `error` says why it was not imported."""

    number: int
    size: int
    result: Literal["imported", "skipped", "error"]
    error: str = ""


def export(db: Connection, *, accounts: bool = False) -> Iterator[bytes]:
    """Yield a line for each record, drafts included; with `accounts`, also what permits to sign in.

    Where a transaction has no snapshot, as across the nodes of Citus, a record may be of a user who was not there when
    the users were read: then the user comes before it.
    """
    usernames: set[str] = set()
    for name, kind in KINDS.items():
        kind.schema.compile_for((accounts and kind.account_type) or kind.row_type)
        rows = (accounts and kind.account_rows) or kind.rows
        for row in rows(db):
            for username in (getattr(row, field) for field in kind.user_fields):
                if username not in usernames and name != "user":
                    user = find_account(db, username) if accounts else find_user(db, username)
                    yield _dump("user", user)
                usernames.add(username)
            yield _dump(name, row)


def _dump(name: str, row: object) -> bytes:
    kind = KINDS[name]
    content = kind.schema.dump_row(row, root="")
    for optional in kind.omitted_if_null:
        if content.get(optional, ...) is None:
            del content[optional]
    return dumps({name: content})


def export_user(db: Connection, user_id: int) -> Iterator[bytes]:
    """Yield the lines of a user, and of all that they have, drafts included; none if there is no such user."""
    if (user := archive_of_user.find_user(db, user_id)) is None:
        return
    yield from _lines("user", [user], archive_of_user.ExportedUser)
    yield from _lines("post", archive_of_user.all_posts(db, user_id))
    yield from _lines("comment", archive_comments.comments_of_user(db, user_id))
    yield from _lines("like", archive_likes.likes_of_user(db, user_id))
    yield from _lines("follow", archive_follows.follows_of_user(db, user_id))


def _lines(name: str, rows: Iterable[object], row_type: RowType | None = None) -> Iterator[bytes]:
    kind = KINDS[name]
    kind.schema.compile_for(row_type or kind.row_type)
    for row in rows:
        yield _dump(name, row)


def import_(database: Database, lines: Iterable[bytes]) -> Iterator[Outcome]:
    """Import lines in batches, and yield the outcomes of a batch once it is committed.

    Users are identified by `username`, posts by `author`, `title` and `published_at`; of several posts with the same
    identity, the n-th line matches the n-th stored post. Comments are identified by `author`, `post` and `created_at`;
    of several with the same, by `id` or else by `body`. Stored records stay unchanged. A post keeps its `id`, and so
    its URL, if that is free and not above `IMPORTED_ID_MAX`; otherwise it gets the next. Its comments, which do the
    same, and its likes follow it. Blank lines are ignored.
    """
    run = Import()
    for batch in _batches(lines):
        outcomes = database.transact(partial(_import_batch, run, batch))
        run.end()
        yield from outcomes


def _import_batch(run: Import, batch: Sequence[Line], db: Connection) -> list[Outcome]:
    run.begin(db)
    for name, kind in KINDS.items():
        highest_id = max((id_to_keep(line.content.get("id")) or 0 for line in batch if line.kind == name), default=0)
        if highest_id and kind.reserve_ids and not db.is_sqlite:
            kind.reserve_ids(db, highest_id)
    return [_import_line(run, line) for line in batch]


def _import_line(run: Import, line: Line) -> Outcome:
    if line.error:
        return Outcome(line.number, line.size, "error", line.error)
    kind = KINDS[line.kind]
    try:
        if kind.is_stored and kind.is_stored(run, line.content):
            return Outcome(line.number, line.size, "skipped")
        kind.create(run, line.content)
    except (SlugTaken, TooManyFollowed) as error:
        place = f"/{line.kind}/slug" if isinstance(error, SlugTaken) else f"/{line.kind}"
        return Outcome(line.number, line.size, "error", f"{place}: {error}")
    except Conflict:
        return Outcome(line.number, line.size, "skipped")
    except NotFound as error:
        hint = "Put the record that it refers to before it."
        return Outcome(line.number, line.size, "error", f"/{line.kind}: {error} {hint}")
    return Outcome(line.number, line.size, "imported")


def _batches(lines: Iterable[bytes]) -> Iterator[list[Line]]:
    batch, size = list[Line](), 0
    for number, line in enumerate(lines, 1):
        if line.strip():
            batch.append(_parse(number, line))
            size += len(line)
        if len(batch) >= BATCH_MAX_LINES or size > BATCH_MAX_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _parse(number: int, line: bytes) -> Line:
    try:
        value = loads(line.rstrip(b"\r\n"))
    except InvalidJSON as error:
        return Line(number, len(line), error=f"Invalid JSON: {error}.")
    except TooManyValues:
        return Line(number, len(line), error="Too many values.")
    name = next(iter(value), None) if isinstance(value, dict) and len(value) == 1 else None
    if name not in KINDS:
        return Line(number, len(line), error=f"Expected {_EXPECTED}.")
    try:
        content = KINDS[name].schema.load(value[name])
    except ValidationError as error:
        details = (f"/{'/'.join((name, *path))}: {detail}" for path, detail in flatten_messages(error.messages))
        return Line(number, len(line), error=" ".join(details))
    if errors := " ".join(f"/{name}/{error}" for error in find_errors(content)):
        return Line(number, len(line), error=errors)
    return Line(number, len(line), name, content)
