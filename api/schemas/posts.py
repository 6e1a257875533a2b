"""Posts, as clients write and read them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from marshmallow import ValidationError, fields, validate

from api import constraints
from api.schemas.base import PatchSchema, StrictSchema
from api.schemas.fields import DateTime, Integer, Link, Text
from api.schemas.pages import PageQuery, page_of
from api.schemas.users import Author, CreatedAt, UpdatedAt, Username


def _distinct(tags: Sequence[str]) -> None:
    if len(set(tags)) < len(tags):
        raise ValidationError("Name each tag once.")


Title = partial(
    Text,
    constraints.TITLE_MAX_LENGTH,
    metadata={"description": "What it is called.", "examples": ["Notes on the engine"]},
)
Body = partial(
    Text,
    constraints.BODY_MAX_LENGTH,
    metadata={
        "description": "The text, most often Markdown; kept as it is sent.",
        "examples": ["It *weaves* patterns."],
    },
)
Tag = partial(
    Text,
    constraints.TAG_MAX_LENGTH,
    pattern=constraints.TAG_PATTERN,
    error=f"Use 1 to {constraints.TAG_MAX_LENGTH} of a-z, 0-9 and -, and begin with a letter or digit.",
    metadata={"description": "One word.", "examples": ["engines"]},
)
Tags = partial(
    fields.List,
    Tag(),
    validate=[validate.Length(max=constraints.TAGS_MAX_ITEMS), _distinct],
    metadata={
        "description": "In the order in which they are sent.",
        "uniqueItems": True,
        "examples": [["engines"]],
    },
)
PublishedAt = partial(
    DateTime,
    allow_none=True,
    metadata={
        "description": "Public from this moment on, in the years 1000 to 8999 of UTC; null for a draft.",
        "examples": ["2026-01-31T12:00:00Z"],
    },
)


class PostCreate(StrictSchema):
    """A post to publish, schedule or keep as a draft."""

    class Meta(StrictSchema.Meta):
        """Goes into the document."""

        description = "A post to publish; without `published_at`, it is published now."

    title = Title(required=True)
    body = Body(required=True)
    tags = Tags(load_default=[])
    published_at = PublishedAt(load_default=lambda: datetime.now(UTC))


class PostImport(PostCreate):
    """A post as `pressroom import` reads one: somebody's, certain of its moment, and perhaps of its URL."""

    id = fields.Integer(strict=True, validate=validate.Range(1, constraints.ID_MAX))
    author = Username(required=True)
    published_at = PublishedAt(required=True)


class PostPatch(PatchSchema):
    """What an author may change of a post."""

    class Meta(PatchSchema.Meta):
        """Goes into the document."""

        description = "What to change of a post; members left out stay as they are."
        json_schema = {**PatchSchema.Meta.json_schema, "examples": [{"title": "Notes on the Analytical Engine"}]}

    title = Title()
    body = Body()
    tags = Tags()
    published_at = PublishedAt()


class PostSummary(StrictSchema):
    """A post in a list."""

    class Meta(StrictSchema.Meta):
        """Goes into the document."""

        description = "A post, with its body if the list was asked to expand it."

    id = Integer(
        1, constraints.ID_MAX, required=True, metadata={"description": "The number in the URL.", "examples": [1]}
    )
    title = Title(required=True)
    body = Body()
    tags = Tags(required=True)
    author = fields.Nested(Author, required=True, metadata={"description": "Who wrote it."})
    published_at = PublishedAt(required=True)
    created_at = CreatedAt()
    updated_at = UpdatedAt()
    url = Link("The post.", "/posts/1")


class Post(PostSummary):
    """A post, whole."""

    class Meta(StrictSchema.Meta):
        """Goes into the document."""

        description = "A post."

    body = Body(required=True)


class PostQuery(PageQuery):
    """Which posts, and how much of them."""

    author = Username(metadata={"description": "Only posts of this user.", "examples": ["ada"]})
    tag = Tag(metadata={"description": "Only posts with this tag.", "examples": ["engines"]})
    expand = fields.String(
        validate=validate.OneOf(["body"]),
        metadata={"description": "`body` adds the body to each post.", "examples": ["body"]},
    )


PostPage = page_of(PostSummary, "Posts, the latest first.")
