"""Connections: SQLAlchemy builds and compiles the statements, the driver runs them.

Run through SQLAlchemy's own connection, reading a post takes four times as long: it looks up each statement in its
cache and wraps each result.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.sql.compiler import SQLCompiler

Select: TypeAlias = sa.Select[Any]
Statement: TypeAlias = Select | sa.TextualSelect | sa.Insert | sa.Update | sa.Delete
Processor: TypeAlias = Callable[[Any], Any]
Names: TypeAlias = dict[str, object]
DriverConnection: TypeAlias = Any
"""`sqlite3.Connection` or `psycopg.Connection`, which have no type in common."""
Row = TypeVar("Row", bound=tuple[Any, ...])
Result = TypeVar("Result")


class Query(Generic[Row]):
    """A statement that returns rows, and the NamedTuple of such a row; optionally with another one for PostgreSQL.

    `TypeError` if the fields of the NamedTuple are not the columns of the statement.
    """

    def __init__(self, row_type: type[Row], statement: Statement, *, postgresql: Statement | None = None) -> None:
        fields = getattr(row_type, "_fields", ())
        for each in (statement, postgresql):
            columns = fields if each is None else tuple(map(str, each.exported_columns.keys()))
            if columns != fields:
                raise TypeError(
                    f"{row_type.__qualname__} has the fields {fields}, its statement the columns {columns}."
                )
        self.row_type = row_type
        self._statement = statement
        self._postgresql = postgresql

    def statement(self, *, is_sqlite: bool) -> Statement:
        """Return the statement for SQLite or PostgreSQL."""
        return self._statement if is_sqlite or self._postgresql is None else self._postgresql


AnyQuery: TypeAlias = Query[Any]


class CompiledStatement(NamedTuple):
    """A statement's text, and functions that convert parameters for the driver and rows from it."""

    text: str
    bind: Callable[[Mapping[str, object]], object]
    read: Callable[[Sequence[object]], Any]


class StatementCache:
    """Compiles each statement, a module-level constant, once per process, dialect and set of parameter names."""

    _shared: ClassVar[dict[str, dict[tuple[object, tuple[str, ...]], CompiledStatement]]] = {}

    def __init__(self, dialect: sa.Dialect) -> None:
        self.is_sqlite = dialect.name == "sqlite"
        self._dialect = dialect
        self._compiled = self._shared.setdefault(dialect.name, {})

    def get(self, query: AnyQuery | Statement, parameters: Mapping[str, object]) -> CompiledStatement:
        """Return the compiled statement."""
        key = query, tuple(parameters)
        if (compiled := self._compiled.get(key)) is None:
            compiled = self._compiled[key] = self._compile(query, list(parameters))
        return compiled

    def _compile(self, query: AnyQuery | Statement, names: list[str]) -> CompiledStatement:
        row_type, statement = (
            (query.row_type, query.statement(is_sqlite=self.is_sqlite)) if isinstance(query, Query) else (None, query)
        )
        # An INSERT or UPDATE without values sets the columns named by the parameters.
        column_keys = names if isinstance(statement, sa.UpdateBase) else None
        compiled = statement.compile(dialect=self._dialect, column_keys=column_keys)
        read = self._row_reader(row_type, statement) if row_type else tuple
        return CompiledStatement(str(compiled), self._parameter_binder(compiled, names), read)

    # Like namedtuple, both of these generate one line of Python: it costs less than a loop over columns per row.

    def _parameter_binder(self, compiled: SQLCompiler, given: list[str]) -> Callable[[Mapping[str, object]], object]:
        names: Names = {}
        values = {}
        for parameter, name in compiled.bind_names.items():
            process = names[f"bind_{name}"] = self._processor(parameter.type, "bind_processor")
            if parameter.required or name in given:
                values[name] = f"bind_{name}(given[{name!r}])" if process else f"given[{name!r}]"
            else:
                names[f"constant_{name}"] = process(parameter.value) if process else parameter.value
                values[name] = f"constant_{name}"
        positional = ", ".join(values[name] for name in compiled.positiontup or ())
        by_name = ", ".join(f"{name!r}: {value}" for name, value in values.items())
        expression = f"[{positional}]" if compiled.positional else f"{{{by_name}}}"
        return _evaluate(f"lambda given: {expression}", names)

    def _row_reader(self, row_type: type[Row], statement: Statement) -> Callable[[Sequence[object]], Row]:
        names: Names = {"new": tuple.__new__, "row_type": row_type}
        values = []
        for index, column in enumerate(statement.exported_columns.values()):
            process = names[f"read_{index}"] = self._processor(column.type, "result_processor", None)
            values.append(f"read_{index}(row[{index}])," if process else f"row[{index}],")
        return _evaluate(f"lambda row: new(row_type, ({' '.join(values)}))", names)

    def _processor(self, type_: sa.types.TypeEngine[Any], method: str, *arguments: object) -> Processor | None:
        processor: Processor | None = getattr(type_.dialect_impl(self._dialect), method)(self._dialect, *arguments)
        return processor


def _evaluate(source: str, names: Names) -> Callable[..., Any]:
    return eval(source, names)  # type: ignore[no-any-return] # noqa: S307 (made of column names of this package)


class Connection:
    """A driver's connection. Each statement is committed at once unless a transaction has begun."""

    def __init__(self, driver: DriverConnection, statements: StatementCache) -> None:
        self.is_sqlite = statements.is_sqlite
        self._driver = driver
        self._statements = statements

    def all(self, query: Query[Row], **parameters: object) -> list[Row]:
        """Return all rows."""
        compiled = self._statements.get(query, parameters)
        return [*map(compiled.read, self._driver.execute(compiled.text, compiled.bind(parameters)).fetchall())]

    def read(self, consume: Callable[[Iterator[Row]], Result], query: Query[Row], **parameters: object) -> Result:
        """Return what `consume` makes of the rows. SQLite reads only those that it takes."""
        compiled = self._statements.get(query, parameters)
        cursor = self._driver.execute(compiled.text, compiled.bind(parameters))
        try:
            # psycopg has read all of them, and iterates slowly.
            return consume(map(compiled.read, cursor if self.is_sqlite else cursor.fetchall()))
        finally:
            cursor.close()  # ends SQLite's read transaction

    def one_or_none(self, query: Query[Row], **parameters: object) -> Row | None:
        """Return the row of a query that has at most one."""
        compiled = self._statements.get(query, parameters)
        row = self._driver.execute(compiled.text, compiled.bind(parameters)).fetchone()
        return None if row is None else compiled.read(row)

    def execute(self, statement: Statement, **parameters: object) -> int:
        """Execute a statement that returns no rows; return how many rows it changed."""
        compiled = self._statements.get(statement, parameters)
        changed: int = self._driver.execute(compiled.text, compiled.bind(parameters)).rowcount
        return changed

    def execute_many(self, statement: Statement, parameters: Sequence[Mapping[str, object]]) -> int:
        """Execute a statement for each of `parameters`, which have the same names; return how many rows it changed."""
        compiled, cursor = self._statements.get(statement, parameters[0]), self._driver.cursor()
        cursor.executemany(compiled.text, [*map(compiled.bind, parameters)])
        return int(cursor.rowcount)

    def execute_sql(self, sql: str) -> None:
        """Execute SQL without parameters or rows."""
        self._driver.execute(sql)

    def commit(self) -> None:
        """Commit the transaction."""
        self._driver.commit()

    def rollback(self) -> None:
        """Roll the transaction back, if there is one."""
        self._driver.rollback()
