"""JSON that means one thing only."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.json import BadJSON, loads

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
        (b'{"a":1,"a":2}', "names a member twice"),
        (b'[{"b":{"a":1,"a":1}}]', "names a member twice"),
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
    with pytest.raises(BadJSON, match=reason):
        loads(raw)


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert loads(b'"\\ud83d\\ude00"') == "😀"
