"""Bearer tokens."""

from functools import partial

from api import constraints
from api.schemas.base import StrictSchema
from api.schemas.datetimes import DateTime
from api.schemas.fields import Id, OneOf, RelativeURL, StrictInteger, Text
from api.schemas.pages import page_of
from api.schemas.users import CreatedAt, KnownPassword, Username
from api.settings import TOKEN_DAYS_MAX

TokenName = partial(
    Text,
    constraints.TOKEN_NAME_MAX_LENGTH,
    minimum=0,
    metadata={"description": "What the token is used for.", "examples": ["laptop"]},
)

Scope = partial(
    OneOf,
    ["read", "write"],
    metadata={
        "description": (
            "What it permits. `read`: to read posts, your drafts, too, comments, likes, the timeline, users, follows, "
            "tags, feeds, changes and `/me`, without the role of an admin. `write`: everything that you may do."
        ),
        "examples": ["write"],
    },
)


class TokenCreate(StrictSchema):
    """A token to create, and the credentials, unless they are sent as HTTP Basic."""

    class Meta(StrictSchema.Meta):
        """The body is optional."""

        allow_null = True

    name = TokenName(load_default="")
    scope = Scope(load_default="write")
    expires_in_days = StrictInteger(
        1,
        TOKEN_DAYS_MAX,
        metadata={
            "description": (
                "Days until it expires. By default, and at most, those that the operator has set as "
                "`PRESSROOM_TOKEN_DAYS`: 30 unless changed."
            ),
            "format": "int32",
            "examples": [7],
        },
    )
    username = Username()
    password = KnownPassword()


class Token(StrictSchema):
    """A token of yours, without its secret, which is not stored."""

    id = Id(required=True)
    name = TokenName(required=True)
    scope = Scope(required=True)
    created_at = CreatedAt()
    expires_at = DateTime(
        required=True,
        metadata={"description": "When it expires.", "examples": ["2026-02-07T12:00:00Z"]},
    )
    last_used_at = DateTime(
        required=True,
        allow_none=True,
        metadata={
            "description": "When it was last used, updated at most once a minute; null if never.",
            "examples": ["2026-02-01T08:30:00Z"],
        },
    )
    url = RelativeURL("The token.", "/tokens/{id}")


class IssuedToken(Token):
    """A token with its secret, which is shown only in this response."""

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


TokenPage = page_of(Token, "Your tokens, newest first.")
