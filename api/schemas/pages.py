"""Pages of a list, as clients ask for and read them."""

from functools import partial

from marshmallow import Schema, fields

from api import limits
from api.schemas.base import Closed
from api.schemas.fields import Integer, Text

Cursor = partial(
    Text,
    limits.CURSOR_LENGTH,
    minimum=limits.CURSOR_LENGTH,
    pattern=limits.CURSOR,
    error="Take the cursor from `next_cursor` of the page before.",
)


class PageQuery(Closed):
    """Which page of a list."""

    limit = Integer(
        1,
        limits.PAGE_MAX,
        load_default=limits.PAGE,
        metadata={"description": "How many items at the most.", "examples": [limits.PAGE]},
    )
    cursor = Cursor(
        metadata={
            "description": "Where to go on: `next_cursor` of the page before. Left out, the list starts anew.",
            "examples": ["00e320dec85dc41c0000000000000002"],
        }
    )


def page_of(item: type[Schema], description: str) -> type[Closed]:
    """The shape of a page of `item`."""
    members = {
        "Meta": type("Meta", (Closed.Meta,), {"description": description}),
        "items": fields.List(
            fields.Nested(item), required=True, metadata={"maxItems": limits.PAGE_MAX, "description": "The items."}
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
    return type(f"{item.__name__}Page", (Closed,), members)
