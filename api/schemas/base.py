"""Schemas that accept exactly what their JSON Schema says."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, validates_schema

from api import constraints
from api.schemas.compiled import DumpRow, RowType, compile_dump, compile_load


class StrictSchema(Schema):
    """A JSON object without unknown properties. The class docstring is its description in the OpenAPI document."""

    error_messages = {"type": "Send a JSON object."}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._load = None if self.many else compile_load(self)
        self._dump: dict[type[object], DumpRow] = {}

    def load(self, data: Any, **options: Any) -> Any:
        """Load as marshmallow does: valid input on a fast path, other input by marshmallow, for its messages."""
        if self._load and not options and type(data) is dict:
            try:
                return self._load(data)
            except ValidationError:
                pass
        return super().load(self._without_most_unknown(data), **options)

    def _without_most_unknown(self, data: Any) -> Any:
        """Leave as many unknown properties as there are errors in a response: marshmallow would report all."""
        known = {field.data_key or name for name, field in self.load_fields.items()}
        if type(data) is not dict or len(data) <= len(known) + constraints.ERRORS_MAX_ITEMS:
            return data
        unknown = islice((name for name in data if name not in known), constraints.ERRORS_MAX_ITEMS)
        return {name: data[name] for name in (*known, *unknown) if name in data}

    def compile_for(self, row_type: RowType) -> None:
        """Compile the dump of such rows; `TypeError` if they lack a field."""
        self._dump[row_type] = compile_dump(self, row_type)

    def dump_row(self, row: object, root: str) -> dict[str, object]:
        """Return the JSON object of a row whose type has been compiled; `root` is the prefix of all URLs."""
        return self._dump[type(row)](row, root)

    class Meta:
        """Unknown properties are errors. `allow_null` is for optional bodies, `not_in_example` names properties."""

        unknown = RAISE
        allow_null = False
        not_in_example: tuple[str, ...] = ()


class PatchSchema(StrictSchema):
    """Changes: at least one property."""

    class Meta(StrictSchema.Meta):
        """`json_schema` is added to the JSON Schema."""

        json_schema: Mapping[str, object] = {"minProperties": 1}

    @validates_schema
    def _not_empty(self, data: Mapping[str, object], **_: object) -> None:
        if not data:
            raise ValidationError("Send at least one property to change.")
