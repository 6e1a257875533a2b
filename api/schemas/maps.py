"""Maps of names to text, whose validation is bounded."""

from typing import Any, Unpack

from marshmallow import ValidationError, fields, validate

from api.schemas.compiled import PassThrough
from api.schemas.fields import FieldOptions, Text


class TextMap(PassThrough, fields.Dict):
    """A JSON object of at most `maximum` properties whose names are free: their number is checked first.

    In the OpenAPI document it is a component, because generators would make up a name at each place.
    """

    def __init__(
        self, component: str, names: Text, values: Text, maximum: int, **options: Unpack[FieldOptions]
    ) -> None:
        self.component, self.names, self.texts, self.maximum = component, names, values, maximum
        self._check_length = validate.Length(max=maximum)
        super().__init__(names, values, validate=self._check_length, **options)

    def _deserialize(self, value: object, attr: str | None, data: object, **_: object) -> dict[str, str]:
        if not isinstance(value, dict):
            raise ValidationError("Send a JSON object.")
        self._check_length(value)
        errors: dict[str, Any] = {}
        for name, text in value.items():
            try:
                self.names.deserialize(name)
                self.texts.deserialize(text)
            except ValidationError as error:
                errors[name] = error.messages
        if errors:
            raise ValidationError(errors)
        return value
