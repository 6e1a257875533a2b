"""The service itself, as clients read it."""

from functools import partial

from marshmallow import fields

from api import limits
from api.schemas.base import Closed
from api.schemas.fields import Integer, Link, Text

Name = partial(Text, 100, required=True, metadata={"description": "The service.", "examples": ["Pressroom"]})
Version = partial(Text, 100, required=True, metadata={"description": "Its version.", "examples": ["0.1.0"]})


def _limit(description: str, example: int) -> Integer:
    return Integer(1, limits.MAX_ID, required=True, metadata={"description": description, "examples": [example]})


class Root(Closed):
    """The way in."""

    class Meta(Closed.Meta):
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


class Limits(Closed):
    """How much of everything."""

    class Meta(Closed.Meta):
        """Goes into the document."""

        description = "How long things may be, and how many."

    display_name = _limit("Characters.", limits.DISPLAY_NAME)
    bio = _limit("Characters.", limits.BIO)
    title = _limit("Characters.", limits.TITLE)
    body = _limit("Characters.", limits.BODY)
    tags = _limit("Tags of a post.", limits.TAGS)
    page = _limit("Items on a page.", limits.PAGE_MAX)
    request_body = _limit("Bytes.", limits.REQUEST_BODY)
    token_days = _limit("Days until a token ends.", 30)


class About(Closed):
    """What this service is."""

    class Meta(Closed.Meta):
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
