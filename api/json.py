"""JSON, parsed strictly: where RFC 8259 leaves choices to parsers, I-JSON (RFC 7493) applies."""

import sqlite3
from collections.abc import Collection, Iterable
from contextlib import closing
from typing import Any, TypeAlias

import orjson

JSONObject: TypeAlias = dict[str, Any]

MAX_DEPTH = 500
"""Deeper values could exhaust the stack of recursive code."""
MAX_STRINGS = 100_000
"""Strings and names; an object or array counts as five. Parsed, they take up to 50 times the memory of their text."""
_BLOCK_SIZE = 65_536
_CONTAINERS = frozenset({dict, list})


class InvalidJSON(ValueError):
    """JSON that is malformed or ambiguous; the message says why."""


class TooManyValues(ValueError):
    """JSON that is well-formed, but has so many values that they would take too much memory."""


def loads(raw: bytes) -> Any:
    """Parse `raw`; `InvalidJSON` unless it is UTF-8 without duplicate names, NaN, infinity or lone surrogates.

    `TooManyValues` if it has more than `MAX_STRINGS` (RFC 8259, section 9).
    """
    if _has_too_many_values(raw) and _has_too_many_values(_without_texts(raw)):
        if _is_well_formed(raw):
            raise TooManyValues
        raise InvalidJSON(f"its syntax is invalid, or it is nested more than {MAX_DEPTH} deep")
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        not_utf8 = "surrogates not allowed" in error.msg
        raise InvalidJSON("it is not UTF-8" if not_utf8 else f"{error.msg} at character {error.pos + 1}") from None
    names = len(value) if type(value) is dict else 0
    colons = raw.count(b":")
    if colons > names or raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
        names = _count_names(value)
    # orjson keeps the last of duplicate names (RFC 7493, section 2.3, forbids them). There is a colon for each name.
    if colons > names and _without_texts(raw).count(b":") > names:
        raise InvalidJSON("an object has a duplicate name")
    return value


def dumps(value: object) -> bytes:
    """Serialize `value`: compact, in UTF-8, datetimes in UTC as in RFC 3339, and a newline for terminals."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)


def _has_too_many_values(raw: bytes) -> bool:
    # A byte counts as five at most, so most bodies need not be searched.
    return len(raw) > MAX_STRINGS // 5 and raw.count(b'"') // 2 + 5 * (raw.count(b"{") + raw.count(b"[")) > MAX_STRINGS


def _is_well_formed(raw: bytes) -> bool:
    """Check the syntax without building the values: SQLite's parser takes 16 bytes for each."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return False
    with closing(sqlite3.connect(":memory:")) as db:
        [result] = db.execute("SELECT json_valid(?)", (text,)).fetchone()
    return bool(result)


def _count_names(value: object) -> int:
    """Count the names of all objects; `InvalidJSON` if values are nested too deeply."""
    count, depth, level = 0, 0, [value]
    while level:
        nested: list[object] = []
        for each in level:
            if isinstance(each, dict):
                count += len(each)
                nested.extend(_containers(each.values()))
            elif isinstance(each, list):
                nested.extend(_containers(each))
        depth += 1
        if depth > MAX_DEPTH:
            raise InvalidJSON(f"it is nested more than {MAX_DEPTH} deep")
        level = nested
    return count


def _containers(values: Collection[object]) -> Iterable[object]:
    """Return the objects and arrays among `values`, of which there may be millions."""
    if _CONTAINERS.isdisjoint(map(type, values)):
        return ()
    return (value for value in values if type(value) in _CONTAINERS)


def _without_texts(raw: bytes) -> bytes:
    """Return JSON with all strings empty. It works by blocks, because a split at each quote would take more memory."""
    quoted = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    blocks, is_in_string = [], 0
    for start in range(0, len(quoted), _BLOCK_SIZE):
        parts = quoted[start : start + _BLOCK_SIZE].split(b'"')
        blocks.append(b'""'.join(parts[is_in_string::2]))
        is_in_string ^= (len(parts) - 1) & 1
    return b"".join(blocks)
