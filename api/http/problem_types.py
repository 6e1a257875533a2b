"""The types of problems."""

from typing import NamedTuple

from api import constraints
from api.http.statuses import STATUSES


class ProblemType(NamedTuple):
    """A type of problem (RFC 9457, section 3.1.1)."""

    code: str
    """Its constant name, by which clients distinguish problems."""
    title: str
    statuses: list[int]
    description: str


_SPECIFIC = [
    ProblemType(
        "wrong-credentials",
        "Wrong Credentials",
        [403],
        "The username or the password in the body is wrong or missing. Correct them.",
    ),
    ProblemType(
        "insufficient-scope",
        "Insufficient Scope",
        [403],
        "The token is of scope `read`: it permits only to read posts, comments, likes, the timeline, users, "
        "follows, tags, feeds, changes and `/me`. Create one of scope `write` with your username and password.",
    ),
    ProblemType(
        "quota-exceeded",
        "Quota Exceeded",
        [403, 429],
        "The account has a quota, which is exceeded. 429 for what it may write in a day: try again after `Retry-After` "
        "seconds. 403 for what it may have at a time: delete some.",
    ),
    ProblemType("registration-closed", "Registration Closed", [401, 403], "Only admins can register users."),
    ProblemType("username-taken", "Username Taken", [409], "A user of that name exists. Choose another name."),
    ProblemType(
        "slug-taken",
        "Slug Taken",
        [409],
        "The author has another post with that slug. Choose another slug, or change or delete the other post first.",
    ),
    ProblemType(
        "comments-closed", "Comments Closed", [409], "The post is closed for comments: its `comments` is `closed`."
    ),
    ProblemType(
        "user-has-posts",
        "User Has Posts",
        [409],
        "The user has posts. Delete them first, or the user with them by `?posts=remove`.",
    ),
    ProblemType("user-suspended", "User Suspended", [403], "An admin of this site has suspended your account."),
    ProblemType(
        "user-is-admin",
        "User Is Admin",
        [409],
        "Admins cannot be suspended. Have an operator of the site make the user a member first.",
    ),
    ProblemType(
        "too-much-content",
        "Too Much Content",
        [409],
        f"What the request would change has more than {constraints.CONTENT_MAX_POSTS} posts and comments (of which ten "
        f"likes or follows count as one), or a post more than {constraints.COMMENTS_MAX_REMOVED} comments or "
        f"{constraints.LIKES_MAX_REMOVED} likes, or more than {constraints.CONTENT_MAX_CHARACTERS} characters in them. "
        "Delete some first, or have an operator of the site run the command in `detail`.",
    ),
    ProblemType("follows-oneself", "Follows Oneself", [409], "Users cannot follow themselves."),
    ProblemType(
        "too-many-followed",
        "Too Many Followed",
        [409],
        f"You follow {constraints.FOLLOWED_MAX_ITEMS} users. Unfollow one first.",
    ),
    ProblemType(
        "request-in-progress",
        "Request in Progress",
        [409],
        "The first request with this `Idempotency-Key` has not finished. Try again after `Retry-After` seconds.",
    ),
    ProblemType(
        "idempotency-key-reused",
        "Idempotency Key Reused",
        [422],
        "This `Idempotency-Key` was sent with another request. Choose a new one for each request.",
    ),
    ProblemType(
        "sync-token-expired",
        "Sync Token Expired",
        [410],
        "The changes after this token may no longer be complete: it is too old, or of another database, such as before "
        "a backup was restored. Delete your copy, and start again without `since`.",
    ),
]
PROBLEM_TYPES = {
    type_.code: type_
    for type_ in (
        *(
            ProblemType(status.code, status.title, [number], status.description)
            for number, status in STATUSES.items()
            if number >= 400
        ),
        *_SPECIFIC,
    )
}
"""The types of problems by code: one for each status, and those that clients can handle by themselves."""
