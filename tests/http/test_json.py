"""JSON that means one thing only."""

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
    lambda inside: st.lists(inside) | st.dictionaries(TEXT, inside),
)


@given(value=VALUES, ascii_only=st.booleans())
def test_what_json_can_say_is_read_as_it_was_meant(value: Any, ascii_only: bool) -> None:
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
def test_what_is_not_json_or_means_two_things_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(InvalidJSON, match=reason):
        loads(raw)


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert loads(b'"\\ud83d\\ude00"') == "😀"


PAIRS = st.lists(st.tuples(st.sampled_from(["a", "b", "c:", '"', "\\", 'd\\":']), VALUES), max_size=4)


@given(pairs=PAIRS, space=st.sampled_from(["", " ", "\n\t"]), ascii_only=st.booleans())
def test_a_member_is_named_once(pairs: list[tuple[str, Any]], space: str, ascii_only: bool) -> None:
    written = (f"{json.dumps(name)}{space}:{json.dumps(value, ensure_ascii=ascii_only)}" for name, value in pairs)
    raw = f"[{{{','.join(written)}}}]".encode()
    if len(dict(pairs)) < len(pairs):
        with pytest.raises(InvalidJSON, match="has a duplicate name"):
            loads(raw)
    else:
        assert loads(raw) == [dict(pairs)]


@given(value=VALUES)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert loads(dumps(value)) == json.loads(dumps(value)) == value


def test_moments_are_written_as_rfc_3339_does() -> None:
    moment = datetime(2026, 1, 31, 12, 0, 0, 5, tzinfo=UTC)
    assert dumps([moment, moment.replace(microsecond=0)]) == b'["2026-01-31T12:00:00.000005Z","2026-01-31T12:00:00Z"]\n'
