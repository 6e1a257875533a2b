"""Metadata of posts."""

from functools import partial

from api import constraints
from api.schemas.fields import Text
from api.schemas.maps import TextMap

_NAME = Text(
    constraints.METADATA_NAME_MAX_LENGTH,
    pattern=constraints.METADATA_NAME_PATTERN,
    error="Use 1 to 40 of a-z, 0-9 and _ as the name, and begin with a letter.",
)
_VALUE = Text(constraints.METADATA_VALUE_MAX_LENGTH, minimum=0)
Metadata = partial(
    TextMap,
    "Metadata",
    _NAME,
    _VALUE,
    constraints.METADATA_MAX_PROPERTIES,
    metadata={
        "description": "Properties of your own, stored unchanged. A change replaces all of them.",
        "examples": [{"cover": "https://example.com/engine.jpg"}],
    },
)
