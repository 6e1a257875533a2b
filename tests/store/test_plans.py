"""The plan of every statement of the store: none reads a number of rows that grows with a table."""

import gc
import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import dialect as postgresql_dialect

import api.store
from api.store.columns import metadata
from api.store.engine.connections import Query
from api.store.engine.database import Database

ROWS = 20_000
BATCH_MAX_ROWS = 2_000
"""More than a page, or a batch of a sweep or an export, has."""
REVISION = "0123456789abcdef"
EXCEPTIONS = {
    "archive_import._IDENTITIES": "an import reads all posts of an author once",
    "archive_locks._ADVANCE_SEQUENCE": "reads no table, and only on PostgreSQL",
    "tokens_use._LOCK_ALL_OF_USER": "all tokens of a user, of whom `tokens_per_user` are not expired",
    "tokens._DELETE_ALL_OF_USER": "the same",
    "tokens._COUNT_OF_USER": "the same",
}
"""Statements that read more, by the beginning of their names, with the reason."""
SORTED = re.compile(r"changes\._[A-Z]+\._delta|posts_search_statements\.SORT\[.*|comments\.PAGE")
"""Statements that sort the entries of up to three subqueries, each with a LIMIT, or of an array."""

for _module in pkgutil.iter_modules(api.store.__path__):
    importlib.import_module(f"api.store.{_module.name}")


def name_statements(place: str, value: object, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """Yield every query and statement that a module's global variable leads to."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Query | sa.Insert | sa.Update | sa.Delete):
        yield place, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from name_statements(f"{place}[{key}]", item, seen)
    elif type(value).__module__.startswith("api.store.") and hasattr(value, "__dict__"):
        for name, item in vars(value).items():
            yield from name_statements(f"{place}.{name}", item, seen)


def all_statements() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for module in pkgutil.iter_modules(api.store.__path__):
        variables = vars(importlib.import_module(f"api.store.{module.name}"))
        for name, value in variables.items():
            if not name.startswith("__") and not isinstance(value, type):
                found |= name_statements(f"{module.name}.{name}", value, set())
    unique = {id(statement): (name, statement) for name, statement in reversed(found.items())}
    return dict(unique.values())


STATEMENTS = {
    name: statement
    for name, statement in all_statements().items()
    if not isinstance(statement, sa.Insert)
    and not (isinstance(statement, Query) and isinstance(statement.statement(is_sqlite=True), sa.Insert))
}
CHECKED = sorted(name for name in STATEMENTS if not name.startswith(tuple(EXCEPTIONS)))


def test_every_query_is_checked() -> None:
    """A query that no module's variable leads to would not be."""
    mine = {id(statement) for statement in all_statements().values()}
    others = [
        query.row_type.__qualname__
        for query in gc.get_objects()
        if isinstance(query, Query)
        and query.row_type.__module__.startswith("api.store.")
        and ".engine." not in query.row_type.__module__
        and id(query) not in mine
    ]
    assert others == []


def test_every_exception_is_needed() -> None:
    for name in EXCEPTIONS:
        assert any(each.startswith(name) for each in STATEMENTS), name


def test_no_statement_locks_a_user_in_share_mode() -> None:
    """On Citus, where `users` is a reference table, FOR SHARE deadlocks the sign-ins of different users."""
    dialect = postgresql_dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy has no types here
    for name, statement in all_statements().items():
        query = statement.statement(is_sqlite=False) if isinstance(statement, Query) else statement
        read, is_shared, locked = str(query.compile(dialect=dialect)).partition(" FOR SHARE")
        assert not is_shared or locked.startswith(" OF posts") or "users" not in read, name


def fill(database: Database, rows: int) -> None:
    """Insert that many rows of every table, half of the posts by one author and the others with one tag; ANALYZE."""
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) "
    old = "'2026-01-01 00:00:00.000000'"
    blob = "CAST(printf('%032d', i) AS BLOB)" if database.is_sqlite else "decode(lpad(i::text, 64, '0'), 'hex')"
    i = "i" if database.is_sqlite else "i::text"
    inserts = {
        "users (id, username, display_name, bio, revision, created_at, updated_at, change_position)": (
            f"i, 'u' || {i}, 'u', '', '{REVISION}', {old}, {old}, i"
        ),
        "posts (id, author_id, title, body, tags, published_at, revision, created_at, updated_at, change_position)": (
            f"i, CASE WHEN i % 2 = 0 THEN 1 ELSE i END, 't', 'b', '[]', {old}, '{REVISION}', {old}, {old}, i"
        ),
        "post_tags (post_id, tag, published_at, author_id)": (
            f"i, CASE WHEN i % 2 = 1 THEN 'x' ELSE 't' || {i} END, {old}, CASE WHEN i % 2 = 0 THEN 1 ELSE i END"
        ),
        "tokens (id, user_id, name, sha256, created_at, expires_at)": f"i, i, '', {blob}, {old}, {old}",
        "comments (id, post_id, author_id, revision, created_at, updated_at, body)": (
            f"i, CASE WHEN i % 2 = 0 THEN 1 ELSE i END, i, '{REVISION}', {old}, {old}, 'b'"
        ),
        'idempotency_keys (user_id, "key", fingerprint, created_at)': (
            f"CASE WHEN i % 2 = 0 THEN 1 ELSE i END, 'k' || {i}, {blob}, {old}"
        ),
        # The first user follows as many others as are allowed, and is followed by all.
        "follows (follower_id, followed_id, followed_at, hidden)": (
            f"CASE WHEN i > {rows - 500} THEN 1 ELSE i END, CASE WHEN i > {rows - 500} THEN i ELSE 1 END, {old}, false"
        ),
        "usage (user_id, day, posts, bytes)": "i, '2026-01-01', 1, 1",
        "likes (post_id, user_id, liked_at)": (
            f"CASE WHEN i % 2 = 0 THEN 1 ELSE i END, CASE WHEN i % 2 = 0 THEN i ELSE 1 END, {old}"
        ),
        "removed_posts (post_id, change_position, removed_at)": f"i, i, {old}",
        "removed_users (username, user_id, change_position, removed_at)": f"'u' || {i}, i, i, {old}",
        "post_words (post_id, version, words)": (
            f"i, '', 'x' || CASE WHEN i < 1500 THEN ' y' ELSE '' END || ' w' || {i}"
        ),
        "sync_epochs (feed, first_position, epoch, swept_position, swept_id)": "'posts', i + 1000000, 'x', 0, 0",
    }
    assert {each.split()[0] for each in inserts} == set(metadata.tables)
    with database.write() as db:
        if not database.is_sqlite:
            # Foreign keys, whose checks take longer than the rest, are not checked.
            db.execute_sql("SET LOCAL session_replication_role = replica")
        for target, text in inserts.items():
            values = text
            if not database.is_sqlite:
                values = text.replace(old, f"timestamptz {old}").replace("'2026-01-01',", "date '2026-01-01',")
            db.execute_sql(
                f"INSERT INTO {target} {numbers}SELECT {values} FROM n"
                if database.is_sqlite
                else f"INSERT INTO {target} SELECT {values} FROM generate_series(1, {rows}) AS n(i)"
            )
        db.execute_sql("ANALYZE")


def sql_of(database: Database, name: str) -> str:
    """Return the statement with values in place of its parameters."""
    statement = STATEMENTS[name]
    if isinstance(statement, Query):
        statement = statement.statement(is_sqlite=database.is_sqlite)
    keys = (
        ["title"]
        if isinstance(statement, sa.Update) and not statement._values and "title" in statement.table.c
        else None
    )
    if isinstance(statement, sa.Update) and not statement._values and keys is None:
        keys = [next(column.name for column in statement.table.c if not column.primary_key)]
    compiled = statement.compile(dialect=database.engine.dialect, column_keys=keys)
    text = str(compiled)
    values = {key: literal(database, each.type, each.value) for key, each in compiled.binds.items()}
    values["read_id"] = "2"  # a user without posts, who can be deleted
    values["author"] = "'u1'"  # half of the posts; the other half has the tag
    values["liker"] = "'u1'"  # half of the likes; the other half is of the first post
    later = "'2027-01-01 00:00:00.000000'" if database.is_sqlite else "timestamptz '2027-01-01'"
    values |= {"page_timestamp": later, "page_id": "1", "page_limit": "101"}  # the first page
    values["entries_limit"] = values["at_most"] = "101"
    values |= {"words": """'["y"]'""", "sequences": """'[" x ", " y "]'""", "ids": f"'{[*range(1, 102)]}'"}
    given = [values[key] for key in compiled.positiontup or []]
    if database.is_sqlite:
        return "".join(map("".join, zip_longest(text.split("?"), given, fillvalue="")))
    # As the application executes it: with the same plan for all values.
    numbers = (f"${number}" for number in range(1, len(given) + 1))
    text = "".join(map("".join, zip_longest(text.split("%s"), numbers, fillvalue="")))
    arguments = f" ({', '.join(given)})" if given else ""
    return f"PREPARE checked AS {text.replace('%%', '%')};\nEXECUTE checked{arguments}"


def literal(database: Database, type_: Any, value: object) -> str:
    """Return a value of the type in SQL."""
    if type(value) is int:  # a required parameter has a symbol, which is an int, too
        return str(value)
    kind = type_.impl if isinstance(type_, sa.TypeDecorator) else type_
    literals: list[tuple[type[Any], str, str]] = [
        (sa.DateTime, "'2026-01-01 00:00:00.000000'", "timestamptz '2026-01-01 00:00:00'"),
        (sa.Date, "'2025-01-01'", "date '2025-01-01'"),
        (sa.Boolean, "false", "false"),
        (sa.LargeBinary, "x'00'", "decode('00', 'hex')"),
        (sa.JSON, "'[]'", "'[]'"),
        (sa.String, "'x'", "'x'"),
    ]
    for kind_type, sqlite, postgresql in literals:
        if isinstance(kind, kind_type):
            return sqlite if database.is_sqlite else postgresql
    return "1"


def full_scans(database: Database, sql: str) -> list[str]:
    """Return the steps of the plan that read a table, or sort an unbounded number of its rows."""
    with database.engine.execution_options(
        **({} if database.is_sqlite else {"isolation_level": "READ COMMITTED"})
    ).connect() as db:
        if database.is_sqlite:
            steps = [row[3] for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")]
            # A scan of an index in its order ends at the limit; a subquery has no more rows than it returns.
            bounded = " LIMIT " in sql
            return [
                step
                for step in steps
                if (
                    step.startswith("SCAN ")
                    and not re.match(r"SCAN (\(|anon|positions|entries|wanted|sequences|SUBQUERY|CONSTANT)", step)
                    # An array, and the index of words, which is read up to the limit.
                    and not re.match(r"SCAN \w+ VIRTUAL TABLE INDEX (1:$|0:M)", step)
                    and not (bounded and "USING" in step)
                )
                or step.startswith("USE TEMP B-TREE")
            ]
        assert db.scalar(sa.text("SHOW plan_cache_mode")) == "force_generic_plan"
        prepare, execute = sql.replace("%", "%%").split(";\n")
        db.exec_driver_sql(prepare)
        # ANALYZE executes the statement; the transaction is rolled back.
        [(plan,)] = db.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {execute}").all()
        db.exec_driver_sql("DEALLOCATE checked")
        db.rollback()
        return [*read_too_much(plan[0]["Plan"] if isinstance(plan, list) else json.loads(plan)[0]["Plan"])]


def read_too_much(node: dict[str, Any]) -> Iterator[str]:
    """Yield the nodes of PostgreSQL's plan that read or discard too many rows."""
    read = node["Actual Rows"] * node["Actual Loops"] + node.get("Rows Removed by Filter", 0) * node["Actual Loops"]
    if (
        node["Node Type"] in {"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Sort"}
        and read > BATCH_MAX_ROWS
    ):
        yield f"{node['Node Type']} of {node.get('Relation Name', '')}: {read} rows"
    for child in node.get("Plans", []):
        yield from read_too_much(child)


@pytest.mark.parametrize("rows", [ROWS, pytest.param(200_000, marks=pytest.mark.nightly)])
def test_no_statement_reads_a_number_of_rows_that_grows_with_a_table(database: Database, rows: int) -> None:
    fill(database, rows)
    scans = {}
    for name in CHECKED:
        found = full_scans(database, sql_of(database, name))
        if SORTED.fullmatch(name):
            found = [step for step in found if not step.startswith("USE TEMP B-TREE FOR ORDER BY")]
        if found:
            scans[name] = found, sql_of(database, name)
    assert scans == {}
