"""What is loaded, and what is said of what is wrong, is what marshmallow says."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, ValidationError, fields, pre_load

from api.schemas.base import PatchSchema, StrictSchema
from api.schemas.fields import Text
from api.schemas.pages import PageQuery
from api.schemas.posts import PostCreate, PostImport, PostPatch, PostQuery
from api.schemas.tokens import TokenCreate
from api.schemas.users import NewPassword, PasswordChange, UserCreate, UserImport, UserPatch

SCHEMAS = (
    *(NewPassword, PageQuery, PasswordChange, PostCreate, PostImport, PostQuery),
    *(TokenCreate, UserCreate, UserImport),
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inside: st.lists(inside, max_size=2) | st.dictionaries(st.text(), inside, max_size=2),
    max_leaves=4,
)
GOOD = st.sampled_from(["ada", "a long one", "body", "20", "2026-01-31T12:00:00Z", "0" * 31 + "1", ["engines"], []])


def outcome(schema: Schema, data: Any) -> Any:
    """What is loaded, or what is said of it; moments that are filled in are told by their kind."""
    try:
        loaded = schema.load(data)
    except ValidationError as error:
        return error.messages
    return {
        name: datetime if isinstance(value, datetime) and name not in data else value for name, value in loaded.items()
    }


@pytest.mark.parametrize("schema", SCHEMAS, ids=[schema.__name__ for schema in SCHEMAS])
def test_what_is_loaded_is_what_marshmallow_loads(schema: type[StrictSchema], monkeypatch: pytest.MonkeyPatch) -> None:
    quick = schema()
    assert quick._loader is not None
    with monkeypatch.context() as without:
        without.setattr("api.schemas.base.loader", lambda _schema: None)
        plain = schema()
    members = st.fixed_dictionaries({}, optional=dict.fromkeys(plain.load_fields, GOOD | JUNK))
    more: st.SearchStrategy[dict[str, Any]] = st.just({}) | st.dictionaries(st.sampled_from(["id", "role"]), JUNK)

    @given(data=st.builds(dict.__or__, members, more) | JUNK)
    def same(data: Any) -> None:
        loaded, expected = outcome(quick, data), outcome(plain, data)
        assert loaded == expected
        assert list(loaded) == list(expected)

    same()


@pytest.mark.parametrize("value", [None, 1, ["a"], True])
def test_what_is_no_text_is_told_as_by_marshmallow(value: object) -> None:
    with pytest.raises(ValidationError) as quick:
        Text(9).deserialize(value)
    with pytest.raises(ValidationError) as plain:
        fields.String().deserialize(value)
    assert quick.value.messages == plain.value.messages


class Renamed(StrictSchema):
    name = Text(10, data_key="called")


class Hooked(StrictSchema):
    name = Text(10)

    @pre_load
    def _lower(self, data: dict[str, str], **_: object) -> dict[str, str]:
        return {name.lower(): text for name, text in data.items()}


@pytest.mark.parametrize("schema", [Renamed, Hooked, PostPatch, UserPatch, PatchSchema])
def test_what_has_hooks_or_other_names_is_left_to_marshmallow(schema: type[StrictSchema]) -> None:
    assert schema()._loader is None


def test_other_names_and_hooks_work() -> None:
    assert Renamed().load({"called": "ada"}) == Hooked().load({"NAME": "ada"}) == {"name": "ada"}


def test_a_post_without_a_moment_is_of_this_moment() -> None:
    before = datetime.now(UTC)
    first, second = (PostCreate().load({"title": "t", "body": "b"})["published_at"] for _ in range(2))
    assert before <= first < second
