"""Pages of a list."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol, cast

from marshmallow import Schema, fields

from api import constraints
from api.schemas.base import StrictSchema
from api.schemas.compiled import AnyField, DumpRows, RowType, compile_dump_many
from api.schemas.fields import Integer, Text

Cursor = partial(
    Text,
    constraints.CURSOR_LENGTH,
    minimum=constraints.CURSOR_LENGTH,
    pattern=constraints.CURSOR_PATTERN,
    error="Not a cursor. Use `next_cursor` of the previous page.",
)


class PageQuery(StrictSchema):
    """Which page of a list."""

    error_messages = {"unknown": "Unknown parameter."}

    limit = Integer(
        1,
        constraints.PAGE_SIZE_MAX,
        load_default=constraints.PAGE_SIZE_DEFAULT,
        metadata={
            "description": f"Maximum number of items. A page of large items has fewer, so that it takes at most "
            f"{constraints.PAGE_MAX_BYTES:,} bytes: follow `next_cursor`, whatever their number.",
            "examples": [constraints.PAGE_SIZE_DEFAULT],
        },
    )
    cursor = Cursor(
        metadata={
            "description": "`next_cursor` of the previous page. Omitted, the list starts at its first item.",
        }
    )


class _Page(Protocol):
    rows: Sequence[object]
    next_cursor: str | None


class ItemsSchema(StrictSchema):
    """A part of a list, whose `items` are rows."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._dump_items: dict[type[object], DumpRows] = {}

    @property
    def item(self) -> Schema:
        """The schema of an item."""
        return cast("fields.Nested", cast("fields.List[AnyField]", self.fields["items"]).inner).schema

    def compile_for(self, row_type: RowType) -> None:
        """Compile the dump of pages of such rows; `TypeError` if they lack a field."""
        self._dump_items[row_type] = compile_dump_many(self.item, row_type)

    def dump_items(self, rows: Sequence[object], root: str) -> list[dict[str, object]]:
        """Return the JSON objects of rows of one type; `root` is the prefix of all URLs."""
        return self._dump_items[type(rows[0])](rows, root) if rows else []


class PageSchema(ItemsSchema):
    """A page of a list."""

    def dump_row(self, row: object, root: str) -> dict[str, object]:
        """Return the JSON object of a `store.pages.Page`; `root` is the prefix of all URLs."""
        page = cast("_Page", row)
        return {"items": self.dump_items(page.rows, root), "next_cursor": page.next_cursor}


def page_of(item: type[Schema], description: str) -> type[PageSchema]:
    """Make the schema of a page of `item`."""
    attributes = {
        "__doc__": description,
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
    return type(f"{item.__name__}Page", (PageSchema,), attributes)
