"""`deploy/citus.sql`, on PostgreSQL: two functions stand in for Citus, and its documented rules are checked.

Citus comes in no package that the tests could install.
"""

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from api.store.columns import metadata
from tests.support.paths import PROJECT_ROOT

SQL = (PROJECT_ROOT / "deploy" / "citus.sql").read_text()
PAGE = (PROJECT_ROOT / "deploy" / "citus.md").read_text()
STATEMENTS = [text.strip() for text in re.sub(r"^--.*\n", "", SQL, flags=re.M).split(";") if text.strip()]
FUNCTIONS = """
CREATE TABLE placed (name text, key text);
CREATE FUNCTION create_reference_table(name text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO placed VALUES (name, NULL) $$;
CREATE FUNCTION create_distributed_table(name text, key text, shard_count int DEFAULT 0, colocate_with text DEFAULT '')
RETURNS void LANGUAGE sql AS $$ INSERT INTO placed VALUES (name, key) $$;
CREATE ROLE pressroom;
"""
KEYS_WITHOUT_COLUMN = """
SELECT tables.relname, keys.relname FROM pg_index
JOIN pg_class AS tables ON tables.oid = indrelid JOIN pg_class AS keys ON keys.oid = indexrelid
JOIN placed ON placed.name = tables.relname
JOIN pg_attribute ON attrelid = indrelid AND attname = placed.key
WHERE indisunique AND NOT attnum = ANY (indkey)
"""
TRIGGERS = """
SELECT name, tgname FROM pg_trigger JOIN placed ON tgrelid = name::regclass WHERE NOT tgisinternal AND key IS NOT NULL
"""
FOREIGN_KEYS = """
SELECT mine.relname, conname FROM pg_constraint
JOIN pg_class AS mine ON mine.oid = conrelid JOIN pg_class AS other ON other.oid = confrelid
LEFT JOIN placed AS of ON of.name = mine.relname JOIN placed AS to_ ON to_.name = other.relname AND to_.key IS NOT NULL
LEFT JOIN pg_attribute AS my_key ON my_key.attrelid = conrelid AND my_key.attname = of.key
JOIN pg_attribute AS their_key ON their_key.attrelid = confrelid AND their_key.attname = to_.key
WHERE contype = 'f' AND NOT COALESCE(conkey[array_position(confkey, their_key.attnum)] = my_key.attnum, false)
"""


@pytest.fixture
def db(postgresql_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection whose transaction is rolled back, with it the role."""
    with psycopg.connect(postgresql_url.replace("+psycopg", "")) as db:
        db.execute(FUNCTIONS)
        yield db
        db.rollback()


def test_every_table_has_a_place() -> None:
    [local] = re.findall(r"^-- On the coordinator stay: (.+)\.$", SQL, flags=re.M)
    placed = re.findall(r"create_(?:reference|distributed)_table\('(\w+)'", SQL)
    assert sorted([*local.split(", "), *placed]) == sorted(metadata.tables)


def test_the_page_lists_exactly_what_citus_rejects(db: psycopg.Connection[Any]) -> None:
    for statement in STATEMENTS:
        db.execute(statement.encode())
    rejected = [row for query in (KEYS_WITHOUT_COLUMN, TRIGGERS, FOREIGN_KEYS) for row in db.execute(query.encode())]
    assert sorted(rejected) == sorted(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", PAGE, flags=re.M))


def test_a_foreign_key_between_tables_of_other_places_would_be_found(db: psycopg.Connection[Any]) -> None:
    db.execute("ALTER TABLE tokens ADD COLUMN post_id bigint CONSTRAINT fk_local REFERENCES posts (id)")
    db.execute("ALTER TABLE likes ADD COLUMN other_id bigint CONSTRAINT fk_other_column REFERENCES posts (id)")
    for statement in STATEMENTS:
        db.execute(statement.encode())
    found = {name for _, name in db.execute(FOREIGN_KEYS.encode())}
    assert found == {"fk_local", "fk_other_column"}
