"""Compiled schemas load, and report errors, as marshmallow would."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, ValidationError, fields, pre_load

from api.schemas.base import StrictSchema
from api.schemas.fields import Text
from api.schemas.posts import PostCreate
from tests.support.schemas import schemas

COMPILED = [schema for schema in schemas() if schema()._load is not None]
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda nested: st.lists(nested, max_size=2) | st.dictionaries(st.text(), nested, max_size=2),
    max_leaves=4,
)
VALID = st.sampled_from(["ada", "a long one", "body", "20", "2026-01-31T12:00:00Z", "0" * 31 + "1", ["engines"], []])


def outcome(schema: Schema, data: Any) -> Any:
    """Return what is loaded, or the errors; a default time is replaced by its type."""
    try:
        loaded = schema.load(data)
    except ValidationError as error:
        return error.messages
    return {
        name: datetime if isinstance(value, datetime) and name not in data else value for name, value in loaded.items()
    }


@pytest.mark.parametrize("schema", COMPILED, ids=lambda schema: schema.__name__)
def test_a_compiled_schema_loads_what_marshmallow_loads(
    schema: type[StrictSchema], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled, plain = schema(), schema()
    plain._load = None
    properties = st.fixed_dictionaries({}, optional=dict.fromkeys(plain.load_fields, VALID | JUNK))
    unknown: st.SearchStrategy[dict[str, Any]] = st.just({}) | st.dictionaries(st.sampled_from(["id", "role"]), JUNK)

    @given(data=st.builds(dict.__or__, properties, unknown) | JUNK)
    def same(data: Any) -> None:
        loaded, expected = outcome(compiled, data), outcome(plain, data)
        assert loaded == expected
        assert list(loaded) == list(expected)

    same()


@pytest.mark.parametrize("value", [None, 1, ["a"], True])
def test_a_value_that_is_not_text_has_the_errors_of_marshmallow(value: object) -> None:
    with pytest.raises(ValidationError) as ours:
        Text(9).deserialize(value)
    with pytest.raises(ValidationError) as expected:
        fields.String().deserialize(value)
    assert ours.value.messages == expected.value.messages


class Renamed(StrictSchema):
    """A field under another name."""

    name = Text(10, data_key="called")


class Hooked(StrictSchema):
    """A hook."""

    name = Text(10)

    @pre_load
    def _lower(self, data: dict[str, str], **_: object) -> dict[str, str]:
        return {name.lower(): text for name, text in data.items()}


@pytest.mark.parametrize("schema", [Renamed, Hooked])
def test_a_schema_with_hooks_or_renamed_fields_is_left_to_marshmallow(schema: type[StrictSchema]) -> None:
    assert schema()._load is None


def test_hooks_and_renamed_fields_work() -> None:
    assert Renamed().load({"called": "ada"}) == Hooked().load({"NAME": "ada"}) == {"name": "ada"}


def test_a_post_without_a_time_of_publication_is_published_now() -> None:
    before = datetime.now(UTC)
    first, second = (PostCreate().load({"title": "t", "body": "b"})["published_at"] for _ in range(2))
    assert before <= first < second
