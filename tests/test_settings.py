"""Settings from environment variables."""

import dataclasses
import os
from typing import Any

import pytest

from api.settings import InvalidSetting, Settings


def test_all_settings_are_optional() -> None:
    assert Settings.from_environment({"PATH": "/bin", "pressroom_bind": "x"}) == Settings()


def test_every_setting_has_an_environment_variable() -> None:
    given = {
        "PRESSROOM_DATABASE_URL": "sqlite:///other.sqlite",
        "PRESSROOM_REPLICA_URL": "postgresql+psycopg://app@replica/pressroom",
        "PRESSROOM_PGBOUNCER": "on",
        "PRESSROOM_SQLITE_SYNCHRONOUS": "NORMAL",
        "PRESSROOM_TOKEN_DAYS": "7",
        "PRESSROOM_POSTS_PER_DAY": "0",
        "PRESSROOM_MEGABYTES_PER_DAY": "0",
        "PRESSROOM_TOKENS_PER_USER": "0",
        "PRESSROOM_REGISTRATION": "closed",
        "PRESSROOM_RATE_LIMITS": "off",
        "PRESSROOM_REDIS_URL": "rediss://:secret@host:6379/1",
        "PRESSROOM_TRUSTED_PROXIES": "2",
        "PRESSROOM_POST_URL": "https://blog.example/{slug}",
        "PRESSROOM_CORS_ORIGINS": "https://a.example, https://b.example,",
        "PRESSROOM_RUN_DIR": "/run/pressroom",
        "PRESSROOM_BIND": "unix:/run/pressroom.sock",
        "PRESSROOM_WORKER_CLASS": "gevent",
        "PRESSROOM_THREADS": "16",
        "PRESSROOM_WORKER_CONNECTIONS": "100",
        "PRESSROOM_TIMEOUT": "10",
        "PRESSROOM_GRACEFUL_TIMEOUT": "20",
        "PRESSROOM_KEEPALIVE": "0",
        "PRESSROOM_MAX_REQUESTS": "0",
        "PRESSROOM_MAX_REQUESTS_JITTER": "0",
        "PRESSROOM_ACCESS_LOG": "",
        "PRESSROOM_ERROR_LOG": "error.log",
        "PRESSROOM_LOG_LEVEL": "debug",
    }
    settings = Settings.from_environment(given)
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert (settings.token_days, settings.access_log) == (7, "")
    for field in dataclasses.fields(Settings):
        assert getattr(settings, field.name) != getattr(Settings(), field.name)
        assert field.metadata["description"].endswith(".")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PRESSROOM_THREADS", "0", "Invalid PRESSROOM_THREADS '0': use a whole number from 1 to 1000."),
        ("PRESSROOM_THREADS", "٤", "Invalid PRESSROOM_THREADS '٤': use a whole number from 1 to 1000."),
        (
            "PRESSROOM_TRUSTED_PROXIES",
            "-1",
            "Invalid PRESSROOM_TRUSTED_PROXIES '-1': use a whole number from 0 to 1000000.",
        ),
        ("PRESSROOM_TOKEN_DAYS", "", "Invalid PRESSROOM_TOKEN_DAYS '': use a whole number from 1 to 3650."),
        ("PRESSROOM_TOKEN_DAYS", "9" * 5_000, "': use a whole number from 1 to 3650."),
        *(
            (
                "PRESSROOM_DATABASE_URL",
                url,
                "Invalid PRESSROOM_DATABASE_URL: use sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME.",
            )
            for url in (
                "",
                "secret",
                "sqlite://",
                "sqlite:///:memory:",
                "sqlite:///file:x",
                "sqlite:///?x=1",
                "sqlite:///x?secret=1",
                "mysql://x/y",
                "postgresql+asyncpg://x/y",
            )
        ),
        (
            "PRESSROOM_REPLICA_URL",
            "sqlite:///secret",
            "Invalid PRESSROOM_REPLICA_URL: use postgresql+psycopg://USER@HOST/NAME.",
        ),
        (
            "PRESSROOM_REDIS_URL",
            "http://:secret@host",
            "Invalid PRESSROOM_REDIS_URL: use redis://HOST:PORT, rediss://HOST:PORT or redis+unix:///SOCKET.",
        ),
        *(
            ("PRESSROOM_BIND", bind, f"Invalid PRESSROOM_BIND {bind!r}: use HOST:PORT or unix:PATH.")
            for bind in ("127.0.0.1", "9347", ":9347", "[]:80", "::1:80", "http://host:80", "a:80,b:80", "unix:")
        ),
        (
            "PRESSROOM_WORKER_CLASS",
            "tornado",
            "Invalid PRESSROOM_WORKER_CLASS 'tornado': use one of gthread, sync, gevent.",
        ),
        ("PRESSROOM_SQLITE_SYNCHRONOUS", "off", "Invalid PRESSROOM_SQLITE_SYNCHRONOUS 'off': use one of FULL, NORMAL."),
    ],
)
def test_invalid_values_are_rejected_with_advice(name: str, value: str, message: str) -> None:
    with pytest.raises(InvalidSetting) as error:
        Settings.from_environment({name: value})
    assert message in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("PRESSROOM_THREAD", "Unknown setting PRESSROOM_THREAD. Did you mean PRESSROOM_THREADS?"),
        (
            "PRESSROOM_CORS",
            "Unknown setting PRESSROOM_CORS. `pressroom settings` prints all of them.",
        ),
    ],
)
def test_unknown_settings_are_rejected_with_a_suggestion(name: str, message: str) -> None:
    with pytest.raises(InvalidSetting) as error:
        Settings.from_environment({name: "x"})
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("PRESSROOM_PORT", "PRESSROOM_BIND"),
        ("PRESSROOM_HOST", "PRESSROOM_BIND"),
        ("PRESSROOM_WORKERS", "WEB_CONCURRENCY"),
    ],
)
def test_names_that_other_servers_use_are_rejected_with_the_right_one(name: str, suggestion: str) -> None:
    with pytest.raises(InvalidSetting, match=f"^Unknown setting {name}. Did you mean {suggestion}[?]$"):
        Settings.from_environment({name: "8000"})


INJECTED = {
    "PRESSROOM_SERVICE_HOST": "10.96.0.7",
    "PRESSROOM_SERVICE_PORT": "8000",
    "PRESSROOM_SERVICE_PORT_HTTP_API": "8000",
    "PRESSROOM_PORT": "tcp://10.96.0.7:8000",
    "PRESSROOM_PORT_8000_TCP": "tcp://[fd00::7]:8000",
    "PRESSROOM_PORT_8000_TCP_PROTO": "tcp",
    "PRESSROOM_PORT_8000_TCP_PORT": "8000",
    "PRESSROOM_PORT_8000_TCP_ADDR": "fd00::7",
    "PRESSROOM_PORT_53_UDP_PROTO": "udp",
    "PRESSROOM_PORT_8000_TCP_START": "tcp://172.17.0.2:8000",
    "PRESSROOM_PORT_8000_TCP_PORT_END": "8003",
    "PRESSROOM_NAME": "/web/pressroom",
    "PRESSROOM_ENV_PYTHON_VERSION": "3.13",
    "PRESSROOM_1_PORT": "tcp://172.17.0.2:8000",
    "PRESSROOM_POSTGRES_SERVICE_HOST": "10.96.0.8",
    "PRESSROOM_POSTGRES_PORT_5432_TCP_ADDR": "10.96.0.8",
    "PRESSROOM_DATABASE_SERVICE_PORT": "5432",
}
"""What Kubernetes and Docker's links set for services named `pressroom`, `pressroom-1`, `pressroom-postgres`, …"""


@pytest.mark.parametrize("name", INJECTED)
def test_variables_that_platforms_inject_are_ignored(name: str) -> None:
    assert Settings.from_environment({name: INJECTED[name], "PRESSROOM_THREADS": "3"}) == Settings(threads=3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PRESSROOM_PORT", "8000"),
        ("PRESSROOM_PORT", "http://127.0.0.1:8000"),
        ("PRESSROOM_NAME", "The Pressroom"),
        ("PRESSROOM_PORT_8000", "tcp://10.0.0.1:8000"),
        ("PRESSROOM_SERVICE", "x"),
        ("PRESSROOM_ENV", "production"),
        ("PRESSROOM_REDIS_HOST", "10.0.0.1"),
    ],
)
def test_unknown_settings_that_resemble_injected_variables_are_rejected(name: str, value: str) -> None:
    with pytest.raises(InvalidSetting, match=f"^Unknown setting {name}[.]"):
        Settings.from_environment({name: value})


SETTINGS = {f"PRESSROOM_{field.name.upper()}": field for field in dataclasses.fields(Settings)}
CONTROL_CHARACTERS = {"\r": "000D", "\n": "000A", "\t": "0009", "\0": "0000", "\x1b": "001B", "\x7f": "007F"}
CONTROL_CHARACTERS |= {"\x85": "0085", "\u2028": "2028", "\ufeff": "FEFF"}


def valid_text(field: dataclasses.Field[Any]) -> str:
    """A valid value of a setting; the default if it is not empty."""
    values = {"replica_url": "postgresql://x/y", "redis_url": "redis://x", "cors_origins": "*", "run_dir": "/run"}
    return values.get(field.name, str(field.default))


@pytest.mark.parametrize("name", SETTINGS)
def test_control_characters_are_rejected_in_every_setting(name: str) -> None:
    valid = valid_text(SETTINGS[name])
    Settings.from_environment({name: valid})
    for control, number in CONTROL_CHARACTERS.items():
        for text in (f"{valid}{control}", f"{control}{valid}", f"{valid[:1]}{control}{valid[1:]}", control):
            with pytest.raises(InvalidSetting) as error:
                Settings.from_environment({name: text})
            assert str(error.value).startswith(f"Invalid {name}: remove the control character U+{number}")
            assert str(error.value).isprintable()


def test_the_message_says_that_windows_ends_lines_with_a_carriage_return() -> None:
    with pytest.raises(
        InvalidSetting, match=r"^Invalid PRESSROOM_DATABASE_URL: .* U[+]000D, with which Windows ends lines"
    ):
        Settings.from_environment({"PRESSROOM_DATABASE_URL": "sqlite:///x.sqlite\r"})


@pytest.mark.parametrize("name", SETTINGS)
def test_values_that_are_not_utf_8_are_rejected_in_every_setting(name: str) -> None:
    text = f"{valid_text(SETTINGS[name])}{os.fsdecode(bytes([0xFF]))}"
    with pytest.raises(InvalidSetting, match=f"^Invalid {name}: the value is not UTF-8[.]"):
        Settings.from_environment({name: text})


@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "PRESSROOM_CORS_ORIGINS"])
@pytest.mark.parametrize("form", [" {}", "{} ", "\xa0{}"])
def test_spaces_around_a_value_are_rejected_in_every_setting(name: str, form: str) -> None:
    with pytest.raises(InvalidSetting, match=f"^Invalid {name}"):
        Settings.from_environment({name: form.format(valid_text(SETTINGS[name]))})


@pytest.mark.parametrize(
    "text",
    [
        "http://[::1]:3000",
        "http://my_host:3000",
        "http://localhost:5173",
        "https://blog.example",
        "https://blog.example:8443",
        "http://127.0.0.1:3000",
        "https://xn--bcher-kva.example",
        "https://[2001:db8::1]",
        "http://a:65535",
        "http://1and1.example",
        "https://blog.example.",
        "*",
    ],
)
def test_origins_in_the_form_that_browsers_send_are_valid(text: str) -> None:
    assert Settings.from_environment({"PRESSROOM_CORS_ORIGINS": text}).cors_origins == (text,)


def test_an_origin_that_is_listed_twice_counts_once() -> None:
    given = {"PRESSROOM_CORS_ORIGINS": "https://a.example,, https://b.example,https://a.example"}
    assert Settings.from_environment(given).cors_origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("http://localhost:5173/", "remove the trailing slash"),
        ("http://[::1]:3000/", "remove the trailing slash"),
        ("https://blog.example/posts", "use only the scheme, the host and the port"),
        ("https://blog.example?x", "use only the scheme, the host and the port"),
        ("https://user@blog.example", "use only the scheme, the host and the port"),
        ("https://", "use only the scheme, the host and the port"),
        ("https://Blog.example", "use https://blog.example, as browsers send it"),
        ("HTTPS://blog.example", "use https://blog.example, as browsers send it"),
        ("https://blog.example:443", "use https://blog.example, as browsers send it"),
        ("http://blog.example:80", "use http://blog.example, as browsers send it"),
        ("http://blog.example:08000", "use http://blog.example:8000, as browsers send it"),
        ("http://[0:0:0:0:0:0:0:1]:3000", "use http://[::1]:3000, as browsers send it"),
        ("http://[2001:DB8::1]", "use http://[2001:db8::1], as browsers send it"),
        ("http://blog.example:0", "use a port from 1 to 65535"),
        ("http://blog.example:65536", "use a port from 1 to 65535"),
        (f"http://blog.example:{'9' * 5000}", "use a port from 1 to 65535"),
        ("http://[::g]:3000", "[::g] is not an IP address"),
        ("http://127.1:3000", "127.1 is not an IP address"),
        ("https://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example", "write the host in Punycode (xn--…)"),
        ("https://*.blog.example", "list each origin; patterns are not supported"),
        ("https://b(.x", "b(.x is not a host name"),
        ("https://b[.]x.*", "use only the scheme, the host and the port"),
        ("blog.example", "use SCHEME://HOST[:PORT]"),
        ("localhost:3000", "use SCHEME://HOST[:PORT]"),
        ("ftp://blog.example", "use http or https as the scheme"),
        ("null", "every sandboxed page and local file has this origin"),
        ("https://blog.example;https://b.example", "use only the scheme, the host and the port"),
    ],
)
def test_other_forms_of_origins_are_rejected_with_advice(text: str, advice: str) -> None:
    with pytest.raises(InvalidSetting) as error:
        Settings.from_environment({"PRESSROOM_CORS_ORIGINS": f"https://a.example, {text}"})
    assert str(error.value).startswith(f"Invalid PRESSROOM_CORS_ORIGINS {text!r}: {advice}")


def test_the_wildcard_is_rejected_among_other_origins() -> None:
    with pytest.raises(InvalidSetting, match=r"use [*] alone, or list origins without it"):
        Settings.from_environment({"PRESSROOM_CORS_ORIGINS": "https://a.example,*"})


def test_every_unknown_name_and_every_invalid_value_is_reported() -> None:
    given = {"PRESSROOM_X": "1", "PRESSROOM_THREADS": "0", "PRESSROOM_TIMEOUT": "30", "PRESSROOM_PGBOUNCER": "yes"}
    with pytest.raises(InvalidSetting) as error:
        Settings.from_environment(given)
    assert error.value.messages == (
        "Unknown setting PRESSROOM_X. `pressroom settings` prints all of them.",
        "Invalid PRESSROOM_PGBOUNCER 'yes': use one of off, on.",
        "Invalid PRESSROOM_THREADS '0': use a whole number from 1 to 1000.",
    )


def test_settings_are_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().threads = 1  # type: ignore[misc] # the assignment is the test
