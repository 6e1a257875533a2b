"""Search queries."""

from functools import partial

from api import constraints
from api.schemas.fields import Text
from api.unicode_ranges import LETTERS_DIGITS_MARKS

Search = partial(
    Text,
    constraints.SEARCH_MAX_LENGTH,
    pattern=rf"[^\x00]*[{LETTERS_DIGITS_MARKS}][^\x00]*",
    error="Write at least one letter or digit, and not U+0000.",
    metadata={
        "description": (
            "Only posts with all of these words, each in the title or the body, in any case, with the same accents; "
            'words between two `"` must follow each other. There are no other operators: punctuation, also other '
            "quotation marks, only separates words. Scripts without spaces between words are searched for sequences "
            "of characters. The first 65,536 characters of a body count, and 4,000 words. A page may have fewer posts "
            "than `limit`, even none, before the last one: follow `next_cursor` until it is null."
        ),
        "examples": ["analytical engine"],
    },
)
