"""Fields that accept exactly what their JSON Schema says."""

import re
from collections.abc import Mapping
from functools import partial
from typing import TypedDict, Unpack
from urllib.parse import quote

from marshmallow import Schema, ValidationError, fields, validate

from api import constraints
from api.schemas.compiled import AnyField, PassThrough, URLTemplate


class FieldOptions(TypedDict, total=False):
    """Options of marshmallow's fields."""

    required: bool
    allow_none: bool
    load_only: bool
    load_default: object
    dump_default: object
    data_key: str
    attribute: str
    metadata: Mapping[str, object]


class Pattern(validate.Regexp):
    """The complete text, in ASCII classes, as ECMA-262 and so JSON Schema reads it (Python's `$` allows a newline)."""

    def __init__(self, pattern: str, error: str) -> None:
        super().__init__(f"^{pattern}$", flags=re.ASCII, error=error)
        self._fullmatch = re.compile(pattern, re.ASCII).fullmatch

    def __call__(self, value: str) -> str:  # type: ignore[override] # this API has no bytes
        """Return the value if it matches."""
        if self._fullmatch(value) is None:
            raise ValidationError(str(self.error))
        return value


class Text(PassThrough, fields.String):
    """Text of `minimum` to `maximum` characters, without U+0000, which PostgreSQL cannot store."""

    def __init__(
        self,
        maximum: int,
        *,
        minimum: int = 1,
        pattern: str = r"[^\x00]*",
        error: str = "U+0000 is not allowed.",
        **options: Unpack[FieldOptions],
    ) -> None:
        super().__init__(
            validate=[Pattern(pattern, error), validate.Length(minimum, maximum)],
            **options,
        )
        self._minimum, self._maximum = minimum, maximum
        self._fullmatch = re.compile(pattern, re.ASCII).fullmatch

    def deserialize(
        self, value: object, attr: str | None = None, data: Mapping[str, object] | None = None, **options: object
    ) -> str:
        """Return valid text at once; leave other values to marshmallow, which makes a dozen calls."""
        if type(value) is str and self._minimum <= len(value) <= self._maximum and self._fullmatch(value):
            return value
        return super().deserialize(value, attr, data, **options)  # type: ignore[no-any-return] # half typed

    def _validate(self, value: str) -> None:
        """Report only the first error: others follow from it."""
        for check in self.validators:
            check(value)


class Integer(PassThrough, fields.Integer):
    """An integer; in a query string, in its one decimal form (no `+1`, `01`, `1_0` or other digits)."""

    _DECIMAL = re.compile(r"0|[1-9][0-9]{0,15}")

    def __init__(self, minimum: int, maximum: int, **options: Unpack[FieldOptions]) -> None:
        format_ = {"format": "int32" if maximum < 2**31 else "int64"}
        options["metadata"] = {**format_, **options["metadata"]}
        super().__init__(validate=validate.Range(minimum, maximum), **options)

    def _deserialize(self, value: object, attr: str | None, data: object, **_: object) -> int:
        if isinstance(value, str) and self._DECIMAL.fullmatch(value):
            return int(value)
        raise self.make_error("invalid", input=value)


class StrictInteger(PassThrough, fields.Integer):
    """An integer in JSON: no text and no fraction, but `1.0`, which is an integer in JSON Schema, too."""

    def __init__(self, minimum: int, maximum: int, **options: Unpack[FieldOptions]) -> None:
        super().__init__(strict=True, validate=validate.Range(minimum, maximum), **options)

    def _validated(self, value: object) -> int:
        return super()._validated(int(value) if isinstance(value, float) and value.is_integer() else value)


class OneOf(PassThrough, fields.String):
    """One of some texts."""

    def __init__(self, choices: list[str], **options: Unpack[FieldOptions]) -> None:
        *others, last = (f"`{choice}`" for choice in choices)
        error = f"Use {', '.join(others)} or {last}." if others else f"Use {last}."
        super().__init__(validate=validate.OneOf(choices, error=error), **options)


Id = partial(Integer, 1, constraints.ID_MAX, metadata={"description": "The number in the URL.", "examples": [1]})
PostId = partial(Id, metadata={"description": "The number in the URL of the post.", "examples": [1]})


class Boolean(PassThrough, fields.Boolean):
    """True or false, in a response."""


class Constant(PassThrough, fields.String):
    """Always the same text."""

    def __init__(self, value: str) -> None:
        metadata = {"description": f"Always `{value}`.", "examples": [value]}
        super().__init__(required=True, validate=validate.Equal(value), metadata=metadata)


class RelativeURL(Text, URLTemplate):
    """A URL of this API: a path (RFC 3986, section 4.2), valid under any scheme and host.

    `{placeholders}` in the template are attributes of the row. Start-up fails if no route serves the template.
    """

    def __init__(self, description: str, template: str) -> None:
        self.template = template
        super().__init__(
            2048,
            required=True,
            pattern=r"/[!-~]*",
            metadata={"format": "uri-reference", "description": description, "examples": [template]},
        )

    def _bind_to_schema(self, field_name: str, parent: Schema | AnyField) -> None:
        """Build the example from the examples of the other fields, or 1 for a name without a field."""
        super()._bind_to_schema(field_name, parent)
        siblings = getattr(parent, "declared_fields", {})
        examples = {
            name: quote(str((*getattr(siblings.get(name), "metadata", {}).get("examples", ()), 1)[0]))
            for name in self.placeholders
        }
        self.metadata = {**self.metadata, "examples": [self.template.format_map(examples)]}
