"""Strict JSON: malformed and ambiguous texts are rejected (RFC 7493)."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.json import InvalidJSON, dumps, loads

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
        (b"[" * 100_000, "depth limit exceeded"),
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


@given(value=VALUES)
def test_serialized_values_can_be_parsed(value: Any) -> None:
    assert loads(dumps(value)) == json.loads(dumps(value)) == value


def test_datetimes_are_serialized_as_in_rfc_3339() -> None:
    timestamp = datetime(2026, 1, 31, 12, 0, 0, 5, tzinfo=UTC)
    assert (
        dumps([timestamp, timestamp.replace(microsecond=0)])
        == b'["2026-01-31T12:00:00.000005Z","2026-01-31T12:00:00Z"]\n'
    )
