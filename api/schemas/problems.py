"""Problem details (RFC 9457)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import fields

from api.schemas.base import StrictSchema
from api.schemas.fields import Integer, Text

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class ProblemError(StrictSchema):
    """One error in the request."""

    class Meta(StrictSchema.Meta):
        """`json_schema` is added to the JSON Schema."""

        json_schema = {"examples": [{"detail": "Missing data for required field.", "pointer": "#/title"}]}

    detail = Text(
        2048,
        required=True,
        metadata={"description": "The error.", "examples": ["Missing data for required field."]},
    )
    pointer = Text(
        2048,
        metadata={
            "description": "Where in the body: a JSON Pointer (RFC 6901) as a URI fragment.",
            "examples": ["#/title"],
        },
    )
    # A query parameter's name may be empty.
    parameter = Text(2048, minimum=0, metadata={"description": "The query parameter.", "examples": ["limit"]})


class Problem(StrictSchema):
    """Why the request failed (RFC 9457)."""

    type = Text(
        2048,
        required=True,
        metadata={
            "format": "uri-reference",
            "description": "The type of problem.",
            "examples": ["about:blank"],
        },
    )
    title = Text(
        200,
        required=True,
        metadata={"description": "The name of the status.", "examples": ["Unprocessable Content"]},
    )
    status = Integer(400, 599, required=True, metadata={"description": "The status code.", "examples": [422]})
    detail = Text(
        2048,
        required=True,
        metadata={"description": "What is wrong and what to do.", "examples": ["Validation failed; see `errors`."]},
    )
    errors = fields.List(
        fields.Nested(ProblemError),
        metadata={"description": "The errors in the input.", "maxItems": 100},
    )


def flatten_messages(messages: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each text in marshmallow's nested messages with the path of names to it."""
    if isinstance(messages, Mapping):
        for name, nested in messages.items():
            # Names may be chosen by the client: they are truncated and made printable.
            here = () if name == "_schema" else (_UNPRINTABLE.sub("\ufffd", str(name))[:100],)
            yield from flatten_messages(nested, path + here)
    else:
        for text in messages:
            yield path, str(text)
