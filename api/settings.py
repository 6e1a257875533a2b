"""All settings: default, environment variable and description."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, get_args

PREFIX = "PRESSROOM_"


class InvalidSetting(ValueError):
    """An unknown setting or an invalid value; the message says what to change."""


def setting(
    default: Any,
    description: str,
    *,
    choices: tuple[str, ...] = (),
    pattern: str = "",
    expected: str = "",
    minimum: int = 0,
    maximum: int = 1_000_000,
    is_secret: bool = False,
) -> Any:
    """Return a dataclass field with its description and the values it accepts.

    `expected` says in words what `pattern` matches; the value of a secret is not repeated in errors.
    """
    accepted = {"choices": choices, "pattern": pattern, "expected": expected, "minimum": minimum, "maximum": maximum}
    return field(default=default, metadata={"description": description, "is_secret": is_secret, **accepted})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything an operator can configure. The variable of a field is `PRESSROOM_` and its name in capitals."""

    database_url: str = setting(
        "sqlite:///pressroom.sqlite",
        "The database: an SQLite file, or `postgresql+psycopg://user@host/name`.",
        pattern=r"sqlite:///(?!:memory:|file:)[^?\n]+|postgresql(\+psycopg)?://.+",
        expected="sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME",
        is_secret=True,
    )
    replica_url: str = setting(
        "",
        "A streaming replica of that PostgreSQL database, for reads without `Authorization`.",
        pattern=r"(postgresql(\+psycopg)?://.+)?",
        expected="postgresql+psycopg://USER@HOST/NAME",
        is_secret=True,
    )
    pgbouncer: str = setting(
        "off",
        "`on` if these URLs connect through pgbouncer; its role then needs the settings in `deploy/postgresql.md`.",
        choices=("off", "on"),
    )
    sqlite_synchronous: str = setting(
        "FULL",
        "`FULL` survives a power loss; `NORMAL` writes faster, but a power loss may undo the last commits.",
        choices=("FULL", "NORMAL"),
    )
    token_days: int = setting(30, "Days until a bearer token expires.", minimum=1, maximum=3650)
    registration: str = setting(
        "open", "Who may register users: anyone (`open`), or only admins (`closed`).", choices=("open", "closed")
    )
    rate_limits: str = setting(
        "on",
        "Whether sign-ins, registrations and writes are rate-limited; `off` is for load tests.",
        choices=("on", "off"),
    )
    redis_url: str = setting(
        "",
        "Redis server, such as `redis://host:6379`, in which all processes count for the rate limits; without one, "
        "each process counts separately.",
        pattern=r"((redis|rediss|redis\+unix)://.+)?",
        expected="redis://HOST:PORT, rediss://HOST:PORT or redis+unix:///SOCKET",
        is_secret=True,
    )
    trusted_proxies: int = setting(
        0,
        "Number of reverse proxies whose `X-Forwarded-*` fields are trusted for client, scheme, host and prefix.",
    )
    cors_origins: tuple[str, ...] = setting(
        (),
        "Origins whose pages may call the API, separated by commas, or `*`.",
        pattern=r"\*|https?://[A-Za-z0-9.-]+(:[0-9]+)?",
        expected="* or SCHEME://HOST[:PORT] without a trailing slash, separated by commas",
    )
    run_dir: str = setting(
        "",
        "Directory for gunicorn's process id (`gunicorn.pid`) and its workers' metrics, which `pressroom deploy roll` "
        "reads; if empty, there is a temporary one for each start.",
    )
    bind: str = setting(
        "127.0.0.1:8000",
        "Address that gunicorn listens on: `host:port` or `unix:path`.",
        pattern=r"([^\s:,/]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}|unix:.+",
        expected="HOST:PORT or unix:PATH",
    )
    worker_class: str = setting(
        "gthread",
        "gunicorn's worker class; `gthread` keeps connections alive and finishes open requests when it stops.",
        choices=("gthread", "sync", "gevent"),
    )
    threads: int = setting(
        8, "Threads per worker. With three or more, one is reserved for requests that need no database.", minimum=1
    )
    worker_connections: int = setting(500, "Maximum number of open connections per worker.", minimum=1)
    timeout: int = setting(30, "Seconds that a worker may be unresponsive before it is replaced.", minimum=1)
    graceful_timeout: int = setting(30, "Seconds that a stopping worker has to finish open requests.", minimum=1)
    keepalive: int = setting(
        75, "Seconds until an idle connection is closed; set it higher than in the proxy in front of gunicorn."
    )
    max_requests: int = setting(20_000, "Requests after which a worker is restarted; 0 for never.")
    max_requests_jitter: int = setting(
        5_000, "Up to this many more requests, at random, so that workers do not restart together."
    )
    access_log: str = setting(
        "-", "File for the access log, one JSON line per request; `-` for standard output, empty for none."
    )
    error_log: str = setting("-", "File for gunicorn's error log; `-` for standard error.")
    log_level: str = setting(
        "info", "Level of gunicorn's error log.", choices=("debug", "info", "warning", "error", "critical")
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings from `environment`; `InvalidSetting` for an unknown name or an invalid value."""
        known = {f"{PREFIX}{field.name.upper()}": field for field in fields(cls)}
        given = {name: text for name, text in environment.items() if name.startswith(PREFIX)}
        if unknown := sorted(given.keys() - known.keys()):
            raise InvalidSetting(f"Unknown setting {unknown[0]}. {_suggestion(unknown[0], list(known))}")
        return cls(**{known[name].name: _read(name, text, known[name]) for name, text in given.items()})


def _suggestion(unknown: str, known: list[str]) -> str:
    # Compared without the prefix, which would make any two names similar.
    names = [name.removeprefix(PREFIX) for name in known]
    for near in get_close_matches(unknown.removeprefix(PREFIX), names, n=1):
        return f"Did you mean {PREFIX}{near}?"
    return f"Use one of {', '.join(known)}."


def _read(name: str, text: str, definition: Any) -> Any:
    accepted = definition.metadata
    if definition.type is int:
        minimum, maximum = accepted["minimum"], accepted["maximum"]
        if not (re.fullmatch("[0-9]{1,9}", text) and minimum <= int(text) <= maximum):
            raise InvalidSetting(f"Invalid {name} {text!r}: use a whole number from {minimum} to {maximum}.")
        return int(text)
    if accepted["choices"] and text not in accepted["choices"]:
        raise InvalidSetting(f"Invalid {name} {text!r}: use one of {', '.join(accepted['choices'])}.")
    is_list = bool(get_args(definition.type))
    parts = tuple(part.strip() for part in text.split(",") if part.strip()) if is_list else (text,)
    for part in parts:
        if accepted["pattern"] and not re.fullmatch(accepted["pattern"], part):
            value = "" if accepted["is_secret"] else f" {part!r}"
            raise InvalidSetting(f"Invalid {name}{value}: use {accepted['expected']}.")
    return parts if is_list else text
