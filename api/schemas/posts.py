"""Posts."""

from functools import partial

from api import constraints
from api.schemas.base import PatchSchema, StrictSchema
from api.schemas.compiled import FromRow
from api.schemas.datetimes import DateTime, DateTimeInput
from api.schemas.fields import Id, OneOf, RelativeURL, Text
from api.schemas.pages import page_of
from api.schemas.posts_metadata import Metadata
from api.schemas.posts_tags import Tags, TagsInput
from api.schemas.users import Author, CreatedAt, Revision, UpdatedAt

Slug = partial(
    Text,
    constraints.SLUG_MAX_LENGTH,
    pattern=constraints.SLUG_PATTERN,
    error="Use a-z and 0-9, with single `-` between them.",
    allow_none=True,
    metadata={
        "description": "A name for the post that you choose, unique among those of its author; null for none.",
        "examples": ["notes-on-the-engine"],
    },
)
Title = partial(
    Text,
    constraints.TITLE_MAX_LENGTH,
    metadata={"description": "The title.", "examples": ["Notes on the engine"]},
)
Body = partial(
    Text,
    constraints.BODY_MAX_LENGTH,
    minimum=0,
    metadata={
        "description": "The text, usually Markdown; stored unchanged.",
        "examples": ["It *weaves* patterns."],
    },
)
HTML = partial(
    Text,
    constraints.PAGE_MAX_BYTES,
    minimum=0,
    allow_none=True,
    metadata={
        "description": (
            "The body as HTML, safe on any page: CommonMark with tables and strikethrough, of which scripts, styles, "
            "forms and the like are removed; links have `rel`. Null if it and the body are too large for a page."
        ),
        "examples": ["<p>It <em>weaves</em> patterns.</p>\n"],
    },
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


Comments = partial(
    OneOf,
    ["open", "closed"],
    metadata={
        "description": "Whether users may comment on the post: `closed` for no more comments.",
        "examples": ["open"],
    },
)
_EXAMPLE = {"title": "Notes on the engine", "body": "It *weaves* patterns.", "tags": ["engines"]}


class PostCreate(StrictSchema):
    """A post to publish; without `published_at`, it is published now."""

    class Meta(StrictSchema.Meta):
        """`json_schema` is added to the JSON Schema."""

        json_schema = {"examples": [_EXAMPLE]}

    slug = Slug()
    title = Title(required=True)
    body = Body(required=True)
    tags = TagsInput(load_default=[])
    metadata = Metadata()
    comments = Comments(load_default="open")
    published_at = PublishedAtInput()


class PostPut(StrictSchema):
    """The complete state of a post at a slug; an omitted property has its default."""

    class Meta(StrictSchema.Meta):
        """`json_schema` is added to the JSON Schema."""

        json_schema = {"examples": [{**_EXAMPLE, "published_at": None}]}

    title = Title(required=True)
    body = Body(required=True)
    tags = TagsInput(load_default=[])
    metadata = Metadata(load_default={})
    comments = Comments(load_default="open")
    published_at = PublishedAtInput(required=True)


class PostPatch(PatchSchema):
    """Changes of a post; omitted properties keep their values."""

    class Meta(PatchSchema.Meta):
        """`json_schema` is added to the JSON Schema."""

        json_schema = {**PatchSchema.Meta.json_schema, "examples": [{"title": "Notes on the Analytical Engine"}]}

    slug = Slug()
    title = Title()
    body = Body()
    tags = TagsInput()
    metadata = Metadata()
    comments = Comments()
    published_at = PublishedAtInput()


class PostSummary(StrictSchema):
    """A post in a list, with its body and that as HTML if `expand` lists them."""

    class Meta(StrictSchema.Meta):
        """The example is of a response without `expand`."""

        not_in_example = ("body", "html")

    id = Id(required=True)
    slug = Slug(required=True)
    title = Title(required=True)
    body = Body()
    html = HTML()
    tags = Tags(required=True)
    metadata = Metadata(required=True)
    comments = Comments(required=True)
    author = FromRow(Author, required=True, metadata={"description": "The author."})
    published_at = PublishedAt(required=True)
    created_at = CreatedAt()
    updated_at = UpdatedAt()
    revision = Revision(required=True)
    url = RelativeURL("The post.", "/posts/{id}")


class Post(PostSummary):
    """A post."""

    class Meta(StrictSchema.Meta):
        """The example is of a response without `expand`."""

        not_in_example = ("html",)

    body = Body(required=True)


PostPage = page_of(PostSummary, "Posts, newest first.")
