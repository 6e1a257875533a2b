"""JSON texts of 4 MiB that take the most memory or time, whatever the schema."""

import itertools
import json
import re
import string
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from api.constraints import REQUEST_BODY_MAX_BYTES

JSONSchema = Mapping[str, Any]
NAME_LETTERS = string.ascii_letters + string.digits + "-_"


class Illegal(NamedTuple):
    """A way to fill the value of a property, and the status of every operation that requires a body."""

    fill: Callable[[bytes], bytes]
    status: int


def repeated(item: bytes, end: bytes = b"]}") -> Callable[[bytes], bytes]:
    """Return the function of a property's name that makes it a list of as many items as fit."""

    def fill(name: bytes) -> bytes:
        start = b'{"%s":[' % name
        count = (REQUEST_BODY_MAX_BYTES - len(start) - len(end)) // (len(item) + 1)
        return start + (item + b",") * (count - 1) + item + end

    return fill


def text(character: bytes, end: bytes = b'"}') -> Callable[[bytes], bytes]:
    """Return the function of a property's name that makes it as long a text as fits."""

    def fill(name: bytes) -> bytes:
        start = b'{"%s":"' % name
        return start + character * ((REQUEST_BODY_MAX_BYTES - len(start) - len(end)) // len(character)) + end

    return fill


def properties(names: Iterator[bytes], value: bytes = b"0", end: bytes = b"}") -> bytes:
    """Return an object of as many properties as fit."""
    size = len(next(names)) + len(value) + 4
    pairs = (b'"%s":%s' % (name, value) for name in names)
    return b"{" + b",".join(itertools.islice(pairs, REQUEST_BODY_MAX_BYTES // size - 2)) + end


def names(length: int) -> Iterator[bytes]:
    return ("".join(letters).encode() for letters in itertools.product(NAME_LETTERS, repeat=length))


ILLEGAL = {
    "numbers": Illegal(repeated(b"1"), 422),
    "fractions": Illegal(repeated(b"1.5"), 422),
    "nulls": Illegal(repeated(b"null"), 422),
    "letters": Illegal(repeated(b'"a"'), 422),
    "short texts": Illegal(repeated(b'"ab"'), 422),
    "texts that are not ASCII": Illegal(repeated('"漢"'.encode()), 422),
    "empty texts": Illegal(repeated(b'""'), 422),
    "lists": Illegal(repeated(b"[]"), 422),
    "objects": Illegal(repeated(b"{}"), 422),
    "objects with a property": Illegal(repeated(b'{"":0}'), 422),
    "nested lists": Illegal(repeated(b"[" * 400 + b"]" * 400), 422),
    "nested objects": Illegal(repeated(b'{"":' * 400 + b"0" + b"}" * 400), 422),
    "lists and numbers": Illegal(repeated(b"[1.5]" + b",1" * 20), 422),
    "numbers, a colon and a brace": Illegal(repeated(b"1", b'],"x":"a:b{c"}'), 422),
    "numbers and many braces": Illegal(repeated(b"1", b'],"x":"' + b"[:" * 1_000 + b'"}'), 422),
    "a long text": Illegal(text(b"x"), 422),
    "a long text of colons": Illegal(text(b":"), 422),
    "a long text of quotes": Illegal(text(b'\\"'), 422),
    "a long text of braces": Illegal(text(b"{"), 422),
    "a long text of commas": Illegal(text(b","), 422),
    "a long text of control characters": Illegal(text(b"\\u0000"), 422),
    "a long text of DEL": Illegal(text(b"\x7f"), 422),
    "unknown properties": Illegal(lambda _: properties(names(4)), 422),
    "unknown properties with short names": Illegal(lambda _: properties(names(3), b"0"), 422),
    "unknown properties and a colon": Illegal(lambda _: properties(names(4), end=b',"x":"a:b"}'), 422),
    "a long unknown name": Illegal(lambda _: b'{"' + b"\x7f" * (REQUEST_BODY_MAX_BYTES - 6) + b'":0}', 422),
    "long unknown names": Illegal(lambda _: properties(name + b"n" * 40_000 for name in names(2)), 422),
    "as many unknown names as are parsed": Illegal(lambda _: properties(name + b"n" * 40 for name in names(4)), 422),
    "the same name": Illegal(lambda _: properties(itertools.repeat(b"n" * 40)), 400),
    "the same empty name": Illegal(lambda _: properties(itertools.repeat(b"")), 422),
    "unknown properties and a duplicate": Illegal(
        lambda _: properties((name + b"n" * 40 for name in names(4)), end=b',"x":0,"x":0}'), 400
    ),
    "a duplicate behind numbers": Illegal(repeated(b"1", b'],"x":0,"x":0}'), 400),
    "numbers without an end": Illegal(repeated(b"1", b""), 400),
    "lists without an end": Illegal(repeated(b"[]", b""), 400),
    "only brackets": Illegal(lambda _: b"[" * REQUEST_BODY_MAX_BYTES, 400),
    "too deeply nested": Illegal(lambda name: b'{"%s":' % name + b"[" * 600 + b"]" * 600 + b"}", 400),
    "deeply nested behind numbers": Illegal(repeated(b"1", b"," + b"[" * 600 + b"]" * 600 + b"]}"), 400),
    "not UTF-8": Illegal(repeated(b"[]", b',"\xff"]}'), 400),
    "spaces": Illegal(lambda _: b" " * REQUEST_BODY_MAX_BYTES, 400),
    "a list instead of an object": Illegal(lambda _: repeated(b"1", b"]")(b"")[len(b'{"":') :], 422),
}
"""Each of 4 MiB, but for "too deeply nested"."""


def legal(schema: JSONSchema, character: str) -> bytes:
    """Return an object with the longest texts and lists that the schema allows, padded with spaces to 4 MiB."""
    content = {name: _longest(described, character) for name, described in schema["properties"].items()}
    raw = json.dumps(content).encode()
    assert len(raw) <= REQUEST_BODY_MAX_BYTES
    return raw[:-1].ljust(REQUEST_BODY_MAX_BYTES - 1) + b"}"


def _longest(schema: JSONSchema, character: str) -> object:
    if schema.get("type") == "array":
        item = schema["items"]
        return [f"{number:0{item['maxLength']}}" for number in range(schema["maxItems"])]
    if "maxProperties" in schema:
        length = schema["propertyNames"]["maxLength"]
        value = _longest(schema["additionalProperties"], character)
        return {f"{'n' * length}{number}"[-length:]: value for number in range(schema["maxProperties"])}
    longest = character * schema.get("maxLength", 0)
    pattern = schema.get("pattern", "^[1-8]" if "format" in schema else "")
    return longest if longest and "format" not in schema and re.search(pattern, longest) else schema["examples"][0]
