"""Compiled schemas dump rows as marshmallow would."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, get_type_hints
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, fields, post_dump

from api.schemas.base import StrictSchema
from api.schemas.compiled import FromRow, URLTemplate
from api.schemas.fields import Integer, OneOf, RelativeURL, Text
from api.schemas.pages import page_of
from tests.support.schemas import compiled

COMPILED = {f"{type(schema).__name__}-{row_type.__name__}": (schema, row_type) for schema, row_type in compiled()}
TIMES = st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (the zone stands beside)


def rows(row_type: type[Any]) -> st.SearchStrategy[Any]:
    return st.builds(row_type, **{name: st.from_type(type_) for name, type_ in get_type_hints(row_type).items()})


st.register_type_strategy(datetime, TIMES)


def nested_values(schema: Schema, values: Mapping[str, Any], root: str) -> dict[str, Any]:
    """Return the row as marshmallow expects it: with nested objects and URLs."""
    nested = {**values}
    for name, field in schema.dump_fields.items():
        if isinstance(field, FromRow):
            nested[name] = nested_values(field.schema, values, root)
        elif isinstance(field, URLTemplate):
            quoted = {name: quote(str(value), safe="") for name, value in values.items()}
            nested[name] = root + field.template.format(**quoted)
    return nested


@pytest.mark.parametrize("root", ["", "/blog"])
@pytest.mark.parametrize(("schema", "row_type"), COMPILED.values(), ids=COMPILED)
def test_a_compiled_schema_dumps_what_marshmallow_dumps(schema: StrictSchema, row_type: type[Any], root: str) -> None:
    @given(row=rows(row_type))
    def check(row: Any) -> None:
        dumped, expected = schema.dump_row(row, root), schema.dump(nested_values(schema, row._asdict(), root))
        assert dumped == expected
        assert list(dumped) == list(expected)

    check()


class Row(NamedTuple):
    id: int
    name: str


class Named(StrictSchema):
    """A name."""

    id = Integer(1, 9, required=True, metadata={"description": "x", "examples": [1]})
    name = Text(10, required=True)
    note = Text(10)
    url = RelativeURL("Itself.", "/posts/{id}/labels/{name}?by={name}")


def test_the_rows_of_a_page_are_dumped() -> None:
    page = page_of(Named, "Names.")()
    page.compile_for(Row)

    class Page(NamedTuple):
        rows: list[Row]
        next_cursor: str | None

    item = {"id": 1, "name": "ada", "url": "/blog/posts/1/labels/ada?by=ada"}
    assert page.dump_row(Page([Row(1, "ada")], "x"), "/blog") == {"items": [item], "next_cursor": "x"}
    assert page.dump_row(Page([], None), "") == {"items": [], "next_cursor": None}


def test_text_in_a_url_is_quoted() -> None:
    schema = Named()
    schema.compile_for(Row)
    assert (
        schema.dump_row(Row(1, "a b/ü?&"), "")["url"] == "/posts/1/labels/a%20b%2F%C3%BC%3F%26?by=a%20b%2F%C3%BC%3F%26"
    )


def test_a_row_without_a_required_field_is_a_type_error() -> None:
    class Nameless(NamedTuple):
        id: int

    with pytest.raises(TypeError, match=r"Named\.name: .*Nameless has no such field"):
        Named().compile_for(Nameless)


def test_a_row_without_a_placeholder_of_a_url_is_a_type_error() -> None:
    class Linked(StrictSchema):
        """A link."""

        url = RelativeURL("Itself.", "/posts/{post_id}")

    with pytest.raises(TypeError, match=r"Linked\.url: Row has no \['post_id'\] that are int or str"):
        Linked().compile_for(Row)


@pytest.mark.parametrize(
    "field",
    [
        fields.Function(lambda row: row.name.upper()),
        fields.String(),
        OneOf(["ada"], data_key="called"),
        OneOf(["ada"], attribute="id"),
        OneOf(["ada"], dump_default="ada"),
    ],
    ids=["function", "serialized", "data_key", "attribute", "dump_default"],
)
def test_a_field_that_needs_marshmallow_is_a_type_error(field: fields.Field[Any]) -> None:
    computed = type("Computed", (StrictSchema,), {"name": field})
    with pytest.raises(TypeError, match=r"Computed\.name: \w+ cannot be dumped from a row"):
        computed().compile_for(Row)


def test_a_schema_with_dump_hooks_is_a_type_error() -> None:
    class Hooked(StrictSchema):
        """A hook."""

        name = Text(9)

        @post_dump
        def _upper(self, dumped: dict[str, str], **_: object) -> dict[str, str]:
            return {name: text.upper() for name, text in dumped.items()}

    with pytest.raises(TypeError, match="Hooked: a schema with hooks cannot be dumped from a row"):
        Hooked().compile_for(Row)
