"""A site as NDJSON: a line `{"user": {…}}` for each user, then lines for posts, comments, likes and follows.

An archive of accounts also has password hashes and roles, and a line `{"token": {…}}` for each token.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Literal, NamedTuple, TypeAlias

from api.archive_lines import Line, batches
from api.json import dumps
from api.records import KINDS
from api.schemas.compiled import RowType
from api.store import archive_comments, archive_follows, archive_likes, archive_of_user
from api.store.archive import find_user
from api.store.archive_accounts import TokenLeftOut, find_account
from api.store.archive_import import Import, id_to_keep
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.errors import Conflict, NotFound, SlugTaken, TooManyFollowed

Result: TypeAlias = Literal["imported", "skipped", "left out", "error"]


class Outcome(NamedTuple):
    """What happened to a line; `error` says why it was not imported."""

    number: int
    size: int
    result: Result
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
    for batch in batches(lines):
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
    kind, message = KINDS[line.kind], ""
    result: Result = "imported"
    try:
        if kind.is_stored and kind.is_stored(run, line.content):
            result = "skipped"
        else:
            kind.create(run, line.content)
    except (SlugTaken, TooManyFollowed) as error:
        place = f"/{line.kind}/slug" if isinstance(error, SlugTaken) else f"/{line.kind}"
        result, message = "error", f"{place}: {error}"
    except Conflict:
        result = "skipped"
    except TokenLeftOut:
        result = "left out"
    except NotFound as error:
        result, message = "error", f"/{line.kind}: {error} Put the record that it refers to before it."
    return Outcome(line.number, line.size, result, message)
