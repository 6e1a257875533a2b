"""The tokeniser of searches."""

import time
import unicodedata

import pytest

from api import constraints
from api.unicode_ranges import LETTERS_DIGITS_MARKS
from api.words import BOUNDARY, TEXT_MAX_LENGTH, WORDS_MAX_ITEMS, index_text, parse_query


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        ("Notes on the ENGINE", "notes on the engine"),
        ("don't, e-mail x/y 3.14 a_b", "don t e mail x y 3 14 a b"),
        ("Straße ﬁn ½ ℃ ①", "strasse fin 1 2 c 1"),
        ("cafe\u0301 CAFÉ", "café café"),
        ("हिन्दी ٣٤ עִבְרִית", "हिन्दी ٣٤ עִבְרִית"),
        ("日本語", "日本 本語 . 日 . 本 . 語"),
        ("猫", "猫"),
        ("iPhone用ケース", "iphone 用ケ ケー ース . 用 . ケ . ー . ス"),
        ("ｶﾞ 한국어", "ガ 한국 국어 . 한 . 국 . 어"),
        ("w" * 65 + "日", "w" * 64 + " 日"),
        ("東京、京都 へ", "東京 , 京都 へ . 東 . 京 . 都"),
        ("a\x00b\u202ec\ufeffd 😀", "a b c d"),
    ],
)
def test_words_are_sequences_of_letters_digits_and_marks(text: str, words: str) -> None:
    assert index_text("", text) == f". {words}".strip()
    assert words.split(" . ", maxsplit=1)[0] in index_text(text, "")


@pytest.mark.parametrize(
    ("query", "sequences"),
    [
        ("Analytical engine engine", [" analytical ", " engine "]),
        ('"analytical engine" notes', [" analytical engine ", " notes "]),
        ('a "b" "c d', [" a ", " b ", " c ", " d "]),
        ('""', []),
        ('"', []),
        ("a AND NOT b* NEAR(c) -e", [" a ", " and ", " not ", " b ", " near ", " c ", " e "]),
        ("日本語", [" 日本 本語 "]),
        ('"日本 語"', [" 日本 語 "]),
    ],
)
def test_a_query_has_words_and_phrases_and_nothing_else(query: str, sequences: list[str]) -> None:
    assert parse_query(query).sequences == tuple(sequences)
    assert parse_query(query).words == tuple(dict.fromkeys(" ".join(sequences).split()))


@pytest.mark.parametrize(
    ("query", "text", "is_found"),
    [
        ("東京都", ("", "東京都へ"), True),
        ("東京都", ("", "東京、京都へ"), False),
        ("東京都", ("", "東京 京都"), False),
        ('"東京 京都"', ("", "東京、京都へ"), True),
        ('"日 日"', ("", "日。日"), True),
        ('"東京 京都"', ("東京", "京都へ"), False),
        ('"日 日"', ("日", "日"), False),
        ('"日 日"', ("", "日本 日"), False),
    ],
)
def test_characters_of_two_words_are_not_those_of_one(query: str, text: tuple[str, str], *, is_found: bool) -> None:
    assert all(sequence in f" {index_text(*text)} " for sequence in parse_query(query).sequences) == is_found


def test_characters_that_are_indexed_by_themselves_make_no_phrases() -> None:
    for phrase in ('"日 本"', '"本 語"', '"日本 日"'):
        [sequence] = parse_query(phrase).sequences
        assert sequence not in f" {index_text('日本', '日本 日語')} ", phrase


def test_every_letter_digit_and_mark_is_a_word_of_its_own() -> None:
    """Otherwise a query that its schema accepts could have no words."""
    characters = [character for character in map(chr, range(0x110000)) if unicodedata.category(character)[0] in "LMN"]
    assert len(characters) > 100_000
    assert [each for each in characters if not parse_query.__wrapped__(each).words] == []
    assert len(LETTERS_DIGITS_MARKS) < len(characters)


@pytest.mark.parametrize(
    "body",
    [
        "a " * (constraints.BODY_MAX_LENGTH // 2),
        "a" * constraints.BODY_MAX_LENGTH,
        "日本語漢字" * (constraints.BODY_MAX_LENGTH // 5),
        "\u0315\u0300" * (constraints.BODY_MAX_LENGTH // 2),
        "\uff9e\u0300" * (constraints.BODY_MAX_LENGTH // 2),
        "\ufdfa" * constraints.BODY_MAX_LENGTH,
        "각" * constraints.BODY_MAX_LENGTH,
        "😀" * constraints.BODY_MAX_LENGTH,
    ],
    ids=["words", "one word", "pairs", "marks", "marks after letters", "expansions", "syllables", "symbols"],
)
def test_the_longest_bodies_are_indexed_in_bounded_time_and_space(body: str) -> None:
    started = time.process_time()
    text = index_text("t" * constraints.TITLE_MAX_LENGTH, body)
    # Unicode's normal form of as many marks would take minutes.
    assert time.process_time() - started < 2
    assert len(text) <= TEXT_MAX_LENGTH + 3 * WORDS_MAX_ITEMS
    assert len([word for word in text.split(" ") if word != BOUNDARY]) < 2 * WORDS_MAX_ITEMS
