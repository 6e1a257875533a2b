"""Tags."""

from functools import partial

from marshmallow import fields

from api import constraints
from api.schemas.base import StrictSchema
from api.schemas.datetimes import DateTime
from api.schemas.fields import Integer, RelativeURL, Text
from api.schemas.pages import PageSchema
from api.schemas.posts_tags import Tag

_Cursor = partial(
    Text,
    constraints.TAG_MAX_LENGTH,
    pattern=constraints.TAG_PATTERN,
    error="Not a cursor. Use `next_cursor` of the previous page.",
)


class TagQuery(StrictSchema):
    """Which page of the tags."""

    error_messages = {"unknown": "Unknown parameter."}

    limit = Integer(
        1,
        constraints.PAGE_SIZE_MAX,
        load_default=constraints.PAGE_SIZE_DEFAULT,
        metadata={
            "description": "Maximum number of items. There may be fewer, even none, while `next_cursor` is not null.",
            "examples": [constraints.PAGE_SIZE_DEFAULT],
        },
    )
    cursor = _Cursor(
        metadata={"description": "`next_cursor` of the previous page. Omitted, the list starts at its first item."}
    )


class TagSummary(StrictSchema):
    """A tag of published posts."""

    tag = Tag(required=True)
    published_at = DateTime(
        required=True,
        metadata={"description": "When a post with it was published last.", "examples": ["2026-01-31T12:00:00Z"]},
    )
    posts_url = RelativeURL("The posts with the tag.", "/posts?tag={tag}")


class TagPage(PageSchema):
    """Tags, in alphabetical order."""

    items = fields.List(
        fields.Nested(TagSummary),
        required=True,
        metadata={"maxItems": constraints.PAGE_SIZE_MAX, "description": "The items."},
    )
    next_cursor = _Cursor(
        required=True,
        allow_none=True,
        metadata={"description": "The `cursor` of the next page; null on the last.", "examples": ["engines"]},
    )
