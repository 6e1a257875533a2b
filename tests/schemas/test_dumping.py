"""What is dumped is what marshmallow would dump, whether or not it is compiled."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, fields, post_dump

from api import constraints
from api.schemas.base import StrictSchema
from api.schemas.fields import DateTime, Text
from api.schemas.health import Ready
from api.schemas.pages import page_of
from api.schemas.posts import Post, PostImport, PostPage, PostSummary
from api.schemas.problems import Problem
from api.schemas.root import About, Root
from api.schemas.tokens import NewToken, Token, TokenPage
from api.schemas.users import User, UserImport, UserPage

SCHEMAS = (
    *(About, NewToken, Post, PostImport, PostPage, PostSummary, Problem, Ready, Root),
    *(Token, TokenPage, User, UserImport, UserPage),
)
NAMES = [schema.__name__ for schema in SCHEMAS]
MOMENTS = st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (the zone stands beside)


def values(field: fields.Field[Any]) -> st.SearchStrategy[Any]:
    """What a row may hold for a field."""
    if isinstance(field, fields.Nested):
        return st.none() | rows(field.schema)
    if isinstance(field, fields.List):
        return st.none() | st.lists(values(field.inner), max_size=3)
    kinds = {DateTime: MOMENTS, fields.Integer: st.integers(1, constraints.ID_MAX), fields.String: st.text()}
    return st.none() | next(kept for kind, kept in kinds.items() if isinstance(field, kind))


def rows(schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    """Rows that have what the schema requires, or not all of it, and more."""
    members = {name: values(field) for name, field in schema.dump_fields.items()}
    required = {name for name, field in schema.dump_fields.items() if field.required}
    # Without it, marshmallow would take the method of that name.
    never_missing = {name for name in members if hasattr(dict, name)}
    more = st.dictionaries(st.sampled_from(["author_id", "version"]), st.integers())
    return st.sampled_from([required, never_missing]).flatmap(
        lambda there: st.builds(
            dict.__or__,
            more,
            st.fixed_dictionaries(
                {name: members[name] for name in there},
                optional={name: members[name] for name in members.keys() - there},
            ),
        )
    )


def by_marshmallow(schema: type[Schema], monkeypatch: pytest.MonkeyPatch) -> Schema:
    """An instance that compiles nothing, not even what is nested in it."""
    with monkeypatch.context() as uncompiled:
        uncompiled.setattr("api.schemas.base.compiled", lambda _schema: None)
        plain = schema()
        plain.dump(dict.fromkeys(plain.dump_fields))
        for field in plain.dump_fields.values():
            inner = getattr(field, "inner", field)
            assert not isinstance(inner, fields.Nested) or vars(inner.schema)["_compiled"] is None
    return plain


@pytest.mark.parametrize("schema", SCHEMAS, ids=NAMES)
def test_what_is_compiled_dumps_what_marshmallow_dumps(
    schema: type[StrictSchema], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled, plain = schema(), by_marshmallow(schema, monkeypatch)
    assert compiled._compiled is not None

    @given(row=rows(plain))
    def same(row: dict[str, Any]) -> None:
        dumped, expected = compiled.dump(row), plain.dump(row)
        assert dumped == expected
        assert list(dumped) == list(expected)

    same()


class Renamed(StrictSchema):
    name = Text(10, data_key="called")


class RetryOnPrimary(StrictSchema):
    name = Text(10, attribute="called")


class Defaulted(StrictSchema):
    name = Text(10, dump_default="nobody")


class Computed(StrictSchema):
    name = fields.Function(lambda row: row["called"].upper())


class Hooked(StrictSchema):
    called = Text(10)

    @post_dump
    def _shout(self, dumped: dict[str, str], **_: object) -> dict[str, str]:
        return {name: text.upper() for name, text in dumped.items()}


@pytest.mark.parametrize(
    ("schema", "dumped"),
    [
        (Renamed, {}),
        (RetryOnPrimary, {"name": "ada"}),
        (Defaulted, {"name": "nobody"}),
        (Computed, {"name": "ADA"}),
        (Hooked, {"called": "ADA"}),
    ],
)
def test_what_is_not_flat_is_left_to_marshmallow(schema: type[StrictSchema], dumped: dict[str, str]) -> None:
    assert schema()._compiled is None
    assert schema().dump({"called": "ada"}) == dumped
    page = page_of(schema, "")()
    assert page._compiled is not None
    assert page.dump({"items": [{"called": "ada"}], "next_cursor": None}) == {"items": [dumped], "next_cursor": None}


def test_many_and_what_is_no_dictionary_are_left_to_marshmallow() -> None:
    class Row:
        username, display_name, bio = "ada", "Ada", ""

    dumped = {"username": "ada", "display_name": "Ada", "bio": ""}
    assert UserImport().dump(Row()) == dumped
    assert UserImport().dump([dumped, Row()], many=True) == UserImport(many=True).dump([dumped, Row()]) == [dumped] * 2
