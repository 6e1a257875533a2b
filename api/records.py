"""The kinds of records in an archive."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from api.json import JSONObject
from api.passwords import is_usable_hash
from api.schemas.archive import CommentRecord, LikeRecord, PostRecord, TokenRecord, UserRecord
from api.schemas.base import StrictSchema
from api.schemas.compiled import RowType
from api.store import archive as stored
from api.store import archive_accounts as accounts
from api.store import archive_comments, archive_likes, posts, users
from api.store.archive_import import Import, id_to_keep
from api.store.engine.connections import Connection

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far the clock of the server that wrote an archive may be ahead."""


class RecordKind(NamedTuple):
    """A kind of record: its JSON, and the functions that export, identify and create records."""

    schema: StrictSchema
    row_type: RowType
    rows: Callable[[Connection], Iterable[object]]
    is_stored: Callable[[Import, JSONObject], bool] | None
    """None if a unique constraint identifies the records: `create` then raises `Conflict`."""
    create: Callable[[Import, JSONObject], object]
    reserve_ids: Callable[[Connection, int], None] | None = None
    """On PostgreSQL, lets a transaction use the ids up to this one; None for records without ids."""
    omitted_if_null: Sequence[str] = ()
    """Properties that few records have."""
    account_type: RowType | None = None
    account_rows: Callable[[Connection], Iterable[object]] | None = None
    """The rows, and their type, in an archive of accounts, if it has others."""
    user_field: str | None = None
    """The field of a row with the username of the user to whom the record belongs, if there is one."""


def _create_user(run: Import, user: JSONObject) -> None:
    run.created_users.add(users.register(run.db, **user).username)


def _no_rows(_: Connection) -> Iterable[object]:
    return ()


def _is_token_stored(run: Import, token: JSONObject) -> bool:
    user = run.lock_user(token["user"])
    return user.username not in run.created_users or user.suspended_at is not None


def _create_token(run: Import, token: JSONObject) -> None:
    content = {name: value for name, value in token.items() if name != "user"}
    accounts.create_token(run.db, user_id=run.lock_user(token["user"]).id, **content)


def _is_post_stored(run: Import, post: JSONObject) -> bool:
    author = run.lock_user(post["author"])
    return run.match_post(author.id, (post["published_at"], post["title"]), post.get("id"))


def _create_post(run: Import, post: JSONObject) -> None:
    content = {name: value for name, value in post.items() if name not in {"author", "id"}}
    author = run.lock_user(post["author"])
    is_withheld = author.suspended_at is not None
    content["post_id"] = id_to_keep(post.get("id"))
    created = posts.publish(run.db, author_id=author.id, is_withheld=is_withheld, **content)
    run.add_post(post.get("id"), created.id)


def _is_comment_stored(run: Import, comment: JSONObject) -> bool:
    author, post_id = run.lock_user(comment["author"]), run.find_post(comment["post"])
    is_hidden, created_at = author.suspended_at is not None, comment["created_at"]
    return archive_comments.is_stored(
        run.db, author_id=author.id, post_id=post_id, created_at=created_at, hidden=is_hidden
    )


def _create_comment(run: Import, comment: JSONObject) -> None:
    content = {name: value for name, value in comment.items() if name not in {"author", "post", "id"}}
    author, post_id = run.lock_user(comment["author"]), run.find_post(comment["post"])
    archive_comments.create_comment(
        run.db,
        author_id=author.id,
        post_id=post_id,
        comment_id=id_to_keep(comment.get("id")),
        hidden=author.suspended_at is not None,
        **content,
    )


def _create_like(run: Import, like: JSONObject) -> None:
    user, post_id = run.lock_user(like["user"]), run.find_post(like["post"])
    hidden = user.suspended_at is not None
    archive_likes.create_like(run.db, user_id=user.id, post_id=post_id, liked_at=like["liked_at"], hidden=hidden)


# In the order of export: a record follows those that it refers to.
KINDS = {
    "user": RecordKind(
        UserRecord(),
        stored.ArchivedUser,
        stored.all_users,
        None,
        _create_user,
        omitted_if_null=("suspended_at",),
        account_type=accounts.ArchivedAccount,
        account_rows=accounts.all_accounts,
        user_field="username",
    ),
    "token": RecordKind(
        TokenRecord(),
        accounts.ArchivedToken,
        _no_rows,
        _is_token_stored,
        _create_token,
        account_rows=accounts.all_tokens,
        user_field="user",
    ),
    "post": RecordKind(
        PostRecord(),
        stored.ArchivedPost,
        stored.all_posts,
        _is_post_stored,
        _create_post,
        stored.reserve_ids,
        user_field="author",
    ),
    "comment": RecordKind(
        CommentRecord(),
        archive_comments.ArchivedComment,
        archive_comments.all_comments,
        _is_comment_stored,
        _create_comment,
        archive_comments.reserve_ids,
        user_field="author",
    ),
    "like": RecordKind(
        LikeRecord(), archive_likes.ArchivedLike, archive_likes.all_likes, None, _create_like, user_field="user"
    ),
}


def find_errors(content: JSONObject) -> Iterator[str]:
    """Yield what is wrong with a record that its schema accepts, each with the property."""
    created_at, latest = content.get("created_at"), datetime.now(UTC) + CLOCK_TOLERANCE
    if content.get("suspended_at") and content.get("role") == "admin":
        yield "suspended_at: Admins cannot be suspended."
    for name in ("created_at", "updated_at", "last_used_at", "liked_at", "suspended_at"):
        if (time := content.get(name)) is None:
            continue
        if time > latest:
            yield f"{name}: It is in the future. Check the clock of this machine and of the one that wrote the archive."
        elif name == "liked_at":
            continue
        elif created_at is None:
            yield f"{name}: It requires created_at."
        elif time < created_at:
            yield f"{name}: It is before created_at."
    password_hash = content.get("password_hash")
    if password_hash is not None and not is_usable_hash(password_hash):
        yield "password_hash: Use an argon2id hash such as Pressroom writes, or null."
