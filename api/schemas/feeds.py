"""Feeds of posts."""

from typing import cast

from marshmallow import fields

from api import constraints
from api.atom import Entry, Feed
from api.json import JSONObject
from api.schemas.base import StrictSchema
from api.schemas.compiled import RowType
from api.schemas.datetimes import DateTime
from api.schemas.fields import Constant, Text
from api.schemas.pages import Cursor
from api.schemas.posts import Title
from api.schemas.posts_tags import TagQuery, Tags
from api.schemas.users import DisplayName, Username

_URL_MAX_LENGTH = 8192
_TIME = "2026-01-31T12:00:00Z"


class FeedQuery(StrictSchema):
    """Which posts of a feed."""

    error_messages = {"unknown": "Unknown parameter."}

    author = Username(metadata={"description": "Only posts by this user.", "examples": ["ada"]})
    tag = TagQuery()
    cursor = Cursor(metadata={"description": "The page, from a link in the feed. Omitted, it is the newest."})


ATOM_SCHEMA: JSONObject = {
    "type": "string",
    "maxLength": 2 * constraints.PAGE_MAX_BYTES,
    "pattern": "^<[?]xml ",
    "description": "An Atom feed.",
    "examples": ['<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom"/>\n'],
}


class FeedAuthor(StrictSchema):
    """The author of an item."""

    name = DisplayName(required=True)


class FeedItem(StrictSchema):
    """A post in a feed."""

    class Meta(StrictSchema.Meta):
        """A post has HTML or text."""

        not_in_example = ("content_text",)

    id = Text(
        45,
        required=True,
        metadata={"description": "It never changes.", "examples": ["urn:uuid:2f7a3d0e-6d0c-5c1e-8a55-6e1f3f3a7c10"]},
    )
    url = Text(
        _URL_MAX_LENGTH,
        required=True,
        metadata={
            "description": "The post, where people read it.",
            "examples": ["https://blog.example/ada/notes-on-the-engine"],
        },
    )
    title = Title(required=True)
    content_html = Text(
        constraints.PAGE_MAX_BYTES,
        minimum=0,
        metadata={"description": "The body as HTML.", "examples": ["<p>It <em>weaves</em> patterns.</p>\n"]},
    )
    content_text = Text(
        1, minimum=0, metadata={"description": "Empty, for a post whose HTML is too long.", "examples": [""]}
    )
    date_published = DateTime(
        required=True, metadata={"description": "When the post became public.", "examples": [_TIME]}
    )
    date_modified = DateTime(
        required=True, metadata={"description": "When the post was edited last.", "examples": [_TIME]}
    )
    authors = fields.List(
        fields.Nested(FeedAuthor), required=True, metadata={"maxItems": 1, "description": "The author."}
    )
    tags = Tags(required=True)


class JSONFeed(StrictSchema):
    """A JSON Feed."""

    version = Constant("https://jsonfeed.org/version/1.1")
    title = Text(400, required=True, metadata={"description": "What is in it.", "examples": ["Posts"]})
    feed_url = Text(
        _URL_MAX_LENGTH,
        required=True,
        metadata={"description": "This page.", "examples": ["https://api.blog.example/feed.json"]},
    )
    next_url = Text(
        _URL_MAX_LENGTH,
        metadata={
            "description": "The next page; absent on the last.",
            "examples": ["https://api.blog.example/feed.json?cursor=00e320dec85dc41c0000000000000002"],
        },
    )
    items = fields.List(
        fields.Nested(FeedItem),
        required=True,
        metadata={"maxItems": constraints.PAGE_SIZE_DEFAULT, "description": "The posts, newest first."},
    )

    def compile_for(self, row_type: RowType) -> None:
        """Compile nothing: names and values differ."""

    def dump_row(self, row: object, root: str) -> dict[str, object]:
        """Return the JSON object of a feed."""
        feed = cast("Feed", row)
        return {
            "version": "https://jsonfeed.org/version/1.1",
            "title": feed.title,
            "feed_url": feed.url,
            **({"next_url": feed.next_url} if feed.next_url else {}),
            "items": [*map(_item, feed.entries)],
        }


def _item(entry: Entry) -> dict[str, object]:
    return {
        "id": entry.id,
        "url": entry.url,
        "title": entry.title,
        **({"content_text": ""} if entry.html is None else {"content_html": entry.html}),
        "date_published": entry.published,
        "date_modified": entry.updated,
        "authors": [{"name": entry.author}],
        "tags": entry.tags,
    }
