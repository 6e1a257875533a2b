"""Databases to measure on: made once by Pressroom's own migrations, then copied for each application."""

import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from api.settings import Settings
from api.store.engine.database import Database
from api.store.engine.migrate import MIGRATIONS
from benchmarks import rows
from benchmarks.paths import HERE, SCRATCH

POSTS, MANY = 100_000, 1_000_000

COLUMNS = {
    "users": "id, username, display_name, bio, version, created_at, updated_at",
    "tokens": "user_id, name, sha256, created_at, expires_at",
    "posts": "id, author_id, title, body, tags, published_at, version, created_at, updated_at",
}


def original(posts: int) -> Path:
    """A database with that many posts; made if there is none, or only one of other tables or rows."""
    path = SCRATCH / f"{posts}-posts-{_fingerprint()}.sqlite"
    if not path.exists():
        unfinished = path.with_suffix(".unfinished")
        for stale in (*SCRATCH.glob(f"{posts}-posts-*"), unfinished):
            stale.unlink(missing_ok=True)
        SCRATCH.mkdir(parents=True, exist_ok=True)
        fill(unfinished, posts)
        unfinished.rename(path)
    return path


def fill(path: Path, posts: int) -> None:
    """Make a database with that many posts."""
    database = Database(Settings(database_url=f"sqlite:///{path}"))
    database.upgrade()
    database.close()
    kept = {"users": rows.users(), "tokens": rows.tokens(), "posts": rows.posts(posts)}
    tags = "INSERT INTO post_tags SELECT posts.id, value, published_at FROM posts, json_each(tags)"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        # Whoever is interrupted makes it anew; with a million posts, the log would be a gigabyte.
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000"):
            db.execute(f"PRAGMA {pragma}")
        db.execute("BEGIN")
        # Sorted once at the end, they take a third of the time.
        indexes = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL").fetchall()
        for name, _ in indexes:
            db.execute(f"DROP INDEX {name}")
        for table, some in kept.items():
            columns = COLUMNS[table]
            marks = ", ".join("?" * len(columns.split(",")))
            db.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", some)  # noqa: S608 (names of ours)
        for statement in (tags, *(sql for _, sql in indexes)):
            db.execute(statement)
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode=WAL")


def copy(name: str, posts: int = POSTS) -> Path:
    """A database of its own for the application of that name."""
    path = SCRATCH / f"{name}.sqlite"
    remove(path)
    shutil.copyfile(original(posts), path)
    return path


def remove(path: Path) -> None:
    """Delete a database with what SQLite puts beside it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def cursor(path: Path, page: int, size: int = 20) -> str:
    """Pressroom's cursor of a page of the newest posts, counted from 1; the first has none."""
    skipped = (page - 1) * size
    row = "SELECT published_at, id FROM posts ORDER BY published_at DESC, id DESC LIMIT 1 OFFSET ?"
    moment = "SELECT unixepoch(?1) + 62135596800, CAST(substr(?1, 21) AS INTEGER)"
    with closing(sqlite3.connect(path)) as db:
        published, identity = db.execute(row, (skipped - 1,)).fetchone()
        seconds, micros = db.execute(moment, (published,)).fetchone()
    return f"{seconds * 1_000_000 + micros:016x}{identity:016x}"


def _fingerprint() -> str:
    sources = [HERE / "rows.py", HERE / "data.py", *sorted(MIGRATIONS.rglob("*.py"))]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:8]
