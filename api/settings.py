"""Every setting: its default, its environment variable, its reason."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_args

PREFIX = "PRESSROOM_"


class BadSetting(ValueError):
    """A setting that nobody knows or that cannot be read; its text says what to write instead."""


def setting(default: Any, description: str, *, choices: tuple[str, ...] = (), minimum: int = 0) -> Any:
    """A dataclass field that carries its own documentation and bounds."""
    return field(default=default, metadata={"description": description, "choices": choices, "minimum": minimum})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an operator can choose. A field's variable is its name in capitals behind `PRESSROOM_`."""

    database_url: str = setting(
        "sqlite:///pressroom.sqlite",
        "Where everything is kept: an SQLite file, or `postgresql+psycopg://user@host/name`.",
    )
    sqlite_synchronous: str = setting(
        "FULL",
        "`FULL` survives loss of power; `NORMAL` writes faster and may then lose the last commits.",
        choices=("FULL", "NORMAL"),
    )
    token_days: int = setting(30, "Days until a bearer token expires.", minimum=1)
    trusted_proxies: int = setting(
        0,
        "How many proxies in front may be believed about client, scheme, host and prefix (`X-Forwarded-*`).",
    )
    cors_origins: tuple[str, ...] = setting(
        (), "Origins whose pages may call the API, separated by commas, or `*`; none by default."
    )
    bind: str = setting("127.0.0.1:8000", "Where gunicorn listens: `host:port` or `unix:path`.")
    worker_class: str = setting(
        "gthread",
        "gunicorn's worker: `gthread` keeps connections alive and finishes what is in flight on a stop.",
        choices=("gthread", "sync", "gevent"),
    )
    threads: int = setting(8, "Threads of a worker, and so its database connections.", minimum=1)
    worker_connections: int = setting(500, "Connections a worker holds open at once.", minimum=1)
    timeout: int = setting(30, "Seconds a worker may be silent before it is replaced.", minimum=1)
    graceful_timeout: int = setting(30, "Seconds a stopping worker has to finish what is in flight.", minimum=1)
    keepalive: int = setting(75, "Seconds an idle connection is kept: longer than the proxy in front keeps it.")
    max_requests: int = setting(20_000, "Requests after which a worker is renewed; 0 for never.")
    max_requests_jitter: int = setting(5_000, "At most so many more, so that workers do not stop together.")
    access_log: str = setting("-", "File of the access log; `-` for standard output, empty for none.")
    error_log: str = setting("-", "File of gunicorn's own log; `-` for standard error.")
    log_level: str = setting(
        "info", "How much gunicorn logs.", choices=("debug", "info", "warning", "error", "critical")
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """The settings that `environment` asks for; `BadSetting` for a name or value that cannot be meant."""
        known = {f"{PREFIX}{field.name.upper()}": field for field in fields(cls)}
        given = {name: text for name, text in environment.items() if name.startswith(PREFIX)}
        if unknown := sorted(given.keys() - known.keys()):
            raise BadSetting(f"{unknown[0]} is no setting. Write one of: {', '.join(known)}.")
        return cls(**{known[name].name: _read(name, text, known[name]) for name, text in given.items()})


def _read(name: str, text: str, wanted: Any) -> Any:
    choices, minimum = wanted.metadata["choices"], wanted.metadata["minimum"]
    if wanted.type is int:
        if not (text.isascii() and text.isdigit() and int(text) >= minimum):
            raise BadSetting(f"{name} is {text!r}. Write a whole number, {minimum} or more.")
        return int(text)
    if get_args(wanted.type):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if choices and text not in choices:
        raise BadSetting(f"{name} is {text!r}. Write one of: {', '.join(choices)}.")
    return text
