"""The service itself, as clients read it."""

from functools import partial

from marshmallow import fields

from api import constraints
from api.schemas.base import StrictSchema
from api.schemas.fields import Integer, Link, Text

Name = partial(Text, 100, required=True, metadata={"description": "The service.", "examples": ["Pressroom"]})
Version = partial(Text, 100, required=True, metadata={"description": "Its version.", "examples": ["0.1.0"]})


def _limit(description: str, example: int) -> Integer:
    return Integer(1, constraints.ID_MAX, required=True, metadata={"description": description, "examples": [example]})


class Root(StrictSchema):
    """The way in."""

    class Meta(StrictSchema.Meta):
        """Goes into the document."""

        description = "The way in: every collection, the documentation and the document."

    name = Name()
    version = Version()
    about_url = Link("What the service is.", "/about")
    users_url = Link("The users.", "/users")
    posts_url = Link("The posts.", "/posts")
    tokens_url = Link("Your tokens.", "/tokens")
    me_url = Link("You.", "/me")
    docs_url = Link("The documentation, to try out.", "/docs")
    openapi_url = Link("The OpenAPI document.", "/openapi.json")


class Limits(StrictSchema):
    """How much of everything."""

    class Meta(StrictSchema.Meta):
        """Goes into the document."""

        description = "How long things may be, and how many."

    display_name = _limit("Characters.", constraints.DISPLAY_NAME_MAX_LENGTH)
    bio = _limit("Characters.", constraints.BIO_MAX_LENGTH)
    title = _limit("Characters.", constraints.TITLE_MAX_LENGTH)
    body = _limit("Characters.", constraints.BODY_MAX_LENGTH)
    tags = _limit("Tags of a post.", constraints.TAGS_MAX_ITEMS)
    page = _limit("Items on a page.", constraints.PAGE_SIZE_MAX)
    request_body = _limit("Bytes.", constraints.REQUEST_BODY_MAX_BYTES)
    token_days = _limit("Days until a token ends.", 30)


class About(StrictSchema):
    """What this service is."""

    class Meta(StrictSchema.Meta):
        """Goes into the document."""

        description = "What this service is, its version and its limits."

    name = Name()
    description = Text(
        1000,
        required=True,
        metadata={
            "description": "What it is for.",
            "examples": ["A publishing back end: users and posts over JSON."],
        },
    )
    version = Version()
    limits = fields.Nested(Limits, required=True, metadata={"description": "How long and how many."})
