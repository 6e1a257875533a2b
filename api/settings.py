"""All settings: default, environment variable and description."""

import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from typing import Any

from api.origins import check_origin
from api.other_variables import WORKERS, WORKERS_DEFAULT
from api.post_urls import check_post_url
from api.setting_values import (
    PREFIX,
    InvalidSetting,
    check_port,
    check_text,
    read_all,
    read_integer,
    setting,
)

__all__ = ["DOCSTRINGS_REQUIRED", "TOKEN_DAYS_MAX", "InvalidSetting", "Settings", "read_worker_count"]

DOCSTRINGS_REQUIRED = (
    "PYTHONOPTIMIZE=2 removes docstrings, of which the OpenAPI document is made. Unset it, or use PYTHONOPTIMIZE=1."
)

TOKEN_DAYS_MAX = 3_650


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
    token_days: int = setting(
        30,
        "Days until a bearer token expires, unless the request to create it says fewer.",
        minimum=1,
        maximum=TOKEN_DAYS_MAX,
    )
    posts_per_day: int = setting(
        1_000, "Posts and comments that an account may create per day in UTC; 0 for no limit. Admins have none."
    )
    megabytes_per_day: int = setting(
        200, "MiB of content that an account may write per day in UTC; 0 for no limit. Admins have none."
    )
    tokens_per_user: int = setting(1_000, "Unexpired tokens that a user may have; 0 for no limit.")
    registration: str = setting(
        "open", "Who may register users: anyone (`open`), or only admins (`closed`).", choices=("open", "closed")
    )
    rate_limits: str = setting(
        "on",
        "Whether sign-ins, registrations and writes are rate-limited, and quotas apply; `off` is for load tests.",
        choices=("on", "off"),
    )
    redis_url: str = setting(
        "",
        "Redis server, such as `redis://host:6379`, in which all servers count for the rate limits; without one, "
        "the workers of each server count together.",
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
        "Origins whose pages may call the API, such as `https://blog.example`, separated by commas, or `*`.",
        check=check_origin,
    )
    post_url: str = setting(
        "",
        "Where people read a post, for feeds: a URL with `{username}`, `{slug}` and `{id}`, such as "
        "`https://blog.example/{username}/{slug}`. If empty, or for a post without the slug that it needs, it is that "
        "of the API.",
        check=check_post_url,
    )
    run_dir: str = setting(
        "",
        "Directory for gunicorn's process id (`gunicorn.pid`) and its workers' metrics, which `pressroom deploy roll` "
        "reads; if empty, there is a temporary one for each start.",
    )
    bind: str = setting(
        "127.0.0.1:8000",
        "Address that gunicorn listens on: `host:port` or `unix:path`.",
        pattern=r"([^\s:,/\[\]]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}|unix:.+",
        expected="HOST:PORT or unix:PATH",
        check=check_port,
    )
    worker_class: str = setting(
        "gthread",
        "gunicorn's worker class; `gthread` keeps connections alive and finishes open requests when it stops.",
        choices=("gthread", "sync", "gevent"),
    )
    threads: int = setting(
        8,
        "Threads per worker. With three or more, one is reserved for requests that need no database.",
        minimum=1,
        maximum=1_000,
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
    error_log: str = setting(
        "-",
        "File for gunicorn's error log; `-` for standard error.",
        pattern=".+",
        expected="FILE, or - for standard error",
    )
    log_level: str = setting(
        "info", "Level of gunicorn's error log.", choices=("debug", "info", "warning", "error", "critical")
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings from `environment`; `InvalidSetting` names every unknown name and every invalid value."""
        return cls(**read_all(cls.variables(), environment))

    @classmethod
    def variables(cls) -> dict[str, Field[Any]]:
        """Return the fields by the names of their environment variables."""
        return {f"{PREFIX}{field.name.upper()}": field for field in fields(cls)}


def read_worker_count(environment: Mapping[str, str] = os.environ) -> int:
    """Return the number of workers; `InvalidSetting` if WEB_CONCURRENCY is no positive number."""
    text = environment.get(WORKERS, str(WORKERS_DEFAULT))
    check_text(WORKERS, text)
    return read_integer(WORKERS, text, 1, 1_000)
