"""H and H': Litestar with msgspec and SQLAlchemy's ORM, on the event loop, or with BENCH_THREADS in threads."""

import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Annotated, Any, Literal

import msgspec
import orm
from common import METADATA_NAME, SLUG, TAG, link
from litestar import Litestar, Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.di import Provide
from litestar.exceptions import NotAuthorizedException, NotFoundException, ValidationException
from msgspec import UNSET, Meta, Struct, UnsetType, field
from sqlalchemy.orm import Session

IN_THREADS = bool(os.environ.get("BENCH_THREADS"))
SYNC_TO_THREAD = None if IN_THREADS else False


def _in_thread(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Run the handler in a thread if `IN_THREADS`.

    Replaces `sync_to_thread=True`, which Litestar 2.25 applies twice, and so fails, if handlers share a path.
    """
    if not IN_THREADS:
        return handler

    @wraps(handler)
    async def run(**arguments: Any) -> Any:
        return await sync_to_thread(handler, **arguments)

    return run


Name = Annotated[str, Meta(pattern=METADATA_NAME)]


class PostCreate(Struct, forbid_unknown_fields=True):
    """A post to publish."""

    title: Annotated[str, Meta(min_length=1, max_length=200)]
    body: Annotated[str, Meta(max_length=262_144)]
    slug: Annotated[str, Meta(pattern=SLUG, max_length=80)] | None = None
    tags: Annotated[list[Annotated[str, Meta(pattern=TAG)]], Meta(max_length=10)] = []
    metadata: Annotated[dict[Name, Annotated[str, Meta(max_length=500)]], Meta(max_length=20)] = {}
    comments: Literal["open", "closed"] = "open"
    published_at: Annotated[datetime, Meta(tz=True)] | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        """Reject duplicate tags."""
        if len(set(self.tags)) < len(self.tags):
            raise ValueError("Tags must be unique.")


class Author(Struct):
    """The author of a post."""

    username: str
    display_name: str
    url: str


class Post(Struct):
    """A post."""

    id: int
    slug: str | None
    title: str
    body: str
    tags: list[str]
    properties: dict[str, str] = field(name="metadata")
    comments: str
    author: Author
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime
    revision: str
    url: str


class Page(Struct):
    """A page of posts."""

    items: list[Post]
    next_cursor: str | None


async def _session() -> AsyncIterator[Session]:
    # Not expired on commit, so that rows are not read again.
    with Session(orm.engine, expire_on_commit=False) as session:
        yield session


def _user(request: Request[Any, Any, Any], session: Session) -> orm.User:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    user = orm.user(session, token) if scheme.lower() == "bearer" else None
    if user is None:
        raise NotAuthorizedException(headers={"WWW-Authenticate": "Bearer"})
    return user


@get("/posts/{post_id:int}", sync_to_thread=SYNC_TO_THREAD)
@_in_thread
def read(post_id: int, session: Session, request: Request[Any, Any, Any]) -> Response[Post | None]:
    """Read a post."""
    known = request.headers.get("If-None-Match")
    if known is not None and known == f'"{orm.etag(session, post_id)}"':
        return Response(None, status_code=304, headers={"ETag": known})
    row = orm.read(session, post_id)
    if row is None:
        raise NotFoundException
    return Response(msgspec.convert(row, Post, from_attributes=True), headers={"ETag": f'"{row.etag}"'})


@get("/posts", sync_to_thread=SYNC_TO_THREAD)
@_in_thread
def browse(session: Session, cursor: str | None = None, expand: Literal["body"] = "body") -> Response[Page]:
    """List posts."""
    try:
        posts, next_cursor = orm.page(session, cursor)
    except ValueError as error:
        raise ValidationException from error
    page = Page(msgspec.convert(posts, list[Post], from_attributes=True), next_cursor)
    return Response(page, headers={"Link": link(next_cursor)} if next_cursor else None)


@post("/posts", sync_to_thread=SYNC_TO_THREAD, dependencies={"user": Provide(_user, sync_to_thread=IN_THREADS)})
@_in_thread
def publish(data: PostCreate, session: Session, user: orm.User) -> Response[Post]:
    """Publish a post."""
    published_at = datetime.now(UTC) if data.published_at is UNSET else data.published_at
    row = orm.publish(
        session,
        user,
        slug=data.slug,
        title=data.title,
        body=data.body,
        tags=data.tags,
        metadata=data.metadata,
        comments=data.comments,
        published_at=published_at,
    )
    headers = {"Location": row.url, "ETag": f'"{row.etag}"'}
    return Response(msgspec.convert(row, Post, from_attributes=True), headers=headers)


app = Litestar([read, browse, publish], dependencies={"session": _session}, openapi_config=None)
