"""Bring an SQLite file up to date with the public posts and users of a site: mirror.py URL FILE."""

import json
import sqlite3
import sys

import httpx

FEEDS = {"post": "/changes/posts?limit=100&expand=body", "user": "/changes/users?limit=100"}
TABLES = """CREATE TABLE IF NOT EXISTS items (url PRIMARY KEY, kind, content, stale);
CREATE TABLE IF NOT EXISTS feeds (kind PRIMARY KEY, since, etag);"""


def follow(kind: str, client: httpx.Client, db: sqlite3.Connection) -> bool:
    """Store a page of changes and the token after it, in one transaction; return whether there are more."""
    since, etag = db.execute("SELECT since, etag FROM feeds WHERE kind = ?", [kind]).fetchone() or (None, None)
    url = FEEDS[kind] + (f"&since={since}" if since else "")
    response = client.get(url, headers={"If-None-Match": etag} if etag else {})
    if response.status_code == 304:  # nothing is new
        return False
    with db:
        if response.status_code == 410:  # the token has expired: start again, and delete what is not found again
            db.execute("UPDATE items SET stale = 1 WHERE kind = ?", [kind])
            db.execute("DELETE FROM feeds WHERE kind = ?", [kind])
            return True
        page = response.raise_for_status().json()
        rows = [(item["url"], kind, item[kind] and json.dumps(item[kind])) for item in page["items"]]
        db.executemany("REPLACE INTO items VALUES (?, ?, ?, 0)", rows)  # null content: it is not public any more
        db.execute("DELETE FROM items WHERE content IS NULL OR kind = ? AND stale AND NOT ?", [kind, page["has_more"]])
        etag = response.headers["ETag"] if page["next_since"] == since else None
        db.execute("REPLACE INTO feeds VALUES (?, ?, ?)", [kind, page["next_since"], etag])
    return bool(page["has_more"])


with httpx.Client(base_url=sys.argv[1], timeout=30) as client, sqlite3.connect(sys.argv[2]) as connection:
    if connection.execute("SELECT 1 FROM sqlite_master WHERE tbl_name NOT IN ('items', 'feeds')").fetchone():
        sys.exit(f"{sys.argv[2]} is not a mirror: name another file.")
    connection.executescript(TABLES)
    while any(follow(kind, client, connection) for kind in FEEDS):
        pass
