"""Posts by sqlite3 and orjson: all of A and B but HTTP. One connection for each thread, hand-written checks."""

import hashlib
import re
import sqlite3
import threading
from datetime import UTC, datetime
from typing import Any

import orjson
from common import DATABASE, PRAGMAS, TAG, cursor, link, position

END = "9999-12-31 23:59:59.999999"
_FROM = "FROM posts p JOIN users u ON u.id = p.author_id"
_POST = (
    "SELECT p.id, p.title, p.body, p.tags, u.username, u.display_name, p.published_at, p.created_at, p.updated_at,"
    f" u.updated_at {_FROM}"
)
_ONE = f"{_POST} WHERE p.id = ? AND p.published_at <= ?"
_VERSIONS = f"SELECT p.updated_at, u.updated_at {_FROM} WHERE p.id = ? AND p.published_at <= ?"
_PAGE = f"{_POST} WHERE (p.published_at, p.id) < (?, ?) ORDER BY p.published_at DESC, p.id DESC LIMIT 21"
_BEARER = (
    "SELECT u.id, u.username, u.display_name, u.updated_at FROM tokens t JOIN users u ON u.id = t.user_id"
    " WHERE t.sha256 = ? AND t.expires_at > ?"
)
_INSERT = (
    "INSERT INTO posts (author_id, title, body, tags, published_at, version, created_at, updated_at)"
    " VALUES (?, ?, ?, ?, ?, 1, ?, ?)"
)
_INDEX = "INSERT INTO post_tags (post_id, tag, published_at) VALUES (?, ?, ?)"
_MEMBERS = frozenset({"title", "body", "tags", "published_at"})
_TAG = re.compile(TAG)
_local = threading.local()
# SQLite lets writers wait by sleeping: a queue of our own loses no time.
_turn = threading.Lock()


def _db() -> sqlite3.Connection:
    if not hasattr(_local, "db"):
        _local.db = sqlite3.connect(DATABASE, isolation_level=None)
        for pragma in PRAGMAS:
            _local.db.execute(f"PRAGMA {pragma}")
    return _local.db


def _now() -> str:
    return datetime.now(UTC).isoformat(" ", "microseconds")[:26]


def _tag(identity: int, *moments: str) -> str:
    return f'"{identity}-{"-".join(moments)}"'.replace(" ", "T")


def _json(row: tuple[Any, ...]) -> dict[str, Any]:
    identity, title, body, tags, username, display_name, published, created, updated, _ = row
    return {
        "id": identity,
        "title": title,
        "body": body,
        "tags": orjson.Fragment(tags),
        "author": {"username": username, "display_name": display_name, "url": f"/users/{username}"},
        "published_at": None if published == END else f"{published[:10]}T{published[11:]}Z",
        "created_at": f"{created[:10]}T{created[11:]}Z",
        "updated_at": f"{updated[:10]}T{updated[11:]}Z",
        "url": f"/posts/{identity}",
    }


def version(identity: int) -> str | None:
    """The current tag of a post, None if there is no such post."""
    row = _db().execute(_VERSIONS, (identity, _now())).fetchone()
    return row and _tag(identity, *row)


def one(identity: int) -> tuple[bytes, str] | None:
    """A post and its tag, None if there is no such post."""
    row = _db().execute(_ONE, (identity, _now())).fetchone()
    return row and (orjson.dumps(_json(row)), _tag(identity, row[8], row[9]))


def page(after: str | None) -> tuple[bytes, str | None]:
    """A page of posts behind a cursor and the `Link` to the next one; `ValueError` for what is no cursor."""
    moment, identity = position(after)
    rows = _db().execute(_PAGE, (moment.isoformat(" ", "microseconds")[:26], identity)).fetchall()
    following = cursor(datetime.fromisoformat(f"{rows[19][6]}Z"), rows[19][0]) if len(rows) > 20 else None
    body = orjson.dumps({"items": [_json(row) for row in rows[:20]], "next_cursor": following})
    return body, following and link(following)


def bearer(authorization: str | None) -> tuple[Any, ...] | None:
    """The user whose token is in the header field, None if it is nobody's."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    return _db().execute(_BEARER, (hashlib.sha256(token.encode()).digest(), _now())).fetchone()


def publish(author: tuple[Any, ...], data: bytes) -> tuple[bytes, str, str]:
    """The new post, its URL and its tag; `ValueError` for what is no post."""
    title, body, tags, published = _checked(orjson.loads(data))
    moment = _now()
    published, kept = published or moment, orjson.dumps(tags).decode()
    db = _db()
    with _turn:
        db.execute("BEGIN IMMEDIATE")
        try:
            identity = db.execute(_INSERT, (author[0], title, body, kept, published, moment, moment)).lastrowid or 0
            db.executemany(_INDEX, [(identity, tag, published) for tag in tags])
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
    row = (identity, title, body, kept, author[1], author[2], published, moment, moment, author[3])
    return orjson.dumps(_json(row)), f"/posts/{identity}", _tag(identity, moment, author[3])


def _checked(value: Any) -> tuple[str, str, list[str], str | None]:
    if type(value) is not dict or not value.keys() <= _MEMBERS:
        raise ValueError(value)
    title, body, tags = value.get("title"), value.get("body"), value.get("tags", [])
    if not (type(title) is str and 0 < len(title) <= 200 and type(body) is str and 0 < len(body) <= 262_144):
        raise ValueError(value)
    if type(tags) is not list or len(tags) > 10 or not all(type(tag) is str and _TAG.match(tag) for tag in tags):
        raise ValueError(value)
    if len(set(tags)) < len(tags):
        raise ValueError(value)
    if "published_at" not in value:
        return title, body, tags, None
    if value["published_at"] is None:
        return title, body, tags, END
    moment = datetime.fromisoformat(value["published_at"])
    if moment.tzinfo is None:
        raise ValueError(value)
    return title, body, tags, moment.astimezone(UTC).isoformat(" ", "microseconds")[:26]
