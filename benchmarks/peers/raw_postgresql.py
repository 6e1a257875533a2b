"""The same as `raw.py` with psycopg, which prepares statements, parses JSON with orjson, and returns datetimes."""

import hashlib
import secrets
import threading
from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg
import raw
from common import DATABASE, END, cursor, link, position
from psycopg.types.json import Json, set_json_loads

_ONE, _VERSIONS, _PAGE, _USER, _INDEX = (
    sql.replace("?", "%s") for sql in (raw.ONE, raw.VERSIONS, raw.PAGE, raw.USER, raw.INDEX)
)
_INSERT = f"{raw.INSERT.replace('?', '%s')} RETURNING id"
_local = threading.local()


def _db() -> psycopg.Connection[tuple[Any, ...]]:
    if not hasattr(_local, "db"):
        # The plans are Pressroom's, which does not plan a statement at each execution.
        options = "-c timezone=UTC -c plan_cache_mode=force_generic_plan"
        _local.db = psycopg.connect(DATABASE, autocommit=True, options=options)
        set_json_loads(orjson.loads, _local.db)
    return _local.db


def _etag(post_id: int, *updated_at: datetime) -> str:
    return raw.make_etag(post_id, *map(datetime.isoformat, updated_at))


def _json(row: tuple[Any, ...]) -> dict[str, Any]:
    post_id, slug, title, body, tags, metadata, closed, username, display_name, *times, revision, _ = row
    published, created, updated = times
    return {
        "id": post_id,
        "slug": slug,
        "title": title,
        "body": body,
        "tags": tags,
        "metadata": metadata,
        "comments": "closed" if closed else "open",
        "author": {"username": username, "display_name": display_name, "url": f"/users/{username}"},
        "published_at": None if published == END else published,
        "created_at": created,
        "updated_at": updated,
        "revision": revision,
        "url": f"/posts/{post_id}",
    }


def _dumps(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


def etag(post_id: int) -> str | None:
    """Return the current ETag of a post, or None if there is none."""
    row = _db().execute(_VERSIONS, (post_id, datetime.now(UTC))).fetchone()
    return row and _etag(post_id, *row)


def read(post_id: int) -> tuple[bytes, str] | None:
    """Return a post and its ETag, or None if there is none."""
    row = _db().execute(_ONE, (post_id, datetime.now(UTC))).fetchone()
    return row and (_dumps(_json(row)), _etag(post_id, row[11], row[13]))


def page(after: str | None) -> tuple[bytes, str | None]:
    """Return the page after a cursor, and the `Link` to the next one; `ValueError` for an invalid cursor."""
    rows = _db().execute(_PAGE, position(after)).fetchall()
    next_cursor = cursor(rows[19][9], rows[19][0]) if len(rows) > 20 else None
    body = _dumps({"items": [_json(row) for row in rows[:20]], "next_cursor": next_cursor})
    return body, next_cursor and link(next_cursor)


def user(authorization: str | None) -> tuple[Any, ...] | None:
    """Return the user whose token is in the header field, or None if there is none."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    return _db().execute(_USER, (hashlib.sha256(token.encode()).digest(), datetime.now(UTC))).fetchone()


def publish(author: tuple[Any, ...], data: bytes) -> tuple[bytes, str, str]:
    """Store a new post, and return it with its URL and its ETag; `ValueError` for invalid input."""
    slug, title, body, tags, metadata, closed, text = raw.validated(orjson.loads(data))
    now, revision = datetime.now(UTC), secrets.token_hex(8)
    published = datetime.fromisoformat(f"{text}+00:00") if text else now
    stored = slug, title, body, Json(tags, dumps=orjson.dumps), Json(metadata, dumps=orjson.dumps), bool(closed)
    db = _db()
    with db.transaction():
        values = (author[0], *stored, published, now, now, revision)
        [post_id] = db.execute(_INSERT, values).fetchone() or [0]
        for tag in tags:
            db.execute(_INDEX, (post_id, tag, published, author[0]))
    content = slug, title, body, tags, metadata, closed
    row = (post_id, *content, author[1], author[2], published, now, now, revision, author[3])
    return _dumps(_json(row)), f"/posts/{post_id}", _etag(post_id, now, author[3])
