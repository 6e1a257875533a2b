"""Records of an archive: older ones have no times or revisions, and only those of accounts hashes and tokens."""

from functools import partial

from api import constraints
from api.schemas.base import StrictSchema
from api.schemas.comments import Body
from api.schemas.datetimes import DateTimeInput
from api.schemas.fields import OneOf, StrictInteger, Text
from api.schemas.posts import PostCreate, PublishedAtInput
from api.schemas.tokens import TokenName
from api.schemas.users import Bio, DisplayName, Revision, Username

Time = partial(DateTimeInput, metadata={})


class UserRecord(StrictSchema):
    """A user."""

    username = Username(required=True)
    display_name = DisplayName()
    bio = Bio()
    revision = Revision()
    created_at = Time()
    updated_at = Time()
    suspended_at = Time()
    role = OneOf(["member", "admin"])
    password_hash = Text(constraints.PASSWORD_HASH_MAX_LENGTH, allow_none=True)


class TokenRecord(StrictSchema):
    """A token, whose secret has this hash."""

    user = Username(required=True)
    name = TokenName(required=True)
    scope = OneOf(["read", "write"], load_default="write")
    sha256 = Text(64, minimum=64, required=True, pattern="[0-9a-f]{64}", error="Use 64 lower-case hexadecimal digits.")
    created_at = Time(required=True)
    expires_at = Time(required=True)
    last_used_at = Time(required=True, allow_none=True)


class PostRecord(PostCreate):
    """A post: with its author and time of publication, and optionally its id."""

    id = StrictInteger(1, constraints.ID_MAX)
    author = Username(required=True)
    published_at = PublishedAtInput(required=True)
    revision = Revision()
    created_at = Time()
    updated_at = Time()


class CommentRecord(StrictSchema):
    """A comment on the post that has this id in the archive."""

    id = StrictInteger(1, constraints.ID_MAX)
    author = Username(required=True)
    post = StrictInteger(1, constraints.ID_MAX, required=True)
    body = Body(required=True)
    revision = Revision()
    created_at = Time(required=True)
    updated_at = Time()


class LikeRecord(StrictSchema):
    """A like of the post that has this id in the archive."""

    user = Username(required=True)
    post = StrictInteger(1, constraints.ID_MAX, required=True)
    liked_at = Time(required=True)


class FollowRecord(StrictSchema):
    """A follow: `user` follows `followed`."""

    user = Username(required=True)
    followed = Username(required=True)
    followed_at = Time(required=True)
