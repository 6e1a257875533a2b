"""Compiled schemas load, and report errors, as marshmallow would."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, ValidationError, fields, pre_load

from api.http.declaration import Operation
from api.schemas.base import StrictSchema
from api.schemas.compiled import AnyField
from api.schemas.datetimes import DateTime
from api.schemas.fields import OneOf, StrictInteger, Text
from api.schemas.lists import List
from api.schemas.maps import TextMap
from api.schemas.posts import PostCreate, PostPatch
from tests.support.schemas import operations, schemas

COMPILED = [schema for schema in schemas() if schema()._load is not None]
ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda nested: st.lists(nested, max_size=2) | st.dictionaries(st.text(), nested, max_size=2),
    max_leaves=4,
)
OFTEN_VALID = st.sampled_from(
    ["ada", "a long one", "body", "20", "2026-01-31T12:00:00Z", "0" * 31 + "1", ["engines"], []]
)


def outcome(schema: Schema, data: Any) -> Any:
    """Return the loaded properties, or the errors."""
    try:
        return schema.load(data)
    except ValidationError as error:
        return error.messages


@pytest.mark.parametrize("schema", COMPILED, ids=lambda schema: schema.__name__)
def test_a_compiled_schema_loads_what_marshmallow_loads(
    schema: type[StrictSchema], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled, plain = schema(), schema()
    plain._load = None
    properties = st.fixed_dictionaries({}, optional=dict.fromkeys(plain.load_fields, OFTEN_VALID | ANY_VALUE))
    unknown: st.SearchStrategy[dict[str, Any]] = st.just({}) | st.dictionaries(
        st.sampled_from(["id", "role"]), ANY_VALUE
    )

    @given(data=st.builds(dict.__or__, properties, unknown) | ANY_VALUE)
    def check(data: Any) -> None:
        loaded, expected = outcome(compiled, data), outcome(plain, data)
        assert loaded == expected
        assert list(loaded) == list(expected)

    check()


@pytest.mark.parametrize("value", [None, 1, ["a"], True])
def test_a_value_that_is_not_text_has_the_errors_of_marshmallow(value: object) -> None:
    with pytest.raises(ValidationError) as actual:
        Text(9).deserialize(value)
    with pytest.raises(ValidationError) as expected:
        fields.String().deserialize(value)
    assert actual.value.messages == expected.value.messages


class Renamed(StrictSchema):
    """A field with another name in JSON."""

    name = fields.String(data_key="called")


class Hooked(StrictSchema):
    """A schema with a hook."""

    name = Text(10)

    @pre_load
    def _lower(self, data: dict[str, str], **_: object) -> dict[str, str]:
        return {name.lower(): text for name, text in data.items()}


@pytest.mark.parametrize("schema", [Renamed, Hooked])
def test_a_schema_with_hooks_or_renamed_fields_is_left_to_marshmallow(schema: type[StrictSchema]) -> None:
    assert schema()._load is None


def test_schemas_with_hooks_or_renamed_fields_load() -> None:
    assert Renamed().load({"called": "ada"}) == Hooked().load({"NAME": "ada"}) == {"name": "ada"}


class Counted(Text):
    """Text that counts how many values it has loaded."""

    loaded = 0

    def deserialize(self, *arguments: Any, **options: Any) -> str:
        type(self).loaded += 1
        return super().deserialize(*arguments, **options)


class Bounded(StrictSchema):
    """A schema with lists."""

    few = List(Counted(9), 10)
    many = List(Counted(9), 1_000)


@pytest.fixture
def counted() -> type[Counted]:
    Counted.loaded = 0
    return Counted


@pytest.mark.parametrize("value", [1, "a", [], {}, None])
def test_the_items_of_a_list_that_is_too_long_are_not_loaded(counted: type[Counted], value: object) -> None:
    with pytest.raises(ValidationError) as error:
        Bounded().load({"few": [value] * 11})
    assert error.value.messages == {"few": ["Longer than maximum length 10."]}
    assert counted.loaded == 0


def test_a_list_stops_loading_after_a_hundred_errors(counted: type[Counted]) -> None:
    with pytest.raises(ValidationError) as error:
        Bounded().load({"many": [1] * 1_000})
    messages = error.value.messages
    assert isinstance(messages, dict)
    assert list(messages["many"]) == [*range(100)]
    assert counted.loaded == 2 * 100  # by the fast path, then for the messages


@pytest.mark.parametrize("value", ["ab", {}, {"a": 1}, 1, None, True])
def test_a_value_that_is_not_a_list_is_rejected(value: object) -> None:
    with pytest.raises(ValidationError) as error:
        Bounded().load({"few": value})
    assert error.value.messages in ({"few": ["Not a valid list."]}, {"few": ["Field may not be null."]})


@pytest.mark.parametrize("schema", [Bounded, PostPatch, Renamed, PostCreate])
def test_no_more_unknown_properties_are_reported_than_a_response_has_errors(schema: type[StrictSchema]) -> None:
    with pytest.raises(ValidationError) as error:
        schema().load({f"unknown-{number}": 1 for number in range(100_000)})
    messages = error.value.messages
    assert isinstance(messages, dict)
    reported = [name for name in messages if name.startswith("unknown-")]
    assert sorted(reported) == sorted(f"unknown-{number}" for number in range(100))


@pytest.mark.parametrize("operation", [each for each in operations() if each.body], ids=lambda each: each.operation_id)
def test_the_fields_of_a_body_stop_at_the_first_bound(operation: Operation) -> None:
    """marshmallow's own lists, dictionaries and nested lists look at every item, and collect every error."""

    def check(field: AnyField) -> None:
        assert isinstance(field, Text | StrictInteger | OneOf | DateTime | List | TextMap), field
        if isinstance(field, List):
            check(field.inner)

    assert operation.body
    assert not operation.body.many
    for field in operation.body.load_fields.values():
        check(field)
