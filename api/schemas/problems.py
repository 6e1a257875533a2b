"""Problem details (RFC 9457)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from marshmallow import fields

from api import constraints
from api.schemas.base import StrictSchema
from api.schemas.fields import Integer, RelativeURL, Text

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

Code = partial(
    Text,
    constraints.PROBLEM_CODE_MAX_LENGTH,
    pattern=constraints.PROBLEM_CODE_PATTERN,
    metadata={
        "description": "The constant name of the type, by which programs distinguish problems. More may be added.",
        "examples": ["unprocessable-content"],
    },
)
Title = partial(
    Text,
    200,
    required=True,
    metadata={"description": "The name of the type.", "examples": ["Unprocessable Content"]},
)
Status = partial(Integer, 400, 599, metadata={"description": "A status code.", "examples": [422]})


class ProblemType(StrictSchema):
    """A type of problem."""

    code = Code(required=True)
    title = Title()
    statuses = fields.List(
        Status(),
        required=True,
        metadata={"description": "The status codes of such problems.", "maxItems": 10, "examples": [[422]]},
    )
    description = Text(
        2048,
        required=True,
        metadata={"description": "What it means.", "examples": ["Validation failed; see `errors`."]},
    )
    url = RelativeURL("This type, the `type` of such problems.", "/problems/{code}")


class ProblemError(StrictSchema):
    """One error in the request."""

    class Meta(StrictSchema.Meta):
        """`json_schema` is added to the JSON Schema."""

        json_schema = {"examples": [{"detail": "Missing data for required field.", "pointer": "#/title"}]}

    detail = Text(
        constraints.DETAIL_MAX_LENGTH,
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

    type = RelativeURL("The type of problem: the URL of its description.", "/problems/{code}")
    title = Title()
    status = Status(required=True)
    detail = Text(
        constraints.DETAIL_MAX_LENGTH,
        required=True,
        metadata={"description": "What is wrong and what to do.", "examples": ["Validation failed; see `errors`."]},
    )
    code = Code(required=True)
    errors = fields.List(
        fields.Nested(ProblemError),
        metadata={"description": "The errors in the input.", "maxItems": constraints.ERRORS_MAX_ITEMS},
    )


def flatten_messages(messages: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each text in marshmallow's nested messages with the path of names to it."""
    if isinstance(messages, Mapping):
        for name, nested in messages.items():
            # Names may be chosen by the client: they are truncated and made printable.
            here = () if name == "_schema" else (_UNPRINTABLE.sub("\ufffd", str(name)[:100]),)
            yield from flatten_messages(nested, path + here)
    elif isinstance(messages, Iterable):
        for text in messages:
            yield path, str(text)
