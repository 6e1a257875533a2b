"""Change feeds."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol, cast

from marshmallow import Schema, fields

from api import constraints, sync_tokens
from api.schemas.base import StrictSchema
from api.schemas.compiled import FromNestedRow
from api.schemas.datetimes import DateTime
from api.schemas.fields import Boolean, Id, Integer, RelativeURL, Text
from api.schemas.pages import ItemsSchema
from api.schemas.posts import PostSummary
from api.schemas.posts_queries import Expand
from api.schemas.users import User, Username

_TOKEN_EXAMPLE = sync_tokens.encode(sync_tokens.EXAMPLE)
_INVALID = "Not a token of a change feed. Use `next_since` of the previous response."


class SyncToken(Text):
    """A token of a change feed."""

    def deserialize(  # type: ignore[override] # the value is not text
        self, value: object, attr: str | None = None, data: Mapping[str, object] | None = None, **options: object
    ) -> sync_tokens.SyncToken:
        """Return the token, an expired one for text that this version did not make but another one may have."""
        text = super().deserialize(value, attr, data, **options)
        try:
            return sync_tokens.decode(text) if isinstance(text, str) else text
        except ValueError:
            return sync_tokens.EXPIRED


_SyncToken = partial(
    SyncToken,
    constraints.SINCE_LENGTH,
    minimum=constraints.SINCE_LENGTH,
    pattern=constraints.SINCE_PATTERN,
    error=_INVALID,
)
ChangedAt = partial(
    DateTime,
    required=True,
    metadata={
        "description": "When it was changed or removed, or became public. Items are in the order of the feed instead.",
        "examples": ["2026-01-31T12:00:00Z"],
    },
)


class ChangesQuery(StrictSchema):
    """Which changes."""

    error_messages = {"unknown": "Unknown parameter."}

    since = _SyncToken(
        metadata={
            "description": "`next_since` of the previous response. Omitted, the feed begins with everything that is "
            "public.",
        }
    )
    limit = Integer(
        1,
        constraints.PAGE_SIZE_MAX,
        load_default=constraints.PAGE_SIZE_DEFAULT,
        metadata={
            "description": "Maximum number of items. There may be fewer, even none, while `has_more` is true.",
            "examples": [constraints.PAGE_SIZE_DEFAULT],
        },
    )


class PostChangesQuery(ChangesQuery):
    """Which changes of posts, and whether with their bodies and HTML."""

    expand = Expand()


class PostChange(StrictSchema):
    """A post that has changed, as it is now."""

    id = Id(required=True)
    url = RelativeURL("The post.", "/posts/{id}")
    changed_at = ChangedAt()
    post = FromNestedRow(
        PostSummary,
        required=True,
        allow_none=True,
        metadata={"description": "The post; null if it is no longer public."},
    )


class UserChange(StrictSchema):
    """A user who has changed, as they are now."""

    username = Username(required=True)
    url = RelativeURL("The user.", "/users/{username}")
    changed_at = ChangedAt()
    user = FromNestedRow(
        User,
        required=True,
        allow_none=True,
        metadata={"description": "The user; null if it has been removed."},
    )


class _Page(Protocol):
    changes: Sequence[object]
    next_since: sync_tokens.SyncToken
    has_more: bool


class ChangesSchema(ItemsSchema):
    """A part of a change feed."""

    def dump_row(self, row: object, root: str) -> dict[str, object]:
        """Return the JSON object of a `store.change_feed.ChangesPage`; `root` is the prefix of all URLs."""
        page = cast("_Page", row)
        return {
            "items": self.dump_items(page.changes, root),
            "next_since": sync_tokens.encode(page.next_since),
            "has_more": page.has_more,
        }


def _changes_of(item: type[Schema], description: str) -> type[ChangesSchema]:
    attributes = {
        "__doc__": description,
        "items": fields.List(
            fields.Nested(item),
            required=True,
            metadata={"maxItems": constraints.PAGE_SIZE_MAX, "description": "The changes, one for each item."},
        ),
        "next_since": _SyncToken(
            required=True,
            metadata={"description": "The `since` of the next request.", "examples": [_TOKEN_EXAMPLE]},
        ),
        "has_more": Boolean(
            required=True,
            metadata={
                "description": "Whether there are more changes now. If not, wait before the next request.",
                "examples": [False],
            },
        ),
    }
    return type(f"{item.__name__}s", (ChangesSchema,), attributes)


PostChanges = _changes_of(PostChange, "Changes of posts.")
UserChanges = _changes_of(UserChange, "Changes of users.")
