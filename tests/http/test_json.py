"""Strict JSON: malformed and ambiguous texts are rejected (RFC 7493)."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.json import MAX_STRINGS, InvalidJSON, TooManyValues, dumps, loads

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda nested: st.lists(nested) | st.dictionaries(TEXT, nested),
)


@given(value=VALUES, ascii_only=st.booleans())
def test_valid_json_is_parsed(value: Any, ascii_only: bool) -> None:
    assert loads(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty document"),
        (b"{", "unexpected end of data"),
        (b'{"a":1,"a":2}', "has a duplicate name"),
        (b'[{"b":{"a":1,"a":1}}]', "has a duplicate name"),
        (b"NaN", "unexpected character"),
        (b"[-Infinity]", "no digit after sign"),
        (b"1e999", "number is infinity"),
        (b"9" * 5_000, "number is infinity"),
        (b"[" * 10_000, "depth limit exceeded"),
        (b'"\\ud800"', "surrogate in string"),
        (b'{"\\udc00":1}', "surrogate in string"),
        (b'"\xff"', "not UTF-8"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ('{"a":1}'.encode("utf-16"), "not UTF-8"),
        (b"{} {}", "unexpected content"),
        (b"'a'", "unexpected character"),
    ],
)
def test_malformed_and_ambiguous_json_is_rejected(raw: bytes, reason: str) -> None:
    with pytest.raises(InvalidJSON, match=reason):
        loads(raw)


def test_a_surrogate_pair_is_parsed_as_one_character() -> None:
    assert loads(b'"\\ud83d\\ude00"') == "😀"


PAIRS = st.lists(st.tuples(st.sampled_from(["a", "b", "c:", '"', "\\", 'd\\":']), VALUES), max_size=4)


@given(pairs=PAIRS, space=st.sampled_from(["", " ", "\n\t"]), ascii_only=st.booleans())
def test_duplicate_names_are_rejected(pairs: list[tuple[str, Any]], space: str, ascii_only: bool) -> None:
    properties = (f"{json.dumps(name)}{space}:{json.dumps(value, ensure_ascii=ascii_only)}" for name, value in pairs)
    raw = f"[{{{','.join(properties)}}}]".encode()
    if len(dict(pairs)) < len(pairs):
        with pytest.raises(InvalidJSON, match="has a duplicate name"):
            loads(raw)
    else:
        assert loads(raw) == [dict(pairs)]


@pytest.mark.parametrize("length", [0, 1, 65_520, 65_536, 131_072])
@pytest.mark.parametrize("text", ['":', '\\":', "\\\\", "[{", "x:"])
def test_names_are_found_behind_a_text_of_any_length(text: str, length: int) -> None:
    content = {"a": text * length + text, "b": [{"c:": '"'}, {"c": 0}], "d": text}
    raw = json.dumps(content).encode()
    assert loads(raw) == content
    with pytest.raises(InvalidJSON, match="has a duplicate name"):
        loads(raw.replace(b'"d"', b'"a"'))


MAX_ARRAYS = MAX_STRINGS // 5
TOO_MANY = {
    "arrays": b"[" + b"[]," * MAX_ARRAYS + b"0]",
    "objects": b"[" + b"{}," * MAX_ARRAYS + b"0]",
    "nested arrays": b"[" + (b"[" * 400 + b"]" * 400 + b",") * (MAX_ARRAYS // 400) + b"0]",
    "strings": b"[" + b'"",' * (MAX_STRINGS + 1_000) + b"0]",
    "names": b"{" + b'"":"",' * (MAX_STRINGS // 2 + 1_000) + b'"a":0}',
}


@pytest.mark.parametrize("raw", TOO_MANY.values(), ids=TOO_MANY)
def test_too_many_values_are_rejected_without_building_them(raw: bytes) -> None:
    with pytest.raises(TooManyValues):
        loads(raw)
    with pytest.raises(InvalidJSON, match="its syntax is invalid"):
        loads(raw[:-1])
    with pytest.raises(InvalidJSON, match="its syntax is invalid"):
        loads(raw.replace(b"0", b'"\xff"'))


def test_almost_too_many_values_are_parsed() -> None:
    raw = b"[" + b"[]," * (MAX_ARRAYS - 2) + b"0]"
    assert len(loads(raw)) == MAX_ARRAYS - 1


@pytest.mark.parametrize("text", ["[", "{", '"', '\\"', "[{:,"])
def test_characters_of_texts_do_not_count_as_values(text: str) -> None:
    assert loads(json.dumps([text * 900_000]).encode()) == [text * 900_000]


@given(value=VALUES)
def test_serialized_values_can_be_parsed(value: Any) -> None:
    assert loads(dumps(value)) == json.loads(dumps(value)) == value


def test_datetimes_are_serialized_as_in_rfc_3339() -> None:
    timestamp = datetime(2026, 1, 31, 12, 0, 0, 5, tzinfo=UTC)
    assert (
        dumps([timestamp, timestamp.replace(microsecond=0)])
        == b'["2026-01-31T12:00:00.000005Z","2026-01-31T12:00:00Z"]\n'
    )
