"""Pressroom's tables in SQLAlchemy's ORM, for the peers that use it: C, E and H."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from common import DATABASE, END, PRAGMAS, cursor, position
from sqlalchemy import JSON, DateTime, ForeignKey, TypeDecorator, create_engine, event, literal, select, tuple_
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, joinedload, mapped_column, relationship

engine = create_engine(f"sqlite:///{DATABASE}", pool_size=40)
"""Enough connections for the thread pools of the ASGI servers."""


@event.listens_for(engine, "connect")
def _connect(connection: Any, _record: object) -> None:
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


class UTCDateTime(TypeDecorator[datetime]):
    """A datetime that is stored in UTC without its time zone: a recipe from SQLAlchemy's documentation."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Remove the time zone."""
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Add the time zone."""
        return value and value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """The base of all tables."""


class User(Base):
    """A user."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str]
    display_name: Mapped[str]
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)

    @property
    def url(self) -> str:
        """The URL of the user."""
        return f"/users/{self.username}"


class Token(Base):
    """A bearer token."""

    __tablename__ = "tokens"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    sha256: Mapped[bytes]
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)


class PostTag(Base):
    """The index of posts by tag."""

    __tablename__ = "post_tags"
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True)
    published_at: Mapped[datetime] = mapped_column(UTCDateTime)
    author_id: Mapped[int]


class Post(Base):
    """A post."""

    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    slug: Mapped[str | None]
    title: Mapped[str]
    body: Mapped[str]
    tags: Mapped[list[str]] = mapped_column(JSON)
    properties: Mapped[dict[str, str]] = mapped_column("metadata", JSON)
    closed: Mapped[bool]
    publication: Mapped[datetime] = mapped_column("published_at", UTCDateTime)
    revision: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)
    author: Mapped[User] = relationship()
    index: Mapped[list[PostTag]] = relationship()

    @property
    def comments(self) -> str:
        """Whether users may comment on the post."""
        return "closed" if self.closed else "open"

    @property
    def published_at(self) -> datetime | None:
        """The publication time, or None for a draft."""
        return None if self.publication == END else self.publication

    @property
    def url(self) -> str:
        """The URL of the post."""
        return f"/posts/{self.id}"

    @property
    def etag(self) -> str:
        """The ETag of this version, without quotes."""
        return _etag(self.id, self.updated_at, self.author.updated_at)


def etag(session: Session, post_id: int) -> str | None:
    """Return the current ETag of a post, or None if there is none, with a query of three columns and no objects."""
    versions = select(Post.id, Post.updated_at, User.updated_at).join(Post.author)
    row = session.execute(versions.where(Post.id == post_id, Post.publication <= datetime.now(UTC))).one_or_none()
    return row and _etag(*row)


def read(session: Session, post_id: int) -> Post | None:
    """Return a post with its author."""
    posts = select(Post).options(joinedload(Post.author))
    return session.scalars(posts.where(Post.id == post_id, Post.publication <= datetime.now(UTC))).one_or_none()


def page(session: Session, after: str | None) -> tuple[Sequence[Post], str | None]:
    """Return the twenty posts after a cursor, with authors, and the next cursor; `ValueError` for an invalid cursor."""
    published_at, post_id = position(after)
    posts = select(Post).options(joinedload(Post.author)).order_by(Post.publication.desc(), Post.id.desc()).limit(21)
    start = tuple_(literal(published_at, UTCDateTime), literal(post_id))
    rows = session.scalars(posts.where(tuple_(Post.publication, Post.id) < start)).all()
    return rows[:20], cursor(rows[19].publication, rows[19].id) if len(rows) > 20 else None


def user(session: Session, token: str) -> User | None:
    """Return the user of a valid token."""
    digest = hashlib.sha256(token.encode()).digest()
    users = select(User).join(Token, Token.user_id == User.id)
    return session.scalars(users.where(Token.sha256 == digest, Token.expires_at > datetime.now(UTC))).one_or_none()


def publish(
    session: Session,
    author: User,
    *,
    slug: str | None,
    title: str,
    body: str,
    tags: list[str],
    metadata: dict[str, str],
    comments: str,
    published_at: datetime | None,
) -> Post:
    """Store a new post and commit."""
    now, publication = datetime.now(UTC), published_at.astimezone(UTC) if published_at else END
    index = [PostTag(tag=tag, published_at=publication, author_id=author.id) for tag in tags]
    post = Post(slug=slug, title=title, body=body, tags=tags, properties=metadata, publication=publication)
    post.author, post.index, post.closed = author, index, comments == "closed"
    post.revision, post.created_at, post.updated_at = secrets.token_hex(8), now, now
    session.add(post)
    session.commit()
    return post


def _etag(post_id: int, *updated_at: datetime) -> str:
    return "-".join([str(post_id), *(each.isoformat() for each in updated_at)])
