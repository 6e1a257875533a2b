"""Settings from environment variables."""

import dataclasses

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
        "PRESSROOM_REGISTRATION": "closed",
        "PRESSROOM_RATE_LIMITS": "off",
        "PRESSROOM_REDIS_URL": "rediss://:secret@host:6379/1",
        "PRESSROOM_TRUSTED_PROXIES": "2",
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
        ("PRESSROOM_THREADS", "0", "Invalid PRESSROOM_THREADS '0': use a whole number from 1 to 1000000."),
        ("PRESSROOM_THREADS", "٤", "Invalid PRESSROOM_THREADS '٤': use a whole number from 1 to 1000000."),
        (
            "PRESSROOM_TRUSTED_PROXIES",
            "-1",
            "Invalid PRESSROOM_TRUSTED_PROXIES '-1': use a whole number from 0 to 1000000.",
        ),
        ("PRESSROOM_TOKEN_DAYS", "", "Invalid PRESSROOM_TOKEN_DAYS '': use a whole number from 1 to 3650."),
        ("PRESSROOM_TOKEN_DAYS", "9" * 5_000, "': use a whole number from 1 to 3650."),
        (
            "PRESSROOM_CORS_ORIGINS",
            "http://localhost:5173/",
            "Invalid PRESSROOM_CORS_ORIGINS 'http://localhost:5173/': use * or SCHEME://HOST[:PORT] without a trailing",
        ),
        (
            "PRESSROOM_CORS_ORIGINS",
            "https://a.example,blog.example",
            "Invalid PRESSROOM_CORS_ORIGINS 'blog.example': use *",
        ),
        ("PRESSROOM_CORS_ORIGINS", "https://b[.]x.*", "Invalid PRESSROOM_CORS_ORIGINS 'https://b[.]x.*': use *"),
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
                "sqlite:///x\n",
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
            for bind in ("127.0.0.1", "9347", ":9347", "::1:80", "http://host:80", "a:80,b:80", "unix:")
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
            "Unknown setting PRESSROOM_CORS. Use one of PRESSROOM_DATABASE_URL, PRESSROOM_REPLICA_URL, ",
        ),
    ],
)
def test_unknown_settings_are_rejected_with_a_suggestion(name: str, message: str) -> None:
    with pytest.raises(InvalidSetting) as error:
        Settings.from_environment({name: "x"})
    assert str(error.value).startswith(message)


def test_settings_are_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().threads = 1  # type: ignore[misc] # the assignment is the test
