"""Benchmark databases: created once with Pressroom's own migrations, then copied for each application."""

import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from api.settings import Settings
from api.store.engine.database import Database
from api.store.engine.migrate import MIGRATIONS
from benchmarks import rows
from benchmarks.paths import BENCHMARKS, SCRATCH

POSTS, MANY_POSTS = 100_000, 1_000_000

COLUMNS = {
    "users": "id, username, display_name, bio, revision, created_at, updated_at",
    "tokens": "user_id, name, sha256, created_at, expires_at",
    "posts": "id, author_id, title, body, tags, published_at, revision, created_at, updated_at",
}


def template(posts: int) -> Path:
    """Return a database with that many posts; create it if there is none, or if tables or rows have changed."""
    path = SCRATCH / f"{posts}-posts-{_fingerprint()}.sqlite"
    if not path.exists():
        unfinished = path.with_suffix(".unfinished")
        for stale in (*SCRATCH.glob(f"{posts}-posts-*"), unfinished):
            stale.unlink(missing_ok=True)
        SCRATCH.mkdir(parents=True, exist_ok=True)
        create(unfinished, posts)
        unfinished.rename(path)
    return path


def create(path: Path, posts: int) -> None:
    """Create a database with that many posts."""
    database = Database(Settings(database_url=f"sqlite:///{path}"))
    database.upgrade()
    database.close()
    contents = {"users": rows.users(), "tokens": rows.tokens(), "posts": rows.posts(posts)}
    tags = (
        "INSERT INTO post_tags (post_id, tag, published_at, author_id) "
        "SELECT posts.id, value, published_at, author_id FROM posts, json_each(tags)"
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        # No journal: an interrupted run starts over, and with a million posts the journal would take a gigabyte.
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000"):
            db.execute(f"PRAGMA {pragma}")
        db.execute("BEGIN")
        # Indexes that are built at the end take a third of the time.
        indexes = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL").fetchall()
        for name, _ in indexes:
            db.execute(f"DROP INDEX {name}")
        for table, values in contents.items():
            columns = COLUMNS[table]
            placeholders = ", ".join("?" * len(columns.split(",")))
            db.executemany(f"INSERT INTO {table} ({columns}) VALUES ({placeholders})", values)  # noqa: S608 (constants)
        for statement in (tags, *(sql for _, sql in indexes)):
            db.execute(statement)
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode=WAL")


def copy(name: str, posts: int = POSTS) -> Path:
    """Return a new copy of the database, for the application of that name."""
    path = SCRATCH / f"{name}.sqlite"
    delete(path)
    shutil.copyfile(template(posts), path)
    return path


def delete(path: Path) -> None:
    """Delete a database with its `-wal` and `-shm` files."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def cursor(path: Path, page: int, size: int = 20) -> str:
    """Return Pressroom's cursor of a page of the newest posts; pages count from 1, and the first has no cursor."""
    skipped = (page - 1) * size
    row = "SELECT published_at, id FROM posts ORDER BY published_at DESC, id DESC LIMIT 1 OFFSET ?"
    seconds_and_microseconds = "SELECT unixepoch(?1) + 62135596800, CAST(substr(?1, 21) AS INTEGER)"
    with closing(sqlite3.connect(path)) as db:
        published, post_id = db.execute(row, (skipped - 1,)).fetchone()
        seconds, micros = db.execute(seconds_and_microseconds, (published,)).fetchone()
    return f"{seconds * 1_000_000 + micros:016x}{post_id:016x}"


def _fingerprint() -> str:
    sources = [BENCHMARKS / "rows.py", BENCHMARKS / "databases.py", *sorted(MIGRATIONS.rglob("*.py"))]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:8]
