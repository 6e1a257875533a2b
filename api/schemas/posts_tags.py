"""Tags of posts."""

from collections.abc import Sequence
from functools import partial

from marshmallow import ValidationError

from api import constraints
from api.schemas.fields import Text
from api.schemas.lists import List


def _unique(tags: Sequence[str]) -> None:
    if len(set(tags)) < len(tags):
        raise ValidationError("Tags must be unique.")


Tag = partial(
    Text,
    constraints.TAG_MAX_LENGTH,
    pattern=constraints.TAG_PATTERN,
    error=f"Use 1 to {constraints.TAG_MAX_LENGTH} of a-z, 0-9 and -, and begin with a letter or digit.",
    metadata={"description": "One word.", "examples": ["engines"]},
)
_TAGS_METADATA = {"description": "In the order in which they were sent.", "examples": [["engines"]]}
Tags = partial(List, Tag(), constraints.TAGS_MAX_ITEMS, metadata=_TAGS_METADATA)
# In requests only: clients would read it as a set, without order.
TagsInput = partial(
    List,
    Tag(),
    constraints.TAGS_MAX_ITEMS,
    validators=[_unique],
    metadata={**_TAGS_METADATA, "uniqueItems": True},
)
