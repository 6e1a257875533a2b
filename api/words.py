"""Words of texts and of search queries: one tokeniser, because those of SQLite and PostgreSQL differ."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import chain
from typing import NamedTuple

from api.unicode_ranges import LETTERS_DIGITS_MARKS

VERSION = f"2/{unicodedata.unidata_version}"
"""What texts were indexed by. Newer tables of Unicode normalize characters that older ones do not know."""
TEXT_MAX_LENGTH = 65_536
"""Characters of a text that are indexed."""
WORD_MAX_LENGTH = 64
WORDS_MAX_ITEMS = 4_000
"""Words of a text that are indexed."""
INDEX_WORDS_MAX_ITEMS = 32
"""Words of a query that are looked up in the index; the others are looked for in the posts that it finds."""
BOUNDARY = "."
"""Separates title, body and characters, and each of these, so that no phrase goes from one to the next."""
WORD_BOUNDARY = ","
"""Separates the pairs of two words, so that their characters are not found as one."""

# Han, kana, bopomofo, Hangul, and the scripts of Southeast Asia, which put no spaces between words.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u303c\u3041-\u318f"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
_RUNS = re.compile(f"[{LETTERS_DIGITS_MARKS}]+").findall
# Each without what is beyond the maximum.
_WORDS = re.compile(f"([{LETTERS_DIGITS_MARKS}]{{1,{WORD_MAX_LENGTH}}})[{LETTERS_DIGITS_MARKS}]*").findall
_ASCII_WORDS = re.compile(f"([a-z0-9]{{1,{WORD_MAX_LENGTH}}})[a-z0-9]*").findall
_SEPARATORS = {number: " " for number in range(128) if not chr(number).isalnum()}
_has_unspaced = re.compile(f"[{_UNSPACED}]").search
_PARTS = re.compile(f"[{_UNSPACED}]+|([^{_UNSPACED}]+)")
_NONSTARTERS_MAX = 30
"""As in the Stream-Safe Text Format (UAX #15, section 13): to sort more of them takes time that grows squarely."""


class SearchQuery(NamedTuple):
    """What a text must contain."""

    words: tuple[str, ...]
    """Words to look up in the index."""
    sequences: tuple[str, ...]
    """Words and phrases, with a space on both sides."""


def index_text(title: str, body: str) -> str:
    """Return the words of a post, separated by spaces."""
    words = [*_words(title), BOUNDARY, *_words(body)][:WORDS_MAX_ITEMS]
    text = " ".join(words)
    if text.isascii():
        return text
    # So that words of one character are found, too.
    characters = dict.fromkeys("".join(word for word in words if len(word) > 1 and _has_unspaced(word)))
    return f" {BOUNDARY} ".join([text, *characters])


@lru_cache(maxsize=256)
def parse_query(text: str) -> SearchQuery:
    """Return the words and phrases of a query; a quotation mark without another one is ignored."""
    words, sequences = dict[str, None](), dict[str, None]()
    parts = text.split('"')
    if len(parts) % 2 == 0:
        parts[-2:] = [" ".join(parts[-2:])]
    for number, part in enumerate(parts):
        for sequence in [_words(part)] if number % 2 else _sequences(_normalize(part)):
            if sequence:
                words.update(dict.fromkeys(word for word in sequence if word != WORD_BOUNDARY))
                sequences[f" {' '.join(sequence)} "] = None
    return SearchQuery((*words,)[:INDEX_WORDS_MAX_ITEMS], (*sequences,))


def _words(text: str) -> list[str]:
    """Return the words: sequences of letters, digits and marks, or pairs of them if their script has no spaces."""
    text = text[:TEXT_MAX_LENGTH]
    if text.isascii():
        return _ASCII_WORDS(text.lower())
    text = _normalize(text)
    if not _has_unspaced(text):
        # The large character class is slow for the characters that it does not have.
        chunks = text.translate(_SEPARATORS).split()
        return [w for c in chunks for w in ([c[:WORD_MAX_LENGTH]] if c.isascii() else _WORDS(c))]
    words = list[str]()
    for run in _RUNS(text):
        # Otherwise, 東京、京都 would have the words of 東京都.
        if words and words[-1][-1] == run[0] and _has_unspaced(run[0]):
            words.append(WORD_BOUNDARY)
        words += chain.from_iterable(_sequences(run))
    return words


def _sequences(text: str) -> Iterator[list[str]]:
    """Yield each word of normalized text by itself, and the pairs of characters beside each other together."""
    for run in _RUNS(text):
        for part in _PARTS.finditer(run):
            characters = part[0]
            if part[1] or len(characters) == 1:
                yield [characters[:WORD_MAX_LENGTH]]
            else:
                yield [*map(str.__add__, characters, characters[1:])]


def _normalize(text: str) -> str:
    if len(text.encode("utf-8", "surrogatepass")) - len(text) > _NONSTARTERS_MAX:
        text = _many_nonstarters().sub(r"\1", text)
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())[:TEXT_MAX_LENGTH]


@cache
def _many_nonstarters() -> re.Pattern[str]:
    """Match more characters than `_NONSTARTERS_MAX` of which the normal form begins with a combining one."""
    found = (
        character
        for character in map(chr, range(0x300, 0x1E94B))
        if unicodedata.combining(unicodedata.normalize("NFKD", character)[0])
    )
    return re.compile("([{0}]{{{1}}})[{0}]+".format("".join(found), _NONSTARTERS_MAX))
