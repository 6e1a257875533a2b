"""Comments."""

from functools import partial

from api import constraints
from api.schemas.base import PatchSchema, StrictSchema
from api.schemas.compiled import FromRow
from api.schemas.fields import Id, OneOf, PostId, RelativeURL, Text
from api.schemas.pages import PageQuery, page_of
from api.schemas.posts import HTML
from api.schemas.users import Author, CreatedAt, Revision, UpdatedAt

Body = partial(
    Text,
    constraints.COMMENT_MAX_LENGTH,
    metadata={
        "description": "The text, usually Markdown; stored unchanged.",
        "examples": ["It weaves *algebraical* patterns, too."],
    },
)
Expand = partial(OneOf, ["html"], metadata={"description": "`html` adds the body as HTML.", "examples": ["html"]})


class CommentCreate(StrictSchema):
    """A comment to write."""

    body = Body(required=True)


class CommentPatch(PatchSchema):
    """Changes of a comment; omitted properties keep their values."""

    body = Body()


class Comment(StrictSchema):
    """A comment on a post, with its body as HTML if `expand` lists it."""

    class Meta(StrictSchema.Meta):
        """The example is of a response without `expand`."""

        not_in_example = ("html",)

    id = Id(required=True)
    post_id = PostId(required=True)
    body = Body(required=True)
    html = HTML()
    author = FromRow(Author, required=True, metadata={"description": "The author."})
    created_at = CreatedAt()
    updated_at = UpdatedAt()
    revision = Revision(required=True)
    url = RelativeURL("The comment.", "/comments/{id}")
    post_url = RelativeURL("The post.", "/posts/{post_id}")


class CommentExpandQuery(StrictSchema):
    """Whether with the body as HTML."""

    error_messages = {"unknown": "Unknown parameter."}

    expand = Expand()


class CommentQuery(PageQuery):
    """Which page, and whether with the bodies as HTML."""

    expand = Expand()


CommentPage = page_of(Comment, "Comments, oldest first.")
