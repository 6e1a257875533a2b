"""Posts."""

from collections.abc import Sequence
from functools import partial

from marshmallow import ValidationError

from api import constraints
from api.schemas.base import PatchSchema, StrictSchema
from api.schemas.compiled import FromRow
from api.schemas.datetimes import DateTime, DateTimeInput
from api.schemas.fields import Id, OneOf, RelativeURL, Text
from api.schemas.lists import List
from api.schemas.pages import PageQuery, page_of
from api.schemas.users import Author, CreatedAt, UpdatedAt, Username


def _unique(tags: Sequence[str]) -> None:
    if len(set(tags)) < len(tags):
        raise ValidationError("Tags must be unique.")


Title = partial(
    Text,
    constraints.TITLE_MAX_LENGTH,
    metadata={"description": "The title.", "examples": ["Notes on the engine"]},
)
Body = partial(
    Text,
    constraints.BODY_MAX_LENGTH,
    metadata={
        "description": "The text, usually Markdown; stored unchanged.",
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
_TAGS_METADATA = {"description": "In the order in which they were sent.", "examples": [["engines"]]}
Tags = partial(List, Tag(), constraints.TAGS_MAX_ITEMS, metadata=_TAGS_METADATA)
# In requests only: clients would read it as a set, without order.
TagsInput = partial(
    List,
    Tag(),
    constraints.TAGS_MAX_ITEMS,
    validators=[_unique],
    metadata={**_TAGS_METADATA, "uniqueItems": True},
)
PublishedAt = partial(
    DateTime,
    allow_none=True,
    metadata={
        "description": "When the post becomes or became public; null for a draft.",
        "examples": ["2026-01-31T12:00:00Z"],
    },
)
PublishedAtInput = partial(
    DateTimeInput,
    allow_none=True,
    metadata={
        "description": (
            "When the post becomes public; null for a draft. In the years 1000 to 8999 of UTC, and of at most 64 "
            "characters."
        ),
        "examples": ["2026-01-31T12:00:00Z"],
    },
)


class PostCreate(StrictSchema):
    """A post to publish; without `published_at`, it is published now."""

    class Meta(StrictSchema.Meta):
        """`json_schema` is added to the JSON Schema."""

        json_schema = {
            "examples": [{"title": "Notes on the engine", "body": "It *weaves* patterns.", "tags": ["engines"]}]
        }

    title = Title(required=True)
    body = Body(required=True)
    tags = TagsInput(load_default=[])
    published_at = PublishedAtInput()


class PostPatch(PatchSchema):
    """Changes of a post; omitted properties keep their values."""

    class Meta(PatchSchema.Meta):
        """`json_schema` is added to the JSON Schema."""

        json_schema = {**PatchSchema.Meta.json_schema, "examples": [{"title": "Notes on the Analytical Engine"}]}

    title = Title()
    body = Body()
    tags = TagsInput()
    published_at = PublishedAtInput()


class PostSummary(StrictSchema):
    """A post in a list, with its body if `expand` is `body`."""

    id = Id(required=True)
    title = Title(required=True)
    body = Body()
    tags = Tags(required=True)
    author = FromRow(Author, required=True, metadata={"description": "The author."})
    published_at = PublishedAt(required=True)
    created_at = CreatedAt()
    updated_at = UpdatedAt()
    url = RelativeURL("The post.", "/posts/{id}")


class Post(PostSummary):
    """A post."""

    body = Body(required=True)


class PostQuery(PageQuery):
    """Which posts, and whether with their bodies."""

    author = Username(metadata={"description": "Only posts by this user.", "examples": ["ada"]})
    tag = Tag(metadata={"description": "Only posts with this tag.", "examples": ["engines"]})
    expand = OneOf(["body"], metadata={"description": "`body` adds the body to each post.", "examples": ["body"]})


PostPage = page_of(PostSummary, "Posts, newest first.")
