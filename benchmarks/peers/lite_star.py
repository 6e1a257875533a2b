"""H and H': Litestar with msgspec and SQLAlchemy's ORM; on the event loop, or with BENCH_THREADS in threads."""

import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Annotated, Any, Literal

import msgspec
import orm
from common import TAG, link
from litestar import Litestar, Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.di import Provide
from litestar.exceptions import NotAuthorizedException, NotFoundException, ValidationException
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy.orm import Session

IN_THREADS = bool(os.environ.get("BENCH_THREADS"))
DECLARED = None if IN_THREADS else False


def _placed(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, run where it is to run.

    It is what `sync_to_thread=True` does, which Litestar 2.25 does twice, and so fails, where handlers share a path.
    """
    if not IN_THREADS:
        return handler

    @wraps(handler)
    async def in_thread(**arguments: Any) -> Any:
        return await sync_to_thread(handler, **arguments)

    return in_thread


class PostCreate(Struct, forbid_unknown_fields=True):
    """A post to publish."""

    title: Annotated[str, Meta(min_length=1, max_length=200)]
    body: Annotated[str, Meta(min_length=1, max_length=262_144)]
    tags: Annotated[list[Annotated[str, Meta(pattern=TAG)]], Meta(max_length=10)] = []
    published_at: Annotated[datetime, Meta(tz=True)] | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        """Refuse tags that are named twice."""
        if len(set(self.tags)) < len(self.tags):
            raise ValueError("Name each tag once.")


class Author(Struct):
    """Who wrote a post."""

    username: str
    display_name: str
    url: str


class Post(Struct):
    """A post."""

    id: int
    title: str
    body: str
    tags: list[str]
    author: Author
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime
    url: str


class Page(Struct):
    """A page of posts."""

    items: list[Post]
    next_cursor: str | None


async def _session() -> AsyncIterator[Session]:
    # Not expired on commit: what has been written is not read again.
    with Session(orm.engine, expire_on_commit=False) as session:
        yield session


def _user(request: Request[Any, Any, Any], session: Session) -> orm.User:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    user = orm.bearer(session, token) if scheme.lower() == "bearer" else None
    if user is None:
        raise NotAuthorizedException(headers={"WWW-Authenticate": "Bearer"})
    return user


@get("/posts/{post_id:int}", sync_to_thread=DECLARED)
@_placed
def read(post_id: int, session: Session, request: Request[Any, Any, Any]) -> Response[Post | None]:
    """Read a post."""
    known = request.headers.get("If-None-Match")
    if known is not None and known == f'"{orm.version(session, post_id)}"':
        return Response(None, status_code=304, headers={"ETag": known})
    found = orm.one(session, post_id)
    if found is None:
        raise NotFoundException
    return Response(msgspec.convert(found, Post, from_attributes=True), headers={"ETag": f'"{found.etag}"'})


@get("/posts", sync_to_thread=DECLARED)
@_placed
def browse(session: Session, cursor: str | None = None, expand: Literal["body"] = "body") -> Response[Page]:
    """List posts."""
    try:
        posts, following = orm.page(session, cursor)
    except ValueError as error:
        raise ValidationException from error
    page = Page(msgspec.convert(posts, list[Post], from_attributes=True), following)
    return Response(page, headers={"Link": link(following)} if following else None)


@post("/posts", sync_to_thread=DECLARED, dependencies={"user": Provide(_user, sync_to_thread=IN_THREADS)})
@_placed
def publish(data: PostCreate, session: Session, user: orm.User) -> Response[Post]:
    """Publish a post."""
    moment = datetime.now(UTC) if data.published_at is UNSET else data.published_at
    kept = orm.publish(session, user, title=data.title, body=data.body, tags=data.tags, published_at=moment)
    headers = {"Location": kept.url, "ETag": f'"{kept.etag}"'}
    return Response(msgspec.convert(kept, Post, from_attributes=True), headers=headers)


app = Litestar([read, browse, publish], dependencies={"session": _session}, openapi_config=None)
