"""Fields of datetimes: as responses have them, and as requests may have them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Unpack

from marshmallow import fields

from api.schemas.compiled import PassThrough
from api.schemas.fields import FieldOptions


class DateTime(PassThrough, fields.AwareDateTime):
    """A datetime in a response."""


class DateTimeInput(DateTime):
    """A datetime of RFC 3339, section 5.6, in the years 1000 to 8999 of UTC, of at most 64 characters."""

    _MAX_LENGTH = 64
    _RFC3339 = re.compile(
        r"([1-8][0-9]{3}-[0-9]{2}-[0-9]{2})[Tt]([01][0-9]:[0-5][0-9]|2[0-3]:[0-5][0-9]):([0-5][0-9]|60)"
        r"(\.[0-9]+)?([Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
    )
    default_error_messages = {
        "invalid": "Not a valid RFC 3339 datetime in the years 1000 to 8999 of UTC, such as 2026-01-31T12:00:00Z."
    }

    def __init__(self, **options: Unpack[FieldOptions]) -> None:
        # Not `pattern`: clients read a datetime, to which it cannot be applied.
        options["metadata"] = {**options["metadata"], "not": {"type": "string", "pattern": "^[09]"}}
        super().__init__(**options)

    def _deserialize(self, value: object, attr: str | None, data: object, **_: object) -> datetime:
        parts = self._RFC3339.fullmatch(value) if isinstance(value, str) and len(value) <= self._MAX_LENGTH else None
        if parts is None:
            raise self.make_error("invalid", input=value)
        day, minute, second, fraction, zone = parts.groups(default="")
        leap = second == "60"
        try:
            parsed = datetime.fromisoformat(f"{day}T{minute}:{'59' if leap else second}{fraction}{zone.upper()}")
        except ValueError:
            raise self.make_error("invalid", input=value) from None
        parsed = parsed.astimezone(UTC) + timedelta(seconds=leap)
        # A leap second exists only at the end of a day (RFC 3339, section 5.7).
        if (leap and (parsed.hour, parsed.minute) != (0, 0)) or not 1000 <= parsed.year <= 8999:
            raise self.make_error("invalid", input=value)
        return parsed
