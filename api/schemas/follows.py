"""Users who follow others."""

from api.schemas.base import StrictSchema
from api.schemas.datetimes import DateTime
from api.schemas.fields import RelativeURL
from api.schemas.pages import page_of
from api.schemas.users import DisplayName, Username


class FollowingUser(StrictSchema):
    """A user who follows or is followed, and since when."""

    username = Username(required=True)
    display_name = DisplayName(required=True)
    followed_at = DateTime(
        required=True,
        metadata={"description": "When the one followed the other.", "examples": ["2026-01-31T12:00:00Z"]},
    )
    url = RelativeURL("The user.", "/users/{username}")


FollowingUserPage = page_of(FollowingUser, "Users, by the time of following, newest first.")
