"""The applications that are compared, and how each is started."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.paths import PEERS, ROOT

BIN = Path(sys.executable).parent
"""All run on the interpreter that runs this, with the packages installed beside it."""

GUNICORN = (str(BIN / "gunicorn"),)
UVICORN = (str(BIN / "uvicorn"), "--loop=uvloop", "--http=httptools", "--no-access-log", "--log-level=warning")


@dataclass(frozen=True, kw_only=True)
class App:
    """An application: what it is, and what starts it."""

    key: str
    title: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path = PEERS
    """Where it is started, and where gunicorn finds its settings: Pressroom's own, or the peers'."""

    def start(self, port: int, database: Path) -> tuple[list[str], dict[str, str]]:
        """The command that serves `database` on `port`, and its environment."""
        environment = {name: text for name, text in os.environ.items() if not name.startswith("PRESSROOM_")}
        if self.directory == ROOT:
            own = {"PRESSROOM_DATABASE_URL": f"sqlite:///{database}", "PRESSROOM_BIND": f"127.0.0.1:{port}"}
            return list(self.command), {**environment, **own, **self.environment}
        option = "--bind=127.0.0.1:" if self.command[:1] == GUNICORN else "--port="
        return [*self.command, f"{option}{port}"], {**environment, "BENCH_DATABASE": str(database), **self.environment}


def pressroom(*, workers: int = 1, threads: int = 4, **settings: str) -> App:
    """Pressroom as it is shipped, but for the setting that is meant for tests under load."""
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
        App(key="H", title="Litestar, ORM, msgspec, on the loop", command=(*UVICORN, "lite_star:app")),
        App(
            key="H'",
            title="Litestar, ORM, msgspec, in threads",
            command=(*UVICORN, "lite_star:app"),
            environment={"BENCH_THREADS": "1"},
        ),
    )
}
