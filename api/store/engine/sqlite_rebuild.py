"""Tables of SQLite built again, because ALTER TABLE changes neither constraints nor the order of columns."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import sqlalchemy as sa

_OBJECTS = """
SELECT sql FROM sqlite_schema WHERE tbl_name IN (:table, :child) AND type IN ('index', 'trigger') AND sql IS NOT NULL
ORDER BY rowid
"""


def rebuild(
    connection: sa.Connection,
    table: str,
    create: Callable[[str], object],
    columns: str,
    *,
    child: str,
    added: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Replace a table, with its rows, indices, triggers and the highest id it has used.

    `create` makes the new table, under the name that it is passed. `columns` are those that both tables have, `added`
    the expressions of new ones. `child` is the only table that refers to it: its rows are set aside, because to drop a
    table deletes those that refer to it.
    """

    def run(sql: str) -> None:
        connection.exec_driver_sql(sql)

    objects = connection.scalars(sa.text(_OBJECTS), {"table": table, "child": child}).all()
    create_child = connection.scalar(sa.text("SELECT sql FROM sqlite_schema WHERE name = :child"), {"child": child})
    run(f"CREATE TABLE rows_of_child AS SELECT * FROM {child}")  # noqa: S608 (constants)
    run(f"DROP TABLE {child}")
    create("rebuilt")
    new_columns, values = ", ".join([columns, *added]), ", ".join([columns, *added.values()])
    run(f"INSERT INTO rebuilt ({new_columns}) SELECT {values} FROM {table} ORDER BY id")  # noqa: S608 (constants)
    # The highest id that has been used, which may be that of a deleted row.
    run("DELETE FROM sqlite_sequence WHERE name = 'rebuilt'")
    run(f"INSERT INTO sqlite_sequence SELECT 'rebuilt', seq FROM sqlite_sequence WHERE name = '{table}'")  # noqa: S608 (a constant)
    run(f"DROP TABLE {table}")
    run(f"ALTER TABLE rebuilt RENAME TO {table}")
    run(create_child)
    run(f"INSERT INTO {child} SELECT * FROM rows_of_child")  # noqa: S608 (constants)
    run("DROP TABLE rows_of_child")
    for sql in objects:
        run(sql)
