"""Fields that accept exactly what their JSON Schema says, no more and no less."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from marshmallow import ValidationError, fields, validate

from api.schemas.dumping import PassThrough


class Pattern(validate.Regexp):
    """The whole text, in ASCII classes, as ECMA-262 and so JSON Schema reads it (Python's `$` allows a newline)."""

    def __init__(self, pattern: str, error: str) -> None:
        super().__init__(f"^{pattern}$", flags=re.ASCII, error=error)
        self._whole = re.compile(pattern, re.ASCII)

    def __call__(self, value: str) -> str:  # type: ignore[override] # this API has no bytes
        """The value, if it has the form."""
        if self._whole.fullmatch(value) is None:
            raise ValidationError(str(self.error))
        return value


class Text(PassThrough, fields.String):
    """Text of `minimum` to `maximum` characters that a database can keep: none of them is U+0000."""

    def __init__(
        self,
        maximum: int,
        *,
        minimum: int = 1,
        pattern: str = r"[^\u0000]*",
        error: str = "U+0000 is not allowed.",
        **options: Any,
    ) -> None:
        super().__init__(
            validate=[Pattern(pattern, error), validate.Length(minimum, maximum)],
            **options,
        )

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **options: Any) -> Any:
        """Text that is valid. Marshmallow would ask first, by a dozen calls, whether it is there and text."""
        if type(value) is not str:
            return super().deserialize(value, attr, data, **options)
        self._validate(value)
        return value

    def _validate(self, value: str) -> None:
        """Tell one thing that is wrong: the others follow from it."""
        for check in self.validators:
            check(value)


class Integer(PassThrough, fields.Integer):
    """An integer; read from a query string in its one decimal form (no `+1`, `01`, `1_0` or other digits)."""

    _DECIMAL = re.compile(r"0|[1-9][0-9]{0,15}")

    def __init__(self, minimum: int, maximum: int, *, metadata: Mapping[str, object], **options: Any) -> None:
        super().__init__(
            validate=validate.Range(minimum, maximum),
            metadata={"format": "int32" if maximum < 2**31 else "int64", **metadata},
            **options,
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> int:
        if isinstance(value, str) and self._DECIMAL.fullmatch(value):
            return int(value)
        raise self.make_error("invalid", input=value)


class DateTime(PassThrough, fields.AwareDateTime):
    """A moment as RFC 3339, section 5.6, writes it; in the years 1000 to 8999 of UTC."""

    _RFC3339 = re.compile(
        r"([1-8][0-9]{3}-[0-9]{2}-[0-9]{2})[Tt]([01][0-9]:[0-5][0-9]|2[0-3]:[0-5][0-9]):([0-5][0-9]|60)"
        r"(\.[0-9]+)?([Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
    )
    default_error_messages = {
        "invalid": "Write a moment as RFC 3339 does, in a year of UTC from 1000 to 8999: 2026-01-31T12:00:00Z."
    }

    def __init__(self, *, metadata: Mapping[str, object], **options: Any) -> None:
        super().__init__(metadata={"pattern": "^[1-8]", "minLength": 20, "maxLength": 64, **metadata}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> datetime:
        parts = self._RFC3339.fullmatch(value) if isinstance(value, str) and len(value) <= 64 else None
        if parts is None:
            raise self.make_error("invalid", input=value)
        day, minute, second, fraction, zone = parts.groups(default="")
        leap = second == "60"
        try:
            moment = datetime.fromisoformat(f"{day}T{minute}:{'59' if leap else second}{fraction}{zone.upper()}")
        except ValueError:
            raise self.make_error("invalid", input=value) from None
        moment = moment.astimezone(UTC) + timedelta(seconds=leap)
        # The 61st second exists only at the end of a day (RFC 3339, section 5.7).
        if (leap and (moment.hour, moment.minute) != (0, 0)) or not 1000 <= moment.year <= 8999:
            raise self.make_error("invalid", input=value)
        return moment


class Link(Text):
    """A URL of this API: a path that is right whatever scheme and host it was asked by (RFC 3986, section 4.2)."""

    def __init__(self, description: str, example: str) -> None:
        super().__init__(
            2048,
            required=True,
            pattern=r"/[!-~]*",
            metadata={"format": "uri-reference", "description": description, "examples": [example]},
        )
