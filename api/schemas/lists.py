"""Lists whose validation is bounded."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, Unpack

from marshmallow import ValidationError, fields, validate

from api import constraints
from api.schemas.compiled import AnyField
from api.schemas.fields import FieldOptions

Validator: TypeAlias = Callable[[Any], object]
"""Raises `ValidationError` for an invalid value."""


class List(fields.List[Any]):
    """A list of at most `maximum` items: its length is checked before its items."""

    def __init__(
        self,
        items: AnyField,
        maximum: int,
        *,
        validators: Sequence[Validator] = (),
        **options: Unpack[FieldOptions],
    ) -> None:
        self._check_length = validate.Length(max=maximum)
        super().__init__(items, validate=[self._check_length, *validators], **options)

    def _deserialize(self, value: object, attr: str | None, data: object, **options: Any) -> list[object]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        self._check_length(value)
        items: list[object] = []
        errors: dict[int, object] = {}
        for index, item in enumerate(value):
            try:
                items.append(self.inner.deserialize(item, **options))
            except ValidationError as error:
                errors[index] = error.messages
                if len(errors) == constraints.ERRORS_MAX_ITEMS:
                    break
        if errors:
            raise ValidationError(errors)
        return items
