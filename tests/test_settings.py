"""Settings, from the environment."""

import dataclasses

import pytest

from api.settings import InvalidSetting, Settings


def test_nothing_needs_to_be_set() -> None:
    assert Settings.from_environment({"PATH": "/bin", "pressroom_bind": "x"}) == Settings()


def test_every_setting_has_its_variable() -> None:
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
    ("name", "value", "advice"),
    [
        ("PRESSROOM_THREAD", "4", "PRESSROOM_THREAD is no setting. Write one of: PRESSROOM_DATABASE_URL, "),
        ("PRESSROOM_THREADS", "0", "PRESSROOM_THREADS is '0'. Write a whole number from 1 to 1000000."),
        ("PRESSROOM_THREADS", "٤", "Write a whole number from 1 to 1000000."),
        ("PRESSROOM_TRUSTED_PROXIES", "-1", "Write a whole number from 0 to 1000000."),
        ("PRESSROOM_TOKEN_DAYS", "", "Write a whole number from 1 to 3650."),
        ("PRESSROOM_TOKEN_DAYS", "9" * 5_000, "Write a whole number from 1 to 3650."),
        ("PRESSROOM_CORS_ORIGINS", "blog.example", "Write * or SCHEME://HOST, separated by commas."),
        ("PRESSROOM_CORS_ORIGINS", "https://a.example,https://b[.]x.*", "Write * or SCHEME://HOST"),
        *(
            ("PRESSROOM_DATABASE_URL", url, "Write sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME.")
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
        ("PRESSROOM_REPLICA_URL", "sqlite:///secret", "Write postgresql+psycopg://USER@HOST/NAME."),
        *(
            ("PRESSROOM_BIND", bind, "Write HOST:PORT or unix:PATH.")
            for bind in ("127.0.0.1", "9347", ":9347", "::1:80", "http://secret:80", "a:80,b:80", "unix:")
        ),
        ("PRESSROOM_WORKER_CLASS", "tornado", "Write one of: gthread, sync, gevent."),
        ("PRESSROOM_SQLITE_SYNCHRONOUS", "off", "Write one of: FULL, NORMAL."),
    ],
)
def test_what_cannot_be_meant_is_refused_with_advice(name: str, value: str, advice: str) -> None:
    with pytest.raises(InvalidSetting) as refusal:
        Settings.from_environment({name: value})
    assert advice in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_settings_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().threads = 1  # type: ignore[misc] # that is the point
