"""JSON, read strictly: RFC 8259 leaves choices to parsers, and I-JSON (RFC 7493) takes them away again."""

import json
import math
from typing import Any, NoReturn


class BadJSON(ValueError):
    """Not JSON that means one thing only; its text says why."""


def loads(raw: bytes) -> Any:
    """The value of `raw`; `BadJSON` unless it is UTF-8 without doubled names, NaN or lone surrogates."""
    try:
        text = raw.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int
        )
        if "\\u" in text:  # only an escape can name half a surrogate pair
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise BadJSON("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise BadJSON("it is not UTF-8") from None
    except UnicodeEncodeError:
        raise BadJSON("it names half a surrogate pair") from None
    except json.JSONDecodeError as error:
        raise BadJSON(f"{error.msg.lower()} at character {error.pos + 1}") from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise BadJSON("an object names a member twice")
    return members


def _constant(name: str) -> NoReturn:
    raise BadJSON(f"{name} is no number of JSON")


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise BadJSON("a number is too large")
    return number


def _int(digits: str) -> int:
    if len(digits) > 20:
        raise BadJSON("an integer is too large")
    return int(digits)
