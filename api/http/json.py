"""JSON, read strictly: RFC 8259 leaves choices to parsers, and I-JSON (RFC 7493) takes them away again."""

import re
from collections.abc import Mapping
from typing import Any

import orjson
from flask.json.provider import JSONProvider

from api.http.application import Answer

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')


class InvalidJSON(ValueError):
    """Not JSON that means one thing only; its text says why."""


def loads(raw: bytes | str) -> Any:
    """The value of `raw`; `InvalidJSON` unless it is UTF-8 without doubled names, NaN or lone surrogates."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        not_utf8 = "surrogates not allowed" in error.msg
        raise InvalidJSON("it is not UTF-8" if not_utf8 else f"{error.msg} at character {error.pos + 1}") from None
    _refuse_doubles(raw.encode() if isinstance(raw, str) else raw, _members(value))
    return value


def dumps(value: object) -> bytes:
    """The JSON of `value`: compact, in UTF-8, with moments as RFC 3339 writes them in UTC."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


class Provider(JSONProvider):
    """How Flask reads and writes JSON."""

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """The value of JSON."""
        return loads(s)

    def dumps(self, obj: Any, **options: Any) -> str:
        """The JSON of a value, on many lines if there is an `indent`."""
        indent = orjson.OPT_INDENT_2 if options.get("indent") else 0
        return orjson.dumps(obj, option=orjson.OPT_UTC_Z | indent).decode()

    def response(self, *args: Any, **kwargs: Any) -> Answer:
        """An answer."""
        return answer(self._prepare_response_obj(args, kwargs))


def answer(
    content: object,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    media_type: str = "application/json",
) -> Answer:
    """An answer of JSON, which ends with a newline for who reads it at a terminal."""
    return Answer(dumps(content) + b"\n", status, headers, content_type=media_type)


def _members(value: Any) -> int:
    """How many members all objects in `value` have."""
    count, inside = 0, [value]
    while inside:
        each = inside.pop()
        if isinstance(each, dict):
            count += len(each)
            inside.extend(each.values())
        elif isinstance(each, list):
            inside.extend(each)
    return count


def _refuse_doubles(raw: bytes, members: int) -> None:
    """`InvalidJSON` if valid JSON names more members than these: the parser keeps the last of a name.

    Outside of strings, there is a colon for each name.
    """
    if raw.count(b":") > members < _STRING.sub(b"", raw).count(b":"):
        raise InvalidJSON("an object names a member twice")
