"""Problems, as clients read them (RFC 9457)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import fields

from api.schemas.base import StrictSchema
from api.schemas.fields import Integer, Text

_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class ProblemError(StrictSchema):
    """One thing that is wrong with a request."""

    class Meta(StrictSchema.Meta):
        """Goes into the document."""

        description = "One thing that is wrong with the request."
        json_schema = {"examples": [{"detail": "Missing data for required field.", "pointer": "#/title"}]}

    detail = Text(
        2048,
        required=True,
        metadata={"description": "What is wrong.", "examples": ["Missing data for required field."]},
    )
    pointer = Text(
        2048,
        metadata={
            "description": "Where in the body: a JSON Pointer (RFC 6901) as a fragment.",
            "examples": ["#/title"],
        },
    )
    # A query may have a nameless parameter.
    parameter = Text(2048, minimum=0, metadata={"description": "Which query parameter.", "examples": ["limit"]})


class Problem(StrictSchema):
    """Why a request failed."""

    class Meta(StrictSchema.Meta):
        """Goes into the document."""

        description = "Why the request failed (RFC 9457)."

    type = Text(
        2048,
        required=True,
        metadata={
            "format": "uri-reference",
            "description": "The kind of problem.",
            "examples": ["about:blank"],
        },
    )
    title = Text(
        200,
        required=True,
        metadata={"description": "The status in words.", "examples": ["Unprocessable Content"]},
    )
    status = Integer(400, 599, required=True, metadata={"description": "The status code.", "examples": [422]})
    detail = Text(
        2048,
        required=True,
        metadata={"description": "What happened and what to do.", "examples": ["Mend what `errors` names."]},
    )
    errors = fields.List(
        fields.Nested(ProblemError),
        metadata={"description": "What is wrong with the input, one by one.", "maxItems": 100},
    )


def flatten_messages(messages: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """The texts in marshmallow's nested messages, each with the names that lead to it."""
    if isinstance(messages, Mapping):
        for name, inside in messages.items():
            # Names may be the client's: bounded, and safe to print.
            here = () if name == "_schema" else (_UNSPEAKABLE.sub("\ufffd", str(name))[:100],)
            yield from flatten_messages(inside, path + here)
    else:
        for text in messages:
            yield path, str(text)
