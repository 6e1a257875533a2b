"""Likes of posts."""

from functools import partial

from api.schemas.base import StrictSchema
from api.schemas.datetimes import DateTime
from api.schemas.fields import PostId, RelativeURL
from api.schemas.pages import page_of
from api.schemas.posts import PostSummary
from api.schemas.users import DisplayName, Username

_LikedAt = partial(
    DateTime,
    required=True,
    metadata={"description": "Since when the user likes the post.", "examples": ["2026-01-31T12:00:00Z"]},
)


class Like(StrictSchema):
    """Your like of a post."""

    post_id = PostId(required=True)
    liked_at = _LikedAt()
    url = RelativeURL("The like.", "/posts/{post_id}/like")
    post_url = RelativeURL("The post.", "/posts/{post_id}")


class Liker(StrictSchema):
    """A user who likes a post."""

    username = Username(required=True)
    display_name = DisplayName(required=True)
    liked_at = _LikedAt()
    url = RelativeURL("The user.", "/users/{username}")


class LikedPost(PostSummary):
    """A post that a user likes, without its body."""

    class Meta(PostSummary.Meta):
        """Lists of liked posts have no `expand`."""

        exclude = ("body", "html")

    liked_at = _LikedAt()


LikerPage = page_of(Liker, "Users who like a post, latest first.")
LikedPostPage = page_of(LikedPost, "Public posts that a user likes, latest like first.")
