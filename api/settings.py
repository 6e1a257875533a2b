"""All settings: default, environment variable and description."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any, get_args

PREFIX = "PRESSROOM_"

INJECTED = re.compile(
    r"PRESSROOM_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?"
    r"|PORT_[0-9]+_(TCP|UDP|SCTP)(_PROTO|(_PORT|_ADDR)?(_START|_END)?)|ENV_[^=]+)=.*"
    r"|PRESSROOM_([A-Z0-9_]+_)?PORT=(tcp|udp|sctp)://.*"
    r"|PRESSROOM_([A-Z0-9_]+_)?NAME=/[^/]+/[^/]+",
    re.DOTALL,
)
"""Variables that Kubernetes sets for each service, and Docker for each link, whose name begins with `pressroom`."""

_CONTROL_CHARACTER = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_SYNONYMS = {
    **dict.fromkeys(("PORT", "HOST", "ADDRESS", "ADDR", "LISTEN"), "PRESSROOM_BIND"),
    **dict.fromkeys(("WORKERS", "CONCURRENCY", "WEB_CONCURRENCY"), "WEB_CONCURRENCY"),
}


class InvalidSetting(ValueError):
    """An unknown setting or an invalid value; the message says what to change."""


def check_text(name: str, text: str) -> None:
    """Raise `InvalidSetting` if the value of the variable `name` is not UTF-8 or has control characters.

    A file with Windows line endings adds one to each value. The message does not repeat the value.
    """
    if control := _CONTROL_CHARACTER.search(text):
        raise InvalidSetting(
            f"Invalid {name}: remove the control character U+{ord(control[0]):04X}"
            f"{', with which Windows ends lines.' if control[0] == chr(13) else '.'}"
        )
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidSetting(f"Invalid {name}: the value is not UTF-8. Write it in UTF-8, and set LC_ALL=C.UTF-8.")


def check_origin(origin: str) -> str:
    """Return what to change so that browsers send `origin` (RFC 6454, section 6.2); empty if nothing."""
    parts = re.fullmatch(r"([^:/]+)://(\[[^\]]*\]|[^:/?#@\[\]]+)(?::([0-9]+))?", origin)
    if parts is None:
        return _advice_on_form(origin)
    scheme, host, port = parts[1].lower(), parts[2].lower(), int((parts[3] or "0")[:9])
    if scheme not in {"http", "https"}:
        return "use http or https as the scheme"
    if advice := _check_host(host):
        return advice
    if parts[3] and not 1 <= port <= 65_535:
        return "use a port from 1 to 65535"
    if host.startswith("["):
        host = f"[{IPv6Address(host[1:-1])}]"
    is_default_port = (scheme, port) in {("http", 80), ("https", 443)}
    sent = f"{scheme}://{host}{f':{port}' if port and not is_default_port else ''}"
    return "" if sent == origin else f"use {sent}, as browsers send it"


def _check_host(host: str) -> str:
    try:
        if host.startswith("["):
            IPv6Address(host[1:-1])
        elif host.rpartition(".")[2].isdecimal():
            IPv4Address(host)
    except AddressValueError:
        return f"{host} is not an IP address"
    if not host.isascii():
        return "write the host in Punycode (xn--…), as browsers send it"
    if "*" in host:
        return "list each origin; patterns are not supported"
    if not re.fullmatch(r"\[.*\]|[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", host):
        return f"{host} is not a host name"
    return ""


def _advice_on_form(origin: str) -> str:
    if origin == "*":
        return "use * alone, or list origins without it"
    if origin == "null":
        return "every sandboxed page and local file has this origin. Use * to allow all origins"
    if "://" not in origin:
        return "use SCHEME://HOST[:PORT], such as https://blog.example"
    if origin.endswith("/") and not check_origin(origin.rstrip("/")):
        return "remove the trailing slash"
    return "use only the scheme, the host and the port: SCHEME://HOST[:PORT]"


def setting(
    default: Any,
    description: str,
    *,
    choices: tuple[str, ...] = (),
    pattern: str = "",
    expected: str = "",
    minimum: int = 0,
    maximum: int = 1_000_000,
    check: Callable[[str], str] | None = None,
    is_secret: bool = False,
) -> Any:
    """Return a dataclass field with its description and the values it accepts.

    `expected` says in words what `pattern` matches; `check` returns what to change, or nothing. The value of a secret
    is not repeated in errors.
    """
    accepted = {"choices": choices, "pattern": pattern, "expected": expected, "minimum": minimum, "maximum": maximum}
    accepted["check"] = check
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
        "Origins whose pages may call the API, such as `https://blog.example`, separated by commas, or `*`.",
        check=check_origin,
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
        given = {
            name: text
            for name, text in environment.items()
            if name.startswith(PREFIX) and (name in known or not INJECTED.fullmatch(f"{name}={text}"))
        }
        if unknown := sorted(given.keys() - known.keys()):
            name = unknown[0] if unknown[0].isprintable() else ascii(unknown[0])
            raise InvalidSetting(f"Unknown setting {name}. {_suggestion(unknown[0], list(known))}")
        return cls(**{known[name].name: _read(name, text, known[name]) for name, text in given.items()})


def _suggestion(unknown: str, known: list[str]) -> str:
    if synonym := _SYNONYMS.get(unknown.removeprefix(PREFIX)):
        return f"Did you mean {synonym}?"
    # Compared without the prefix, which would make any two names similar.
    names = [name.removeprefix(PREFIX) for name in known]
    for near in get_close_matches(unknown.removeprefix(PREFIX), names, n=1):
        return f"Did you mean {PREFIX}{near}?"
    return f"Use one of {', '.join(known)}."


def _read(name: str, text: str, definition: Any) -> Any:
    accepted = definition.metadata
    check_text(name, text)
    if definition.type is int:
        return read_integer(name, text, accepted["minimum"], accepted["maximum"])
    if accepted["choices"] and text not in accepted["choices"]:
        raise InvalidSetting(f"Invalid {name} {text!r}: use one of {', '.join(accepted['choices'])}.")
    if get_args(definition.type):
        return _read_list(name, text, accepted["check"])
    value = "" if accepted["is_secret"] else f" {text!r}"
    if text != text.strip():
        raise InvalidSetting(f"Invalid {name}{value}: remove the spaces around it.")
    if accepted["pattern"] and not re.fullmatch(accepted["pattern"], text):
        raise InvalidSetting(f"Invalid {name}{value}: use {accepted['expected']}.")
    return text


def _read_list(name: str, text: str, check: Callable[[str], str]) -> tuple[str, ...]:
    # Each part once, in the order of the text.
    parts = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if parts != ("*",):
        for part in parts:
            if advice := check(part):
                raise InvalidSetting(f"Invalid {name} {part!r}: {advice}.")
    return parts


def read_integer(name: str, text: str, minimum: int, maximum: int) -> int:
    """Return the number that is the value of the variable `name`; `InvalidSetting` if it is not in the range."""
    if not (re.fullmatch("[0-9]{1,9}", text) and minimum <= int(text) <= maximum):
        raise InvalidSetting(f"Invalid {name} {text!r}: use a whole number from {minimum} to {maximum}.")
    return int(text)
