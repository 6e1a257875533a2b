"""Posts with sqlite3 and orjson, shared by A and B: one connection per thread, hand-written validation."""

import hashlib
import re
import secrets
import sqlite3
import threading
from datetime import UTC, datetime
from typing import Any

import orjson
from common import DATABASE, METADATA_NAME, PRAGMAS, SLUG, TAG, cursor, link, position

END = "9999-12-31 23:59:59.999999"
_FROM = "FROM posts p JOIN users u ON u.id = p.author_id"
_POST = (
    "SELECT p.id, p.slug, p.title, p.body, p.tags, p.metadata, p.closed, u.username, u.display_name, p.published_at,"
    f" p.created_at, p.updated_at, p.revision, u.updated_at {_FROM}"
)
ONE = f"{_POST} WHERE p.id = ? AND p.published_at <= ?"
VERSIONS = f"SELECT p.updated_at, u.updated_at {_FROM} WHERE p.id = ? AND p.published_at <= ?"
PAGE = f"{_POST} WHERE (p.published_at, p.id) < (?, ?) ORDER BY p.published_at DESC, p.id DESC LIMIT 21"
USER = (
    "SELECT u.id, u.username, u.display_name, u.updated_at FROM tokens t JOIN users u ON u.id = t.user_id"
    " WHERE t.sha256 = ? AND t.expires_at > ?"
)
INSERT = (
    "INSERT INTO posts (author_id, slug, title, body, tags, metadata, closed, published_at, created_at, updated_at,"
    " revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
INDEX = "INSERT INTO post_tags (post_id, tag, published_at, author_id) VALUES (?, ?, ?, ?)"
_PROPERTIES = frozenset({"slug", "title", "body", "tags", "metadata", "comments", "published_at"})
_COMMENTS = {"open": 0, "closed": 1}
_SLUG, _TAG, _NAME = re.compile(SLUG), re.compile(TAG), re.compile(METADATA_NAME)
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


def make_etag(post_id: int, *updated_at: str) -> str:
    """Return the ETag of a post."""
    return f'"{post_id}-{"-".join(updated_at)}"'.replace(" ", "T")


def _json(row: tuple[Any, ...]) -> dict[str, Any]:
    post_id, slug, title, body, tags, metadata, closed, username, display_name, *times, revision, _ = row
    published, created, updated = times
    return {
        "id": post_id,
        "slug": slug,
        "title": title,
        "body": body,
        "tags": orjson.Fragment(tags),
        "metadata": orjson.Fragment(metadata),
        "comments": "closed" if closed else "open",
        "author": {"username": username, "display_name": display_name, "url": f"/users/{username}"},
        "published_at": None if published == END else f"{published[:10]}T{published[11:]}Z",
        "created_at": f"{created[:10]}T{created[11:]}Z",
        "updated_at": f"{updated[:10]}T{updated[11:]}Z",
        "revision": revision,
        "url": f"/posts/{post_id}",
    }


def etag(post_id: int) -> str | None:
    """Return the current ETag of a post, or None if there is none."""
    row = _db().execute(VERSIONS, (post_id, _now())).fetchone()
    return row and make_etag(post_id, *row)


def read(post_id: int) -> tuple[bytes, str] | None:
    """Return a post and its ETag, or None if there is none."""
    row = _db().execute(ONE, (post_id, _now())).fetchone()
    return row and (orjson.dumps(_json(row)), make_etag(post_id, row[11], row[13]))


def page(after: str | None) -> tuple[bytes, str | None]:
    """Return the page after a cursor, and the `Link` to the next one; `ValueError` for an invalid cursor."""
    published_at, post_id = position(after)
    rows = _db().execute(PAGE, (published_at.isoformat(" ", "microseconds")[:26], post_id)).fetchall()
    next_cursor = cursor(datetime.fromisoformat(f"{rows[19][9]}Z"), rows[19][0]) if len(rows) > 20 else None
    body = orjson.dumps({"items": [_json(row) for row in rows[:20]], "next_cursor": next_cursor})
    return body, next_cursor and link(next_cursor)


def user(authorization: str | None) -> tuple[Any, ...] | None:
    """Return the user whose token is in the header field, or None if there is none."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    return _db().execute(USER, (hashlib.sha256(token.encode()).digest(), _now())).fetchone()


def publish(author: tuple[Any, ...], data: bytes) -> tuple[bytes, str, str]:
    """Store a new post, and return it with its URL and its ETag; `ValueError` for invalid input."""
    slug, title, body, tags, metadata, closed, published = validated(orjson.loads(data))
    now, revision = _now(), secrets.token_hex(8)
    published, stored_tags, stored_metadata = (
        published or now,
        orjson.dumps(tags).decode(),
        orjson.dumps(metadata).decode(),
    )
    db = _db()
    with _write_lock:
        db.execute("BEGIN IMMEDIATE")
        try:
            values = (author[0], slug, title, body, stored_tags, stored_metadata, closed, published, now, now, revision)
            post_id = db.execute(INSERT, values).lastrowid or 0
            db.executemany(INDEX, [(post_id, tag, published, author[0]) for tag in tags])
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
    content = slug, title, body, stored_tags, stored_metadata, closed
    row = (post_id, *content, author[1], author[2], published, now, now, revision, author[3])
    return orjson.dumps(_json(row)), f"/posts/{post_id}", make_etag(post_id, now, author[3])


def validated(value: Any) -> tuple[str | None, str, str, list[str], dict[str, str], int, str | None]:
    """Return the content of a new post, with the time in UTC as text; `ValueError` if it is invalid."""
    if type(value) is not dict or not value.keys() <= _PROPERTIES:
        raise ValueError(value)
    title, body, tags = value.get("title"), value.get("body"), value.get("tags", [])
    if not (type(title) is str and 0 < len(title) <= 200 and type(body) is str and len(body) <= 262_144):
        raise ValueError(value)
    if type(tags) is not list or len(tags) > 10 or not all(type(tag) is str and _TAG.match(tag) for tag in tags):
        raise ValueError(value)
    if len(set(tags)) < len(tags):
        raise ValueError(value)
    slug, metadata = value.get("slug"), value.get("metadata", {})
    if slug is not None and not (type(slug) is str and len(slug) <= 80 and _SLUG.match(slug)):
        raise ValueError(value)
    if type(metadata) is not dict or len(metadata) > 20:
        raise ValueError(value)
    if not all(_NAME.match(name) and type(text) is str and len(text) <= 500 for name, text in metadata.items()):
        raise ValueError(value)
    comments = value.get("comments", "open")
    if type(comments) is not str or comments not in _COMMENTS:
        raise ValueError(value)
    content = slug, title, body, tags, metadata, _COMMENTS[comments]
    if "published_at" not in value:
        return *content, None
    if value["published_at"] is None:
        return *content, END
    published_at = datetime.fromisoformat(value["published_at"])
    if published_at.tzinfo is None:
        raise ValueError(value)
    return *content, published_at.astimezone(UTC).isoformat(" ", "microseconds")[:26]
