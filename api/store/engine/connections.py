"""Connections: SQLAlchemy builds and compiles the statements, the driver runs them.

Between the two, SQLAlchemy would look each statement up and wrap each result anew: to read a post by its own connection
takes four times as long.
"""

from collections import namedtuple
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import sqlalchemy as sa

Statement: TypeAlias = sa.Select[Any] | sa.TextualSelect | sa.Insert | sa.Update | sa.Delete
Process: TypeAlias = Callable[[Any], Any]


class Row(Protocol):
    """A row: an attribute for each column."""

    def __getattr__(self, name: str) -> Any:
        """The value of a column."""

    def _asdict(self) -> dict[str, Any]:
        """All of them by name."""


class CompiledStatement(NamedTuple):
    """A statement as a driver takes it, how its parameters are written, and how its rows are read."""

    text: str
    parameters: Callable[[Mapping[str, object]], Any]
    row: Callable[[Sequence[Any]], Row]


class StatementCache:
    """StatementCache, each compiled once for a dialect and for the parameters that it is given."""

    def __init__(self, dialect: sa.Dialect) -> None:
        self._dialect = dialect
        self._prepared: dict[tuple[Statement, tuple[str, ...]], CompiledStatement] = {}

    def prepare(self, statement: Statement, given: Mapping[str, object]) -> CompiledStatement:
        """The statement, ready to run. It must be one that lives on, as those at module level do."""
        key = statement, tuple(given)
        if (prepared := self._prepared.get(key)) is None:
            prepared = self._prepared[key] = self._compile(statement, list(given))
        return prepared

    def _compile(self, statement: Statement, names: list[str]) -> CompiledStatement:
        # An INSERT or UPDATE without values names the columns that are given.
        given = names if isinstance(statement, sa.UpdateBase) else None
        compiled: Any = statement.compile(dialect=self._dialect, column_keys=given)
        columns = {str(name): column.type for name, column in statement.exported_columns.items()}
        return CompiledStatement(str(compiled), self._writer(compiled, names), self._reader(columns))

    # As namedtuple does, the next two write a line of Python, which costs less than loops over the columns of each row.

    def _writer(self, compiled: Any, given: Collection[str]) -> Callable[[Mapping[str, object]], Any]:
        """What makes a driver's parameters of those that are given; those that are not are fixed."""
        called: dict[str, Any] = {}
        values = {}
        for parameter, name in compiled.bind_names.items():
            process = called[f"write_{name}"] = self._processor(parameter.type, "bind_processor")
            if parameter.required or name in given:
                values[name] = f"write_{name}(given[{name!r}])" if process else f"given[{name!r}]"
            else:
                called[f"fixed_{name}"] = process(parameter.value) if process else parameter.value
                values[name] = f"fixed_{name}"
        in_order = ", ".join(values[name] for name in compiled.positiontup or ())
        by_name = ", ".join(f"{name!r}: {value}" for name, value in values.items())
        write: Callable[[Mapping[str, object]], Any] = _lambda(
            "given", f"[{in_order}]" if compiled.positional else f"{{{by_name}}}", called
        )
        return write

    def _reader(self, columns: Mapping[str, sa.types.TypeEngine[Any]]) -> Callable[[Sequence[Any]], Row]:
        """What makes rows of a driver's rows."""
        kind: Any = namedtuple("Row", columns)  # type: ignore[misc] # its columns are known only here
        called: dict[str, Any] = {"new": tuple.__new__, "Row": kind}
        values = []
        for index, (name, type_) in enumerate(columns.items()):
            process = called[f"read_{name}"] = self._processor(type_, "result_processor", None)
            values.append(f"read_{name}(row[{index}])," if process else f"row[{index}],")
        read: Callable[[Sequence[Any]], Row] = _lambda("row", f"new(Row, ({' '.join(values)}))", called)
        return read

    def _processor(self, kind: sa.types.TypeEngine[Any], which: str, *arguments: object) -> Process | None:
        process: Process | None = getattr(kind.dialect_impl(self._dialect), which)(self._dialect, *arguments)
        return process


def _lambda(parameter: str, expression: str, names: dict[str, Any]) -> Any:
    return eval(f"lambda {parameter}: {expression}", names)  # noqa: S307 (names of columns and of our own)


class Connection:
    """A driver's connection, which commits each statement unless a transaction has begun."""

    def __init__(self, driver: Any, statements: StatementCache) -> None:
        self._driver = driver
        self._statements = statements

    def all(self, statement: Statement, **parameters: object) -> list[Row]:
        """The rows of a statement."""
        prepared = self._statements.prepare(statement, parameters)
        return [*map(prepared.row, self._driver.execute(prepared.text, prepared.parameters(parameters)).fetchall())]

    def one_or_none(self, statement: Statement, **parameters: object) -> Row | None:
        """The row of a statement that has at most one."""
        prepared = self._statements.prepare(statement, parameters)
        row = self._driver.execute(prepared.text, prepared.parameters(parameters)).fetchone()
        return None if row is None else prepared.row(row)

    def execute(self, statement: Statement, **parameters: object) -> int:
        """Run a statement, and tell how many rows it has changed."""
        prepared = self._statements.prepare(statement, parameters)
        changed: int = self._driver.execute(prepared.text, prepared.parameters(parameters)).rowcount
        return changed

    def execute_many(self, statement: Statement, each: Sequence[Mapping[str, object]]) -> None:
        """Run a statement with several sets of parameters of the same names; there is at least one."""
        prepared = self._statements.prepare(statement, each[0])
        self._driver.cursor().executemany(prepared.text, [*map(prepared.parameters, each)])

    def execute_sql(self, words: str) -> None:
        """Run a command without parameters or rows."""
        self._driver.execute(words)

    def commit(self) -> None:
        """End the transaction; what it has done is kept."""
        self._driver.commit()

    def rollback(self) -> None:
        """End the transaction, if there is one; what it has done is undone."""
        self._driver.rollback()
