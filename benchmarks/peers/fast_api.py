"""E: FastAPI with pydantic and SQLAlchemy's ORM, as in its documentation: `def` endpoints, a session per request."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import orm
from common import METADATA_NAME, SLUG, TAG, link
from fastapi import Depends, FastAPI, Header, HTTPException, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy.orm import Session

app = FastAPI()


def _session() -> Iterator[Session]:
    # Not expired on commit, so that rows are not read again.
    with Session(orm.engine, expire_on_commit=False) as session:
        yield session


Db = Annotated[Session, Depends(_session)]


def _user(session: Db, credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> orm.User:
    user = orm.user(session, credentials.credentials)
    if user is None:
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
    return user


def _distinct(tags: list[str]) -> list[str]:
    if len(set(tags)) < len(tags):
        raise ValueError("Tags must be unique.")
    return tags


Slug = Annotated[str, StringConstraints(pattern=SLUG.replace(r"\Z", "$"), max_length=80)]
Tag = Annotated[str, StringConstraints(pattern=TAG.replace(r"\Z", "$"))]
Name = Annotated[str, StringConstraints(pattern=METADATA_NAME.replace(r"\Z", "$"))]
Text = Annotated[str, StringConstraints(max_length=500)]


class PostCreate(BaseModel):
    """A post to publish."""

    model_config = ConfigDict(extra="forbid")
    slug: Slug | None = None
    title: str = Field(min_length=1, max_length=200)
    body: str = Field(max_length=262_144)
    tags: Annotated[list[Tag], Field(max_length=10), AfterValidator(_distinct)] = []
    metadata: Annotated[dict[Name, Text], Field(max_length=20)] = {}
    comments: Literal["open", "closed"] = "open"
    published_at: AwareDatetime | None = Field(default_factory=lambda: datetime.now(UTC))


class Author(BaseModel):
    """The author of a post."""

    model_config = ConfigDict(from_attributes=True)
    username: str
    display_name: str
    url: str


class Post(BaseModel):
    """A post."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    slug: str | None
    title: str
    body: str
    tags: list[str]
    metadata: dict[str, str] = Field(validation_alias="properties")
    comments: str
    author: Author
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime
    revision: str
    url: str


class Page(BaseModel):
    """A page of posts."""

    items: list[Post]
    next_cursor: str | None


@app.get("/posts/{post_id}", response_model=Post)
def read(post_id: int, session: Db, response: Response, if_none_match: Annotated[str | None, Header()] = None) -> Any:
    """Read a post."""
    if if_none_match is not None and if_none_match == f'"{orm.etag(session, post_id)}"':
        return Response(status_code=304, headers={"ETag": if_none_match})
    post = orm.read(session, post_id)
    if post is None:
        raise HTTPException(404)
    response.headers["ETag"] = f'"{post.etag}"'
    return post


@app.get("/posts", response_model=Page)
def browse(
    session: Db, response: Response, cursor: str | None = None, expand: Literal["body"] = "body"
) -> dict[str, Any]:
    """List posts."""
    try:
        posts, next_cursor = orm.page(session, cursor)
    except ValueError as error:
        raise HTTPException(422) from error
    if next_cursor:
        response.headers["Link"] = link(next_cursor)
    return {"items": posts, "next_cursor": next_cursor}


@app.post("/posts", response_model=Post, status_code=201)
def publish(content: PostCreate, session: Db, user: Annotated[orm.User, Depends(_user)], response: Response) -> Any:
    """Publish a post."""
    post = orm.publish(session, user, **content.model_dump())
    response.headers["Location"] = post.url
    response.headers["ETag"] = f'"{post.etag}"'
    return post
