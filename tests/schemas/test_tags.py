"""Tags of any script are stored in one form."""

import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from api import constraints
from api.schemas.posts import PostCreate, PostPatch
from api.schemas.posts_queries import PostQuery
from api.schemas.posts_tags import normalize
from api.unicode_ranges import LETTERS_DIGITS_MARKS
from tests.support.schemas import operations

LETTERS = st.characters(categories=["L", "N", "M"])
TAGS = st.text(LETTERS | st.just("-"), min_size=1, max_size=constraints.TAG_MAX_LENGTH)


def load(*tags: object) -> list[str]:
    loaded: list[str] = PostPatch().load({"tags": [*tags]})["tags"]
    return loaded


def is_in_class(code: int) -> bool:
    return unicodedata.category(chr(code))[0] in "LNM"


def accepted() -> set[int]:
    """Return the code points in the character class of the OpenAPI document."""
    found: set[int] = set()
    characters = [*LETTERS_DIGITS_MARKS]
    for index, character in enumerate(characters):
        if character == "-":
            found.update(range(ord(characters[index - 1]), ord(characters[index + 1])))
        else:
            found.add(ord(character))
    return found


def test_the_characters_are_those_of_unicode_14() -> None:
    expected = {code for code in range(sys.maxunicode + 1) if is_in_class(code)}
    if unicodedata.unidata_version == "14.0.0":
        assert accepted() == expected
    assert accepted() <= expected


def test_the_normal_form_of_every_character_is_accepted_and_final() -> None:
    codes = accepted()
    for code in codes:
        normal = normalize(chr(code))
        assert normalize(normal) == normal, hex(code)
        assert codes.issuperset(map(ord, normal)), hex(code)
        assert len(normal) <= 3, hex(code)


@given(text=st.text(LETTERS | st.sampled_from("-\u0130\u03a3\u0307\u0345\u1100\u1161\u11a8\u212b\u0958")))
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)


@given(tag=TAGS)
def test_a_tag_is_accepted_if_its_normal_form_is_short_enough_and_can_be_sent_again(tag: str) -> None:
    is_accepted = not tag.startswith("-") and len(normalize(tag)) <= constraints.TAG_MAX_LENGTH
    try:
        [loaded] = load(tag)
    except ValidationError:
        assert not is_accepted or not accepted().issuperset(map(ord, tag.replace("-", "")))
    else:
        assert is_accepted
        assert loaded == normalize(tag)
        assert load(loaded) == [loaded]
        assert PostQuery().load({"tag": tag})["tag"] == loaded


@given(text=st.text(max_size=5))
def test_no_other_character_is_accepted(text: str) -> None:
    if not text or any(not is_in_class(ord(character)) for character in text.replace("-", "")):
        with pytest.raises(ValidationError, match="Use 1 to 49 letters, digits and marks of any script"):
            load(text)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("日本", "日本"),
        ("über-uns", "über-uns"),
        ("U\u0308BER-UNS", "über-uns"),
        ("Engines", "engines"),
        ("İstanbul", "i\u0307stanbul"),
        ("ΟΔΟΣ", "οδος"),
        ("οδοσ", "οδοσ"),
        ("Straße", "straße"),
        ("Å", "å"),  # the unit
        ("K", "k"),  # Kelvin
        ("\u1112\u1161\u11ab\u1100\u1173\u11af", "한글"),
        ("हिन्दी", "हिन्दी"),
        ("\u0958", "\u0915\u093c"),
        ("العربية", "العربية"),
        ("עברית", "עברית"),
        ("\uff21\uff11", "\uff41\uff11"),  # full width
        ("Ⅷ", "ⅷ"),
        ("٣", "٣"),
        ("\U00020000", "\U00020000"),
        ("\U00010400", "\U00010428"),
        ("q\u0323\u0307", "q\u0323\u0307"),
        ("q\u0307\u0323", "q\u0323\u0307"),
        ("e\u0301" * 49, "é" * 49),
        ("a-", "a-"),
        ("a--b", "a--b"),
    ],
)
def test_tags_are_stored_in_lower_case_and_nfc(sent: str, stored: str) -> None:
    assert load(sent) == load(stored) == [stored]
    assert PostQuery().load({"tag": sent})["tag"] == stored


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "-",
        "-a",
        "a b",
        "a_b",
        "a.b",
        "a/b",
        "c++",
        "#a",
        "a\n",
        "a\x00",
        "a\u00a0b",
        "a\u200db",
        "a\u200cb",
        "\u202ea",
        "\u2066a",
        "\ufeffa",
        "a\u00adb",
        "😀",
        "©",
        "Ⓐ",
        "、",
        "a·b",
        "\u0378",
        "\ue000",
        "x" * 50,
        "日" * 50,
        "e\u0301" * 50,
        "\u0958" * 25,
        "İ" * 25,
        "e\u0301" * 100_000,
    ],
)
def test_other_tags_are_rejected(tag: str) -> None:
    with pytest.raises(ValidationError, match="Use 1 to 49 letters, digits and marks of any script"):
        load(tag)


def test_equal_tags_count_once_and_the_first_place_counts() -> None:
    assert load("Über", "b", "u\u0308ber", "B", "ÜBER") == ["über", "b"]
    content: dict[str, Any] = {"title": "t", "body": "", "tags": ["a", "A"]}
    assert PostCreate().load(content)["tags"] == ["a"]


def test_every_body_with_tags_accepts_tags_of_any_script() -> None:
    bodies = {type(each.body).__name__ for each in operations() if each.body and "tags" in each.body.load_fields}
    assert {"PostCreate", "PostPatch"} <= bodies
