"""Pressroom's tables as SQLAlchemy's ORM has them, for the peers that use it: C, E and H."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from common import DATABASE, END, PRAGMAS, cursor, position
from sqlalchemy import JSON, DateTime, ForeignKey, TypeDecorator, create_engine, event, literal, select, tuple_
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, joinedload, mapped_column, relationship

engine = create_engine(f"sqlite:///{DATABASE}", pool_size=40)
"""As many connections as the thread pools of ASGI servers may ask for."""


@event.listens_for(engine, "connect")
def _connect(connection: Any, _record: object) -> None:
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, kept without its zone: the recipe of SQLAlchemy's documentation."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """The moment as it is kept."""
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """The moment with its zone."""
        return value and value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """All tables."""


class User(Base):
    """Who writes."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str]
    display_name: Mapped[str]
    updated_at: Mapped[datetime] = mapped_column(Moment)

    @property
    def url(self) -> str:
        """Where the user is."""
        return f"/users/{self.username}"


class Token(Base):
    """What a user proves themselves by."""

    __tablename__ = "tokens"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    sha256: Mapped[bytes]
    expires_at: Mapped[datetime] = mapped_column(Moment)


class PostTag(Base):
    """The index of posts by tag."""

    __tablename__ = "post_tags"
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True)
    published_at: Mapped[datetime] = mapped_column(Moment)


class Post(Base):
    """What is written."""

    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    title: Mapped[str]
    body: Mapped[str]
    tags: Mapped[list[str]] = mapped_column(JSON)
    publication: Mapped[datetime] = mapped_column("published_at", Moment)
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)
    author: Mapped[User] = relationship()
    index: Mapped[list[PostTag]] = relationship()

    @property
    def published_at(self) -> datetime | None:
        """The moment of publication, None for a draft."""
        return None if self.publication == END else self.publication

    @property
    def url(self) -> str:
        """Where the post is."""
        return f"/posts/{self.id}"

    @property
    def etag(self) -> str:
        """What this version is known by."""
        return _tag(self.id, self.updated_at, self.author.updated_at)


def version(session: Session, identity: int) -> str | None:
    """The current tag of a post, None if there is no such post: a query of three columns, no objects."""
    versions = select(Post.id, Post.updated_at, User.updated_at).join(Post.author)
    row = session.execute(versions.where(Post.id == identity, Post.publication <= datetime.now(UTC))).one_or_none()
    return row and _tag(*row)


def one(session: Session, identity: int) -> Post | None:
    """A post with its author."""
    posts = select(Post).options(joinedload(Post.author))
    return session.scalars(posts.where(Post.id == identity, Post.publication <= datetime.now(UTC))).one_or_none()


def page(session: Session, after: str | None) -> tuple[Sequence[Post], str | None]:
    """The twenty posts behind a cursor, with authors, and the next cursor; `ValueError` for what is no cursor."""
    moment, identity = position(after)
    posts = select(Post).options(joinedload(Post.author)).order_by(Post.publication.desc(), Post.id.desc()).limit(21)
    start = tuple_(literal(moment, Moment), literal(identity))
    found = session.scalars(posts.where(tuple_(Post.publication, Post.id) < start)).all()
    return found[:20], cursor(found[19].publication, found[19].id) if len(found) > 20 else None


def bearer(session: Session, token: str) -> User | None:
    """The user of a live token."""
    digest = hashlib.sha256(token.encode()).digest()
    users = select(User).join(Token, Token.user_id == User.id)
    return session.scalars(users.where(Token.sha256 == digest, Token.expires_at > datetime.now(UTC))).one_or_none()


def publish(
    session: Session, author: User, *, title: str, body: str, tags: list[str], published_at: datetime | None
) -> Post:
    """A new post, committed."""
    moment, publication = datetime.now(UTC), published_at.astimezone(UTC) if published_at else END
    index = [PostTag(tag=tag, published_at=publication) for tag in tags]
    post = Post(title=title, body=body, tags=tags, publication=publication, author=author, index=index)
    post.version, post.created_at, post.updated_at = 1, moment, moment
    session.add(post)
    session.commit()
    return post


def _tag(identity: int, *moments: datetime) -> str:
    return "-".join([str(identity), *(moment.isoformat() for moment in moments)])
