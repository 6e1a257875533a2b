"""Tags of posts."""

import re
import unicodedata
from collections.abc import Mapping
from functools import partial
from typing import Any

from marshmallow import ValidationError

from api import constraints
from api.schemas.fields import Text
from api.schemas.lists import List
from api.unicode_ranges import LETTERS_DIGITS_MARKS

_IS_NORMAL_ASCII = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{constraints.TAG_MAX_LENGTH - 1}}}").fullmatch
_INPUT_PATTERN = f"[{LETTERS_DIGITS_MARKS}-]+"
_IS_ACCEPTED = re.compile(f"(?!-){_INPUT_PATTERN}").fullmatch
_EXAMPLES = {"examples": ["engines"]}
_ERROR = (
    f"Use 1 to {constraints.TAG_MAX_LENGTH} letters, digits and marks of any script, and -, but not at the beginning."
)
_RULES = (
    "Letters, digits and marks of any script (the categories L, N and M of Unicode 14), and `-`, but not at the "
    f"beginning. It is stored in lower case and NFC, in which it may have at most {constraints.TAG_MAX_LENGTH} "
    "characters: decomposed text may be longer, and a few characters become up to three."
)


def normalize(tag: str) -> str:
    """Return the tag in lower case and NFC; doing it again changes nothing."""
    # Lower case is that of composed characters, and may decompose: `İ` becomes two.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", tag).lower())


class TagInput(Text):
    """A tag, which is normalised. Its length is that of the normal form."""

    def deserialize(
        self, value: object, attr: str | None = None, data: Mapping[str, object] | None = None, **options: object
    ) -> str:
        """Return the normal form; `ValidationError` if it is too long, or has other characters."""
        if type(value) is not str:
            return super().deserialize(value, attr, data, **options)
        if _IS_NORMAL_ASCII(value):
            return value
        if len(value) <= constraints.SENT_TAG_MAX_LENGTH and _IS_ACCEPTED(value):
            tag = normalize(value)
            if len(tag) <= constraints.TAG_MAX_LENGTH:
                return tag
        raise ValidationError(_ERROR)


class TagFilter(Text):
    """A tag in a query. Text that no tag is in its normal form matches no post."""

    def deserialize(
        self, value: object, attr: str | None = None, data: Mapping[str, object] | None = None, **options: object
    ) -> str:
        """Return the normal form; its beginning if it is longer than any tag, because a response may repeat it."""
        text = super().deserialize(value, attr, data, **options)
        return normalize(text)[: constraints.TAG_MAX_LENGTH + 1] if isinstance(text, str) else text


class TagList(List):
    """Tags, each once."""

    def _deserialize(self, value: object, attr: str | None, data: object, **options: Any) -> list[object]:
        return [*dict.fromkeys(super()._deserialize(value, attr, data, **options))]


Tag = partial(
    Text,
    constraints.TAG_MAX_LENGTH,
    pattern=constraints.TAG_PATTERN,
    metadata={"description": "One word, in lower case and NFC.", **_EXAMPLES},
)
TagQuery = partial(
    TagFilter,
    constraints.SENT_TAG_MAX_LENGTH,
    pattern=constraints.TAG_PATTERN,
    error=_ERROR,
    metadata={"description": "Only posts with this tag, of which the lower case and NFC count.", **_EXAMPLES},
)
_TAGS_METADATA = {"description": "In the order in which they were sent, each once.", "examples": [["engines"]]}
Tags = partial(List, Tag(), constraints.TAGS_MAX_ITEMS, metadata=_TAGS_METADATA)
TagsInput = partial(
    TagList,
    TagInput(
        constraints.TAG_MAX_LENGTH,
        pattern=_INPUT_PATTERN,
        error=_ERROR,
        metadata={"description": _RULES, "not": {"type": "string", "pattern": "^-"}, **_EXAMPLES},
    ),
    constraints.TAGS_MAX_ITEMS,
    metadata=_TAGS_METADATA,
)
