"""Users, as clients write and read them."""

from functools import partial

from api import constraints
from api.schemas.base import PatchSchema, StrictSchema
from api.schemas.fields import DateTime, Link, Text
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
    metadata={"description": "The name that readers see.", "examples": ["Ada Lovelace"]},
)
Bio = partial(
    Text,
    constraints.BIO_MAX_LENGTH,
    minimum=0,
    metadata={"description": "A few words about the user.", "examples": ["Writes about engines."]},
)
Password = partial(
    Text,
    constraints.PASSWORD_MAX_LENGTH,
    required=True,
    load_only=True,
    metadata={"description": "What to sign in with.", "examples": ["correct horse battery staple"]},
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


class UserImport(StrictSchema):
    """A user as `pressroom import` reads one: without a password."""

    username = Username(required=True)
    display_name = DisplayName()
    bio = Bio()


class NewPassword(StrictSchema):
    """A password to sign in with from now on."""

    password = Password(minimum=constraints.PASSWORD_MIN_LENGTH)


class UserCreate(UserImport):
    """A user to register."""

    class Meta(StrictSchema.Meta):
        """Goes into the document."""

        description = "A user to register. Without a `display_name`, it is the username."

    password = Password(minimum=constraints.PASSWORD_MIN_LENGTH)


class PasswordChange(StrictSchema):
    """Another password for who knows the current one."""

    class Meta(StrictSchema.Meta):
        """Goes into the document."""

        description = "Your current password, and the one to sign in with from now on."
        json_schema = {
            "examples": [
                {"current_password": "correct horse battery staple", "new_password": "staple battery horse correct"}
            ]
        }

    current_password = Password(minimum=1)
    new_password = Password(minimum=constraints.PASSWORD_MIN_LENGTH)


class UserPatch(PatchSchema):
    """What a user may change of their own."""

    class Meta(PatchSchema.Meta):
        """Goes into the document."""

        description = "What to change of a user; members left out stay as they are."
        json_schema = {**PatchSchema.Meta.json_schema, "examples": [{"bio": "Writes about engines, and for them."}]}

    display_name = DisplayName()
    bio = Bio()


class User(StrictSchema):
    """A user, as everybody reads them."""

    class Meta(StrictSchema.Meta):
        """Goes into the document."""

        description = "Somebody who writes."

    username = Username(required=True)
    display_name = DisplayName(required=True)
    bio = Bio(required=True)
    created_at = CreatedAt()
    updated_at = UpdatedAt()
    url = Link("The user.", "/users/ada")
    posts_url = Link("The posts of the user.", "/posts?author=ada")


class Author(StrictSchema):
    """A user, as a post names them."""

    class Meta(StrictSchema.Meta):
        """Goes into the document."""

        description = "Who wrote it."

    username = Username(required=True)
    display_name = DisplayName(required=True)
    url = Link("The user.", "/users/ada")


UserPage = page_of(User, "Users, who came last first.")
