"""Connections: SQLAlchemy builds and compiles the statements, the driver runs them.

Between the two, SQLAlchemy would look each statement up and wrap each result anew: half of what a read costs.
"""

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol, TypeAlias, cast

import sqlalchemy as sa

Statement: TypeAlias = sa.Select[Any] | sa.TextualSelect | sa.Insert | sa.Update | sa.Delete
Process: TypeAlias = Callable[[Any], Any]


class Row(Protocol):
    """A row: an attribute for each column."""

    def __getattr__(self, name: str) -> Any:
        """The value of a column."""

    def _asdict(self) -> dict[str, Any]:
        """All of them by name."""


class Prepared(NamedTuple):
    """A statement as a driver takes it, how its parameters are written, and how its rows are read."""

    text: str
    parameters: Callable[[Mapping[str, object]], Any]
    row: Callable[[Sequence[Any]], Row]


class Statements:
    """Statements, each compiled once for a dialect and for the parameters that it is given."""

    def __init__(self, dialect: sa.Dialect) -> None:
        self._dialect = dialect
        self._prepared: dict[tuple[Statement, tuple[str, ...]], Prepared] = {}

    def prepare(self, statement: Statement, given: Mapping[str, object]) -> Prepared:
        """The statement, ready to run. It must be one that lives on, as those at module level do."""
        key = statement, tuple(given)
        if (prepared := self._prepared.get(key)) is None:
            prepared = self._prepared[key] = self._compile(statement, list(given))
        return prepared

    def _compile(self, statement: Statement, names: list[str]) -> Prepared:
        # An INSERT or UPDATE without values names the columns that are given.
        given = names if isinstance(statement, sa.UpdateBase) else None
        compiled: Any = statement.compile(dialect=self._dialect, column_keys=given)
        types = {name: parameter.type for name, parameter in compiled.binds.items()}
        writers = {name: process for name in types if (process := self._processor(types[name], "bind_processor"))}
        fixed = {name: parameter.value for name, parameter in compiled.binds.items() if not parameter.required}
        columns = {str(name): column.type for name, column in statement.exported_columns.items()}
        readers = {name: self._processor(columns[name], "result_processor", None) for name in columns}
        return Prepared(str(compiled), _writer(compiled.positiontup, fixed, writers), _reader(readers))

    def _processor(self, kind: sa.types.TypeEngine[Any], which: str, *arguments: object) -> Process | None:
        process: Process | None = getattr(kind.dialect_impl(self._dialect), which)(self._dialect, *arguments)
        return process


def _writer(
    order: Sequence[str] | None, fixed: Mapping[str, object], writers: Mapping[str, Process]
) -> Callable[[Mapping[str, object]], Any]:
    """What makes a driver's parameters, a list if there is an `order`, of those that are given and those `fixed`."""

    def write(given: Mapping[str, object]) -> Any:
        values = {**fixed, **given}
        for name, process in written:
            values[name] = process(values[name])
        return values if order is None else [values[name] for name in order]

    written = list(writers.items())
    return write


def _reader(readers: Mapping[str, Process | None]) -> Callable[[Sequence[Any]], Row]:
    """What makes rows of a driver's rows, whose columns these processes read."""
    kind: Any = namedtuple("Row", readers)  # type: ignore[misc] # its columns are known only here
    names = {f"read_{column}": read for column, read in readers.items()}
    columns = (
        f"{f'read_{column}' if read else ''}(row[{index}])" for index, (column, read) in enumerate(readers.items())
    )
    # As namedtuple does: a loop over the columns of each row would take twice as long.
    source = f"lambda row: make(({', '.join([*columns, ''])}))"
    return cast("Callable[[Sequence[Any]], Row]", eval(source, {"make": kind._make, **names}))  # noqa: S307 (ours)


class Connection:
    """A driver's connection, which commits each statement unless a transaction has begun."""

    def __init__(self, driver: Any, statements: Statements) -> None:
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

    def change(self, statement: Statement, **parameters: object) -> int:
        """Run a statement, and tell how many rows it has changed."""
        prepared = self._statements.prepare(statement, parameters)
        changed: int = self._driver.execute(prepared.text, prepared.parameters(parameters)).rowcount
        return changed

    def change_each(self, statement: Statement, each: Sequence[Mapping[str, object]]) -> None:
        """Run a statement with several sets of parameters of the same names; there is at least one."""
        prepared = self._statements.prepare(statement, each[0])
        self._driver.cursor().executemany(prepared.text, [*map(prepared.parameters, each)])

    def run(self, words: str) -> None:
        """Run a command without parameters or rows."""
        self._driver.execute(words)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end what has begun; roll back if an exception leaves the block."""
        try:
            yield
            self._driver.commit()
        except BaseException:
            self._driver.rollback()
            raise

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Within a transaction, undo what the block has done if an exception leaves it."""
        self._driver.execute("SAVEPOINT here")
        try:
            yield
        except BaseException:
            self._driver.execute("ROLLBACK TO here")
            raise
        finally:
            self._driver.execute("RELEASE here")
