"""The lines of an archive, read in batches."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from marshmallow import ValidationError

from api.json import InvalidJSON, JSONObject, TooManyValues, loads
from api.record_errors import find_errors
from api.records import KINDS
from api.schemas.problems import flatten_messages

BATCH_MAX_LINES, BATCH_MAX_BYTES = 2_000, 4 * 1024 * 1024
"""Limits of one transaction: it takes a third of a second, in which no other client can write to SQLite."""
_EXPECTED = " or ".join(f'{{"{name}": {{…}}}}' for name in KINDS)


class Line(NamedTuple):
    """A line: the kind and content of its record, or the error that makes it unusable."""

    number: int
    size: int
    kind: str = ""
    content: JSONObject = {}
    error: str = ""


def batches(lines: Iterable[bytes]) -> Iterator[list[Line]]:
    """Yield the lines that are not blank, as many as one transaction may import."""
    batch, size = list[Line](), 0
    for number, line in enumerate(lines, 1):
        if line.strip():
            batch.append(_parse(number, line))
            size += len(line)
        if len(batch) >= BATCH_MAX_LINES or size > BATCH_MAX_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _parse(number: int, line: bytes) -> Line:
    try:
        value = loads(line.rstrip(b"\r\n"))
    except InvalidJSON as error:
        return Line(number, len(line), error=f"Invalid JSON: {error}.")
    except TooManyValues:
        return Line(number, len(line), error="Too many values.")
    name = next(iter(value), None) if isinstance(value, dict) and len(value) == 1 else None
    if name not in KINDS:
        return Line(number, len(line), error=f"Expected {_EXPECTED}.")
    try:
        content = KINDS[name].schema.load(value[name])
    except ValidationError as error:
        details = (f"/{'/'.join((name, *path))}: {detail}" for path, detail in flatten_messages(error.messages))
        return Line(number, len(line), error=" ".join(details))
    if errors := " ".join(f"/{name}/{error}" for error in find_errors(content)):
        return Line(number, len(line), error=errors)
    return Line(number, len(line), name, content)
