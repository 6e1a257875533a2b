"""The service itself."""

from functools import partial

from api import constraints
from api.schemas.base import StrictSchema
from api.schemas.compiled import FromRow
from api.schemas.fields import Integer, RelativeURL, Text

Name = partial(Text, 100, required=True, metadata={"description": "The service.", "examples": ["Pressroom"]})
Version = partial(Text, 100, required=True, metadata={"description": "Its version.", "examples": ["0.1.0"]})


def _limit(description: str, example: int) -> Integer:
    return Integer(1, constraints.ID_MAX, required=True, metadata={"description": description, "examples": [example]})


class Root(StrictSchema):
    """The entry point: links to every collection, the documentation and the OpenAPI document."""

    name = Name()
    version = Version()
    about_url = RelativeURL("About this service.", "/about")
    users_url = RelativeURL("The users.", "/users")
    suspensions_url = RelativeURL("Suspended users, for admins.", "/suspensions")
    posts_url = RelativeURL("The posts.", "/posts")
    tags_url = RelativeURL("The tags.", "/tags")
    atom_feed_url = RelativeURL("The posts as an Atom feed.", "/feed.atom")
    json_feed_url = RelativeURL("The posts as a JSON Feed.", "/feed.json")
    post_changes_url = RelativeURL("Changes of posts.", "/changes/posts")
    user_changes_url = RelativeURL("Changes of users.", "/changes/users")
    tokens_url = RelativeURL("Your tokens.", "/tokens")
    timeline_url = RelativeURL("The posts of the users whom you follow.", "/timeline")
    me_url = RelativeURL("Your account.", "/me")
    docs_url = RelativeURL("The interactive documentation.", "/docs")
    openapi_url = RelativeURL("The OpenAPI document.", "/openapi.json")


class Limits(StrictSchema):
    """Maximum lengths and counts."""

    display_name = _limit("Characters of a display name.", constraints.DISPLAY_NAME_MAX_LENGTH)
    bio = _limit("Characters of a bio.", constraints.BIO_MAX_LENGTH)
    title = _limit("Characters of a title.", constraints.TITLE_MAX_LENGTH)
    body = _limit("Characters of the body of a post.", constraints.BODY_MAX_LENGTH)
    tags = _limit("Tags of a post.", constraints.TAGS_MAX_ITEMS)
    followed = _limit("Users whom a user follows.", constraints.FOLLOWED_MAX_ITEMS)
    page = _limit("Items of a page.", constraints.PAGE_SIZE_MAX)
    page_bytes = _limit("Bytes of a page, which has fewer items if they are large.", constraints.PAGE_MAX_BYTES)
    request_body = _limit("Bytes of a request body.", constraints.REQUEST_BODY_MAX_BYTES)
    token_days = _limit("Days until a token expires.", 30)


class About(StrictSchema):
    """This service, its version and its limits."""

    name = Name()
    description = Text(
        1000,
        required=True,
        metadata={
            "description": "The purpose of the service.",
            "examples": ["A publishing back end: users, posts, comments, likes and follows over JSON."],
        },
    )
    version = Version()
    limits = FromRow(Limits, required=True, metadata={"description": "Maximum lengths and counts."})
