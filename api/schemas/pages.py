"""Pages of a list, as clients ask for and read them."""

from functools import partial

from marshmallow import Schema, fields

from api import constraints
from api.schemas.base import StrictSchema
from api.schemas.fields import Integer, Text

Cursor = partial(
    Text,
    constraints.CURSOR_LENGTH,
    minimum=constraints.CURSOR_LENGTH,
    pattern=constraints.CURSOR_PATTERN,
    error="Take the cursor from `next_cursor` of the page before.",
)


class PageQuery(StrictSchema):
    """Which page of a list."""

    limit = Integer(
        1,
        constraints.PAGE_SIZE_MAX,
        load_default=constraints.PAGE_SIZE_DEFAULT,
        metadata={"description": "How many items at the most.", "examples": [constraints.PAGE_SIZE_DEFAULT]},
    )
    cursor = Cursor(
        metadata={
            "description": "Where to go on: `next_cursor` of the page before. Left out, the list starts anew.",
            "examples": ["00e320dec85dc41c0000000000000002"],
        }
    )


def page_of(item: type[Schema], description: str) -> type[StrictSchema]:
    """The shape of a page of `item`."""
    members = {
        "Meta": type("Meta", (StrictSchema.Meta,), {"description": description}),
        "items": fields.List(
            fields.Nested(item),
            required=True,
            metadata={"maxItems": constraints.PAGE_SIZE_MAX, "description": "The items."},
        ),
        "next_cursor": Cursor(
            required=True,
            allow_none=True,
            metadata={
                "description": "The `cursor` of the next page; null on the last.",
                "examples": ["00e320dec85dc41c0000000000000002"],
            },
        ),
    }
    return type(f"{item.__name__}Page", (StrictSchema,), members)
