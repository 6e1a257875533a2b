"""Every setting: its default, its environment variable, its reason."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_args

PREFIX = "PRESSROOM_"


class InvalidSetting(ValueError):
    """A setting that nobody knows or that cannot be read; its text says what to write instead."""


def setting(
    default: Any,
    description: str,
    *,
    choices: tuple[str, ...] = (),
    form: tuple[str, str] = ("", ""),
    minimum: int = 0,
    maximum: int = 1_000_000,
) -> Any:
    """A dataclass field that carries its own documentation and bounds; a `form` is a pattern and how to say it."""
    bounds = {"choices": choices, "form": form, "minimum": minimum, "maximum": maximum}
    return field(default=default, metadata={"description": description, **bounds})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an operator can choose. A field's variable is its name in capitals behind `PRESSROOM_`."""

    database_url: str = setting(
        "sqlite:///pressroom.sqlite",
        "Where everything is kept: an SQLite file, or `postgresql+psycopg://user@host/name`.",
        form=(
            r"sqlite:///(?!:memory:|file:)[^?\n]+|postgresql(\+psycopg)?://.+",
            "sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME",
        ),
    )
    replica_url: str = setting(
        "",
        "A streaming replica of that PostgreSQL, for reads without `Authorization`; none by default.",
        form=(r"(postgresql(\+psycopg)?://.+)?", "postgresql+psycopg://USER@HOST/NAME"),
    )
    pgbouncer: str = setting(
        "off",
        "`on` where these URLs lead through pgbouncer; `deploy/postgresql.md` has what its role then needs.",
        choices=("off", "on"),
    )
    sqlite_synchronous: str = setting(
        "FULL",
        "`FULL` survives loss of power; `NORMAL` writes faster and may then lose the last commits.",
        choices=("FULL", "NORMAL"),
    )
    token_days: int = setting(30, "Days until a bearer token expires.", minimum=1, maximum=3650)
    registration: str = setting(
        "open", "Who may register users: anyone, or only admins when `closed`.", choices=("open", "closed")
    )
    rate_limits: str = setting(
        "on",
        "Whether sign-ins, registrations and writes are limited; `off` is for tests under load.",
        choices=("on", "off"),
    )
    redis_url: str = setting(
        "",
        "Where all processes count together for the limits, such as `redis://host:6379`; else each counts alone.",
        form=(r"((redis|rediss|redis\+unix)://.+)?", "redis://HOST:PORT, rediss://HOST:PORT or redis+unix:///SOCKET"),
    )
    trusted_proxies: int = setting(
        0,
        "How many proxies in front may be believed about client, scheme, host and prefix (`X-Forwarded-*`).",
    )
    cors_origins: tuple[str, ...] = setting(
        (),
        "Origins whose pages may call the API, separated by commas, or `*`; none by default.",
        form=(r"\*|https?://[A-Za-z0-9.-]+(:[0-9]+)?", "* or SCHEME://HOST, separated by commas"),
    )
    run_dir: str = setting(
        "",
        "Directory of gunicorn's process id (`gunicorn.pid`) and its workers' counts, where `pressroom deploy roll` "
        "finds them; for each start a temporary one if empty.",
    )
    bind: str = setting(
        "127.0.0.1:8000",
        "Where gunicorn listens: `host:port` or `unix:path`.",
        form=(r"([^\s:,/]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}|unix:.+", "HOST:PORT or unix:PATH"),
    )
    worker_class: str = setting(
        "gthread",
        "gunicorn's worker: `gthread` keeps connections alive and finishes what is in flight on a stop.",
        choices=("gthread", "sync", "gevent"),
    )
    threads: int = setting(
        8, "Threads of a worker; of more than two, all but one may have a database connection.", minimum=1
    )
    worker_connections: int = setting(500, "Connections a worker holds open at once.", minimum=1)
    timeout: int = setting(30, "Seconds a worker may be silent before it is replaced.", minimum=1)
    graceful_timeout: int = setting(30, "Seconds a stopping worker has to finish what is in flight.", minimum=1)
    keepalive: int = setting(75, "Seconds an idle connection is kept: longer than the proxy in front keeps it.")
    max_requests: int = setting(20_000, "Requests after which a worker is renewed; 0 for never.")
    max_requests_jitter: int = setting(5_000, "At most so many more, so that workers do not stop together.")
    access_log: str = setting(
        "-", "File of the access log, a line of JSON for each request; `-` for standard output, empty for none."
    )
    error_log: str = setting("-", "File of gunicorn's own log; `-` for standard error.")
    log_level: str = setting(
        "info", "How much gunicorn logs.", choices=("debug", "info", "warning", "error", "critical")
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """The settings that `environment` asks for; `InvalidSetting` for a name or value that cannot be meant."""
        known = {f"{PREFIX}{field.name.upper()}": field for field in fields(cls)}
        given = {name: text for name, text in environment.items() if name.startswith(PREFIX)}
        if unknown := sorted(given.keys() - known.keys()):
            raise InvalidSetting(f"{unknown[0]} is no setting. Write one of: {', '.join(known)}.")
        return cls(**{known[name].name: _read(name, text, known[name]) for name, text in given.items()})


def _read(name: str, text: str, wanted: Any) -> Any:
    choices, (pattern, form) = wanted.metadata["choices"], wanted.metadata["form"]
    if wanted.type is int:
        minimum, maximum = wanted.metadata["minimum"], wanted.metadata["maximum"]
        if not (re.fullmatch("[0-9]{1,9}", text) and minimum <= int(text) <= maximum):
            raise InvalidSetting(f"{name} is {text!r}. Write a whole number from {minimum} to {maximum}.")
        return int(text)
    if choices and text not in choices:
        raise InvalidSetting(f"{name} is {text!r}. Write one of: {', '.join(choices)}.")
    parts = tuple(part.strip() for part in text.split(",") if part.strip()) if get_args(wanted.type) else (text,)
    if pattern and not all(re.fullmatch(pattern, part) for part in parts):
        # Not repeated here: it may hold a password.
        raise InvalidSetting(f"{name} has another form. Write {form}.")
    return parts if get_args(wanted.type) else text
