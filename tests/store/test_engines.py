"""URLs of databases: what cannot be meant is told before anybody connects."""

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
        ("?sslmod=require", 'PRESSROOM_DATABASE_URL cannot be read: invalid connection option "sslmod".'),
        ("?autocommit=on", 'PRESSROOM_DATABASE_URL cannot be read: invalid connection option "autocommit".'),
        ("?port=x", "PRESSROOM_DATABASE_URL cannot be read: Received non-integer port arguments: ('x',)."),
        ("?host=a&host=b&port=1&port=2&port=3", "PRESSROOM_DATABASE_URL cannot be read: Can't mix 'multihost' formats"),
        ("?plugin=x", "PRESSROOM_DATABASE_URL cannot be read: Can't load plugin"),
        *(
            (end, "PRESSROOM_DATABASE_URL cannot be read. Write postgresql+psycopg://USER@HOST:PORT/NAME, where")
            for end in (":port/x", ":/x", "@secret:secret/x", "?user=\udcff")
        ),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_with_its_reason(end: str, reason: str) -> None:
    secret = "hunter2"
    with pytest.raises(InvalidSetting) as refusal:
        Database(Settings(database_url=f"postgresql://app:{secret}@db.example{end}"))
    assert str(refusal.value).startswith(reason)
    assert secret not in str(refusal.value)
    assert "secret" not in str(refusal.value)


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
def test_a_url_that_the_driver_understands_is_taken(url: str) -> None:
    Database(Settings(database_url=url)).close()


def test_a_url_of_the_replica_is_told_by_its_own_name() -> None:
    settings = Settings(database_url=GOOD, replica_url=f"{GOOD}?sslmod=require")
    primary = Database(settings)
    with pytest.raises(InvalidSetting, match="PRESSROOM_REPLICA_URL cannot be read: invalid connection option"):
        Replica(settings, primary)
    with pytest.raises(InvalidSetting, match=r"PRESSROOM_REPLICA_URL cannot be read\. Write"):
        Replica(replace(settings, replica_url="postgresql://app@db.example:x/pressroom"), primary)


def test_a_driver_that_is_missing_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(
        InvalidSetting, match=r"PRESSROOM_DATABASE_URL needs a driver: pip install -e '.\[postgresql\]'"
    ):
        Database(Settings(database_url=GOOD))
