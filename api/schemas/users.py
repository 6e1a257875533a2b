"""Users."""

from functools import partial

from api import constraints
from api.schemas.base import PatchSchema, StrictSchema
from api.schemas.datetimes import DateTime
from api.schemas.fields import OneOf, RelativeURL, Text
from api.schemas.pages import page_of

Username = partial(
    Text,
    constraints.USERNAME_MAX_LENGTH,
    minimum=constraints.USERNAME_MIN_LENGTH,
    pattern=constraints.USERNAME_PATTERN,
    error=(
        f"Use {constraints.USERNAME_MIN_LENGTH} to {constraints.USERNAME_MAX_LENGTH} of a-z, 0-9, - and _, "
        "and begin with a letter or digit."
    ),
    metadata={"description": "The name in URLs; it never changes.", "examples": ["ada"]},
)
DisplayName = partial(
    Text,
    constraints.DISPLAY_NAME_MAX_LENGTH,
    metadata={"description": "The name shown to readers.", "examples": ["Ada Lovelace"]},
)
Bio = partial(
    Text,
    constraints.BIO_MAX_LENGTH,
    minimum=0,
    metadata={"description": "A short description of the user.", "examples": ["Writes about engines."]},
)
Password = partial(
    Text,
    constraints.PASSWORD_MAX_LENGTH,
    required=True,
    load_only=True,
    metadata={
        "description": "The password, in any normalization form of Unicode; its characters are counted as sent.",
        "examples": ["correct horse battery staple"],
    },
)
KnownPassword = partial(
    Text,
    constraints.SENT_PASSWORD_MAX_LENGTH,
    minimum=1,
    load_only=True,
    metadata={"description": "The password.", "examples": ["correct horse battery staple"]},
)
CreatedAt = partial(
    DateTime,
    required=True,
    metadata={"description": "When it was created.", "examples": ["2026-01-31T12:00:00Z"]},
)
UpdatedAt = partial(
    DateTime,
    required=True,
    metadata={"description": "When it was last changed.", "examples": ["2026-01-31T12:00:00Z"]},
)

Revision = partial(
    Text,
    constraints.REVISION_LENGTH,
    minimum=constraints.REVISION_LENGTH,
    pattern=constraints.REVISION_PATTERN,
    error=f"Use {constraints.REVISION_LENGTH} of 0-9 and a-f.",
    metadata={
        "description": "Another one after every change by `PATCH` or `PUT`. In quotes, it is a value of `If-Match`.",
        "examples": ["7d3f0c2a91b8e654"],
    },
)


class NewPassword(StrictSchema):
    """A new password."""

    password = Password(minimum=constraints.PASSWORD_MIN_LENGTH)


class UserCreate(StrictSchema):
    """A user to register. `display_name` defaults to the username."""

    username = Username(required=True)
    display_name = DisplayName()
    bio = Bio()
    password = Password(minimum=constraints.PASSWORD_MIN_LENGTH)


class PasswordChange(StrictSchema):
    """The current password and a new one."""

    current_password = KnownPassword(
        required=True,
        metadata={"description": "The current password.", "examples": ["correct horse battery staple"]},
    )
    new_password = Password(
        minimum=constraints.PASSWORD_MIN_LENGTH,
        metadata={"description": "The new password.", "examples": ["staple battery horse correct"]},
    )


class UserPatch(PatchSchema):
    """Changes of a user; omitted properties keep their values."""

    class Meta(PatchSchema.Meta):
        """`json_schema` is added to the JSON Schema."""

        json_schema = {**PatchSchema.Meta.json_schema, "examples": [{"bio": "Writes about engines, and for them."}]}

    display_name = DisplayName()
    bio = Bio()


class User(StrictSchema):
    """A user."""

    username = Username(required=True)
    display_name = DisplayName(required=True)
    bio = Bio(required=True)
    created_at = CreatedAt()
    updated_at = UpdatedAt()
    revision = Revision(required=True)
    url = RelativeURL("The user.", "/users/{username}")
    posts_url = RelativeURL("The posts of the user.", "/posts?author={username}")


class Me(User):
    """Your account."""

    role = OneOf(
        ["member", "admin"],
        required=True,
        metadata={
            "description": "Members may change their own account and posts, admins all.",
            "examples": ["member"],
        },
    )


class UserRemovalQuery(StrictSchema):
    """What to delete with a user."""

    posts = OneOf(
        ["remove"],
        metadata={"description": "`remove` deletes the user's posts, too.", "examples": ["remove"]},
    )


class Author(StrictSchema):
    """The author of a post."""

    username = Username(required=True)
    display_name = DisplayName(required=True)
    url = RelativeURL("The user.", "/users/{username}")


UserPage = page_of(User, "Users, newest first.")
