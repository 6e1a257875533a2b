"""Posts with sqlite3 and orjson, shared by A and B: one connection per thread, hand-written validation."""

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
_USER = (
    "SELECT u.id, u.username, u.display_name, u.updated_at FROM tokens t JOIN users u ON u.id = t.user_id"
    " WHERE t.sha256 = ? AND t.expires_at > ?"
)
_INSERT = (
    "INSERT INTO posts (author_id, title, body, tags, published_at, version, created_at, updated_at)"
    " VALUES (?, ?, ?, ?, ?, 1, ?, ?)"
)
_INDEX = "INSERT INTO post_tags (post_id, tag, published_at) VALUES (?, ?, ?)"
_PROPERTIES = frozenset({"title", "body", "tags", "published_at"})
_TAG = re.compile(TAG)
_local = threading.local()
# Writers that wait for SQLite sleep; waiting for this lock loses no time.
_write_lock = threading.Lock()


def _db() -> sqlite3.Connection:
    if not hasattr(_local, "db"):
        _local.db = sqlite3.connect(DATABASE, isolation_level=None)
        for pragma in PRAGMAS:
            _local.db.execute(f"PRAGMA {pragma}")
    return _local.db


def _now() -> str:
    return datetime.now(UTC).isoformat(" ", "microseconds")[:26]


def _etag(post_id: int, *updated_at: str) -> str:
    return f'"{post_id}-{"-".join(updated_at)}"'.replace(" ", "T")


def _json(row: tuple[Any, ...]) -> dict[str, Any]:
    post_id, title, body, tags, username, display_name, published, created, updated, _ = row
    return {
        "id": post_id,
        "title": title,
        "body": body,
        "tags": orjson.Fragment(tags),
        "author": {"username": username, "display_name": display_name, "url": f"/users/{username}"},
        "published_at": None if published == END else f"{published[:10]}T{published[11:]}Z",
        "created_at": f"{created[:10]}T{created[11:]}Z",
        "updated_at": f"{updated[:10]}T{updated[11:]}Z",
        "url": f"/posts/{post_id}",
    }


def etag(post_id: int) -> str | None:
    """Return the current ETag of a post, or None if there is none."""
    row = _db().execute(_VERSIONS, (post_id, _now())).fetchone()
    return row and _etag(post_id, *row)


def read(post_id: int) -> tuple[bytes, str] | None:
    """Return a post and its ETag, or None if there is none."""
    row = _db().execute(_ONE, (post_id, _now())).fetchone()
    return row and (orjson.dumps(_json(row)), _etag(post_id, row[8], row[9]))


def page(after: str | None) -> tuple[bytes, str | None]:
    """Return the page after a cursor, and the `Link` to the next one; `ValueError` for an invalid cursor."""
    published_at, post_id = position(after)
    rows = _db().execute(_PAGE, (published_at.isoformat(" ", "microseconds")[:26], post_id)).fetchall()
    next_cursor = cursor(datetime.fromisoformat(f"{rows[19][6]}Z"), rows[19][0]) if len(rows) > 20 else None
    body = orjson.dumps({"items": [_json(row) for row in rows[:20]], "next_cursor": next_cursor})
    return body, next_cursor and link(next_cursor)


def user(authorization: str | None) -> tuple[Any, ...] | None:
    """Return the user whose token is in the header field, or None if there is none."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    return _db().execute(_USER, (hashlib.sha256(token.encode()).digest(), _now())).fetchone()


def publish(author: tuple[Any, ...], data: bytes) -> tuple[bytes, str, str]:
    """Store a new post, and return it with its URL and its ETag; `ValueError` for invalid input."""
    title, body, tags, published = _validated(orjson.loads(data))
    now = _now()
    published, stored_tags = published or now, orjson.dumps(tags).decode()
    db = _db()
    with _write_lock:
        db.execute("BEGIN IMMEDIATE")
        try:
            values = (author[0], title, body, stored_tags, published, now, now)
            post_id = db.execute(_INSERT, values).lastrowid or 0
            db.executemany(_INDEX, [(post_id, tag, published) for tag in tags])
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
    row = (post_id, title, body, stored_tags, author[1], author[2], published, now, now, author[3])
    return orjson.dumps(_json(row)), f"/posts/{post_id}", _etag(post_id, now, author[3])


def _validated(value: Any) -> tuple[str, str, list[str], str | None]:
    if type(value) is not dict or not value.keys() <= _PROPERTIES:
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
    published_at = datetime.fromisoformat(value["published_at"])
    if published_at.tzinfo is None:
        raise ValueError(value)
    return title, body, tags, published_at.astimezone(UTC).isoformat(" ", "microseconds")[:26]
