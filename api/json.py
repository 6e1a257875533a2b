"""JSON, parsed strictly: where RFC 8259 leaves choices to parsers, I-JSON (RFC 7493) applies."""

import json
from typing import Any, TypeAlias

import orjson

JSONObject: TypeAlias = dict[str, Any]

MAX_DEPTH = 500
"""Python's parser, which finds duplicate names, is recursive."""


class InvalidJSON(ValueError):
    """JSON that is malformed or ambiguous; the message says why."""


def loads(raw: bytes) -> Any:
    """Parse `raw`; `InvalidJSON` unless it is UTF-8 without duplicate names, NaN, infinity or lone surrogates."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        not_utf8 = "surrogates not allowed" in error.msg
        raise InvalidJSON("it is not UTF-8" if not_utf8 else f"{error.msg} at character {error.pos + 1}") from None
    # orjson keeps the last of duplicate names (RFC 7493, section 2.3, forbids them). There is a colon for each name.
    if raw.count(b":") > _count_names(value):
        _reject_duplicate_names(raw)
    return value


def dumps(value: object) -> bytes:
    """Serialize `value`: compact, in UTF-8, datetimes in UTC as in RFC 3339, and a newline for terminals."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)


def _count_names(value: object) -> int:
    """Count the names of all objects; `InvalidJSON` if values are nested too deeply for a recursive parser."""
    count, depth, level = 0, 0, [value]
    while level:
        nested: list[object] = []
        for each in level:
            if isinstance(each, dict):
                count += len(each)
                nested.extend(each.values())
            elif isinstance(each, list):
                nested.extend(each)
        depth += 1
        if depth > MAX_DEPTH:
            raise InvalidJSON(f"it is nested more than {MAX_DEPTH} deep")
        level = nested
    return count


def _reject_duplicate_names(raw: bytes) -> None:
    """Parse again, by a parser that reports each object's names."""
    # Numbers are ignored: a long one would take quadratic time.
    json.loads(raw.decode(), object_pairs_hook=_unique_names, parse_int=len, parse_float=len)


def _unique_names(pairs: list[tuple[str, object]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise InvalidJSON("an object has a duplicate name")
