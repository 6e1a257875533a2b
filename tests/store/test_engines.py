"""Database URLs: invalid ones are rejected without connecting."""

import sys
from dataclasses import replace

import pytest

from api.settings import InvalidSetting, Settings
from api.store.engine.database import Database
from api.store.engine.replica import Replica

GOOD = "postgresql+psycopg://app@db.example/pressroom"


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("?sslmod=require", 'Invalid PRESSROOM_DATABASE_URL: invalid connection option "sslmod".'),
        ("?autocommit=on", 'Invalid PRESSROOM_DATABASE_URL: invalid connection option "autocommit".'),
        ("?port=x", "Invalid PRESSROOM_DATABASE_URL: Received non-integer port arguments: ('x',)."),
        ("?host=a&host=b&port=1&port=2&port=3", "Invalid PRESSROOM_DATABASE_URL: Can't mix 'multihost' formats"),
        ("?plugin=x", "Invalid PRESSROOM_DATABASE_URL: Can't load plugin"),
        *(
            (end, "Invalid PRESSROOM_DATABASE_URL: use postgresql+psycopg://USER@HOST:PORT/NAME, where")
            for end in (":port/x", ":/x", "@secret:secret/x", "?user=\udcff")
        ),
    ],
)
def test_invalid_urls_are_rejected_with_the_reason_and_without_the_password(end: str, reason: str) -> None:
    secret = "hunter2"
    with pytest.raises(InvalidSetting) as error:
        Database(Settings(database_url=f"postgresql://app:{secret}@db.example{end}"))
    assert str(error.value).startswith(reason)
    assert secret not in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        GOOD,
        "postgresql://",
        "postgresql:///pressroom?host=/run/postgresql",
        "postgresql://app@[::1]:5432/pressroom",
        "postgresql://app:p'%20%5C%25@db.example/pressroom?sslmode=verify-full&sslrootcert=/etc/ca.crt",
        "postgresql+psycopg://app@/x?host=db1.example&host=db2.example&target_session_attrs=read-write",
        "postgresql+psycopg://app@/x?host=db1.example:5432&host=db2.example:5433",
        "postgresql+psycopg://app@/x?host=db1.example,db2.example&port=5432,5433",
    ],
)
def test_urls_that_the_driver_understands_are_accepted(url: str) -> None:
    Database(Settings(database_url=url)).close()


def test_errors_in_the_replicas_url_name_its_own_setting() -> None:
    settings = Settings(database_url=GOOD, replica_url=f"{GOOD}?sslmod=require")
    primary = Database(settings)
    with pytest.raises(InvalidSetting, match="Invalid PRESSROOM_REPLICA_URL: invalid connection option"):
        Replica(settings, primary)
    with pytest.raises(InvalidSetting, match="Invalid PRESSROOM_REPLICA_URL: use"):
        Replica(replace(settings, replica_url="postgresql://app@db.example:x/pressroom"), primary)


def test_a_missing_driver_is_reported_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(
        InvalidSetting,
        match=r"_DATABASE_URL requires the PostgreSQL driver: run `pip install 'psycopg\[binary\]'`",
    ):
        Database(Settings(database_url=GOOD))
