"""The applications that are compared, and how each is started."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.paths import PEERS, ROOT

BIN = Path(sys.executable).parent
"""All applications run on this interpreter, with the packages that are installed beside it."""

GUNICORN = (str(BIN / "gunicorn"),)
UVICORN = (str(BIN / "uvicorn"), "--loop=uvloop", "--http=httptools", "--no-access-log", "--log-level=warning")


@dataclass(frozen=True, kw_only=True)
class App:
    """An application and the command that starts it."""

    key: str
    title: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    postgresql_url: str = ""
    """The database, instead of an SQLite file."""
    directory: Path = PEERS
    """Working directory, where gunicorn finds its configuration: Pressroom's own, or that of the peers."""

    def start_command(self, port: int, database: Path) -> tuple[list[str], dict[str, str]]:
        """Return the command that serves `database`, unless it is on PostgreSQL, on `port`, and its environment."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PRESSROOM_")}
        if self.directory == ROOT:
            url = self.postgresql_url or f"sqlite:///{database}"
            own = {"PRESSROOM_DATABASE_URL": url, "PRESSROOM_BIND": f"127.0.0.1:{port}"}
            return list(self.command), {**environment, **own, **self.environment}
        option = "--bind=127.0.0.1:" if self.command[:1] == GUNICORN else "--port="
        own = {"BENCH_DATABASE": self.postgresql_url or str(database)}
        return [*self.command, f"{option}{port}"], {**environment, **own, **self.environment}


def pressroom(*, workers: int = 1, threads: int = 4, **settings: str) -> App:
    """Return Pressroom with its default settings, except that rate limits are off, as they are for load tests."""
    environment = {
        **settings,
        "WEB_CONCURRENCY": str(workers),
        "PRESSROOM_THREADS": str(threads),
        "PRESSROOM_MAX_REQUESTS": "0",
        "PRESSROOM_RATE_LIMITS": "off",
    }
    return App(key="pressroom", title="Pressroom", command=GUNICORN, environment=environment, directory=ROOT)


APPS = {
    app.key: app
    for app in (
        App(key="A", title="bare WSGI, sqlite3, orjson", command=(*GUNICORN, "bare_wsgi:app")),
        App(key="B", title="bare Flask, sqlite3, orjson", command=(*GUNICORN, "bare_flask:app")),
        pressroom(),
        App(key="C", title="flask-smorest, ORM, marshmallow", command=(*GUNICORN, "naive_smorest:app")),
        App(key="E", title="FastAPI, ORM, pydantic", command=(*UVICORN, "fast_api:app")),
        App(key="F", title="Django REST framework", command=(*GUNICORN, "django_rest:app")),
        App(key="H", title="Litestar, ORM, msgspec, event loop", command=(*UVICORN, "lite_star:app")),
        App(
            key="H'",
            title="Litestar, ORM, msgspec, threads",
            command=(*UVICORN, "lite_star:app"),
            environment={"BENCH_THREADS": "1"},
        ),
    )
}


def on_postgresql(url: str) -> dict[str, App]:
    """Return Pressroom and bare Flask, both on the same PostgreSQL database."""
    return {
        "B": replace(APPS["B"], title="bare Flask, psycopg, orjson", postgresql_url=url),
        "pressroom": replace(APPS["pressroom"], postgresql_url=url),
    }
