"""The kinds of records in an archive."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from api.json import JSONObject
from api.schemas.archive import CommentRecord, FollowRecord, LikeRecord, PostRecord, TokenRecord, UserRecord
from api.schemas.base import StrictSchema
from api.schemas.compiled import RowType
from api.store import archive as stored
from api.store import archive_accounts as accounts
from api.store import archive_comments, archive_follows, archive_likes, archive_locks, follows, posts, users
from api.store.archive_import import Import, id_to_keep
from api.store.engine.connections import Connection


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
    user_fields: Sequence[str] = ()
    """The fields of a row with the usernames of the users to whom the record refers."""


def _create_user(run: Import, user: JSONObject) -> None:
    run.created_users.add(users.register(run.db, **user).username)


def _no_rows(_: Connection) -> Iterable[object]:
    return ()


def _is_token_stored(run: Import, token: JSONObject) -> bool:
    user = run.lock_user(token["user"])
    if user.username in run.created_users and user.suspended_at is None:
        return False
    accounts.require_token(run.db, token["sha256"])
    return True


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
    similar = archive_comments.find_similar(
        run.db,
        author_id=author.id,
        post_id=post_id,
        body=comment["body"],
        created_at=comment["created_at"],
        updated_at=comment.get("updated_at") or comment["created_at"],
    )
    return run.match_comment(similar, comment.get("id"))


def _create_comment(run: Import, comment: JSONObject) -> None:
    content = {name: value for name, value in comment.items() if name not in {"author", "post", "id"}}
    author, post_id = run.lock_user(comment["author"]), run.find_post(comment["post"])
    id_ = archive_comments.create_comment(
        run.db,
        author_id=author.id,
        post_id=post_id,
        comment_id=id_to_keep(comment.get("id")),
        hidden=author.suspended_at is not None,
        **content,
    )
    run.add_comment(id_)


def _create_like(run: Import, like: JSONObject) -> None:
    user, post_id = run.lock_user(like["user"]), run.find_post(like["post"])
    hidden = user.suspended_at is not None
    archive_likes.create_like(run.db, user_id=user.id, post_id=post_id, liked_at=like["liked_at"], hidden=hidden)


def _is_follow_stored(run: Import, follow: JSONObject) -> bool:
    user, followed = run.lock_user(follow["user"]), run.lock_user(follow["followed"])
    return follows.exists(run.db, follower_id=user.id, followed_id=followed.id)


def _create_follow(run: Import, follow: JSONObject) -> None:
    user, followed = run.lock_user(follow["user"]), run.lock_user(follow["followed"])
    archive_follows.create_follow(run.db, user, followed, follow["followed_at"])


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
        user_fields=("username",),
    ),
    "token": RecordKind(
        TokenRecord(),
        accounts.ArchivedToken,
        _no_rows,
        _is_token_stored,
        _create_token,
        account_rows=accounts.all_tokens,
        user_fields=("user",),
    ),
    "post": RecordKind(
        PostRecord(),
        stored.ArchivedPost,
        stored.all_posts,
        _is_post_stored,
        _create_post,
        archive_locks.reserve_ids,
        user_fields=("author",),
    ),
    "comment": RecordKind(
        CommentRecord(),
        archive_comments.ArchivedComment,
        archive_comments.all_comments,
        _is_comment_stored,
        _create_comment,
        partial(archive_locks.reserve_ids, table="comments"),
        user_fields=("author",),
    ),
    "like": RecordKind(
        LikeRecord(), archive_likes.ArchivedLike, archive_likes.all_likes, None, _create_like, user_fields=("user",)
    ),
    "follow": RecordKind(
        FollowRecord(),
        archive_follows.ArchivedFollow,
        archive_follows.all_follows,
        _is_follow_stored,
        _create_follow,
        user_fields=("user", "followed"),
    ),
}
