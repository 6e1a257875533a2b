"""Queries for posts."""

from functools import partial

from api.schemas.base import StrictSchema
from api.schemas.fields import OneOf
from api.schemas.pages import PageQuery
from api.schemas.posts_search import Search
from api.schemas.posts_tags import TagQuery
from api.schemas.users import Username

_EXPANSIONS = ["body", "html", "body,html"]
Expand = partial(
    OneOf,
    _EXPANSIONS,
    metadata={
        "description": "`body` adds the body to each post, `html` the body as HTML, `body,html` both.",
        "examples": ["body"],
    },
)


class PostExpandQuery(StrictSchema):
    """Whether with the body as HTML."""

    error_messages = {"unknown": "Unknown parameter."}

    expand = OneOf(
        _EXPANSIONS,
        metadata={"description": "`html` adds the body as HTML. The body is always there.", "examples": ["html"]},
    )


class TimelineQuery(PageQuery):
    """Which page of the timeline, and whether with the bodies and HTML of the posts."""

    expand = Expand()


class PostQuery(PageQuery):
    """Which posts, and whether with their bodies and HTML."""

    q = Search()
    author = Username(metadata={"description": "Only posts by this user.", "examples": ["ada"]})
    tag = TagQuery()
    expand = Expand()
