"""Bearer tokens, as clients write and read them."""

from functools import partial

from api import constraints
from api.schemas.base import StrictSchema
from api.schemas.fields import DateTime, Integer, Link, Text
from api.schemas.pages import page_of
from api.schemas.users import CreatedAt

TokenName = partial(
    Text,
    constraints.TOKEN_NAME_MAX_LENGTH,
    minimum=0,
    metadata={"description": "What the token is for, to know it by.", "examples": ["laptop"]},
)


class TokenCreate(StrictSchema):
    """What may be said of a token when asking for one."""

    class Meta(StrictSchema.Meta):
        """Goes into the document."""

        description = "A token to sign in with."

    name = TokenName(load_default="")


class Token(StrictSchema):
    """A token, without its secret."""

    class Meta(StrictSchema.Meta):
        """Goes into the document."""

        description = "A token of yours; its secret is not kept."

    id = Integer(
        1, constraints.ID_MAX, required=True, metadata={"description": "The number in the URL.", "examples": [1]}
    )
    name = TokenName(required=True)
    created_at = CreatedAt()
    expires_at = DateTime(
        required=True,
        metadata={"description": "When it ends by itself.", "examples": ["2026-03-02T12:00:00Z"]},
    )
    last_used_at = DateTime(
        required=True,
        allow_none=True,
        metadata={
            "description": "When it was last used, noted at most once a minute; null if never.",
            "examples": ["2026-02-01T08:30:00Z"],
        },
    )
    url = Link("The token.", "/tokens/1")


class NewToken(Token):
    """A token with its secret, this once."""

    class Meta(StrictSchema.Meta):
        """Goes into the document."""

        description = "A token, shown this once."

    token = Text(
        47,
        minimum=47,
        required=True,
        pattern="prt_[A-Za-z0-9_-]{43}",
        metadata={
            "description": "Send it as `Authorization: Bearer …`.",
            "examples": ["prt_uNEZn0yH2pUPVzDwSvVrwAfF5dGcTfJ0x9sKqQn4b3E"],
        },
    )


TokenPage = page_of(Token, "Your tokens, the latest first.")
