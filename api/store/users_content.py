"""The content of users: the registry of the kinds of rows that belong to a user, and changes of all of them.

Their rows are removed with a user, and hidden while a user is suspended.

To add a kind, such as comments, write its functions in `comments_content.py`, and add an entry to `KINDS`. The removal
of users then removes those rows, too, and their suspension hides them, over HTTP and by the commands. Rows that are
inserted for a user who is suspended, such as imported ones, must be hidden at once.

Each function changes a few rows of the user, in one or two statements that an index serves, in a time far below
`BATCH_SECONDS`, and returns how many rows it has changed, with how many characters of text; (0, 0) once there are none
left. It is called until then.

Rows of other users that a change of a post or user would take with it by ON DELETE CASCADE are a kind, too, because
there may be very many: comments on the user's posts, likes of them, followers. To hide and show them is `nothing`.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from typing import NamedTuple, TypeAlias

from api import constraints
from api.store import comments_content, follows_content, likes_content, posts_content
from api.store.engine.connections import Connection
from api.store.errors import TooMuchContent, UserHasPosts
from api.store.locks import lock_content
from api.store.sweeping import Transact
from api.store.users import User

BATCH_SECONDS = 0.1
"""After which a transaction changes no more rows: SQLite has one writer at a time, and the others wait."""

Step: TypeAlias = Callable[[Connection, int], tuple[int, int]]
"""A change of a few rows of the user with that id; returns how many rows, and how many characters they have."""
Check: TypeAlias = Callable[[Connection], object]


class Kind(NamedTuple):
    """A kind of rows that belong to users."""

    name: str
    """In the plural."""
    rows_per_post: int
    """How many rows take as long as a post: they count as one toward `CONTENT_MAX_POSTS`."""
    remove: Step
    hide: Step
    show: Step
    belongs_to_posts: bool = False
    """Whether the rows are removed only with the posts of the user."""


def nothing(_db: Connection, _user_id: int) -> tuple[int, int]:
    """Change nothing."""
    return 0, 0


# In the order of removal: rows come before those that they refer to.
KINDS = (
    Kind("likes", 10, likes_content.remove_some, likes_content.hide_some, likes_content.show_some),
    Kind("comments", 1, comments_content.remove_some, comments_content.hide_some, comments_content.show_some),
    Kind("comments on posts", 1, posts_content.remove_some_comments, nothing, nothing, belongs_to_posts=True),
    Kind("likes of posts", 10, posts_content.remove_some_likes, nothing, nothing, belongs_to_posts=True),
    Kind(
        "posts", 1, posts_content.remove_some, posts_content.hide_some, posts_content.show_some, belongs_to_posts=True
    ),
    Kind("follows", 10, follows_content.remove_some, follows_content.hide_some, follows_content.show_some),
)


def removals(*, with_posts: bool) -> dict[Kind, Step]:
    """Return the steps that remove what a user has; all but the posts and what others have on them, or these, too."""
    return {kind: kind.remove for kind in KINDS if with_posts or not kind.belongs_to_posts}


def hidings() -> dict[Kind, Step]:
    """Return the steps that hide what a user has."""
    return {kind: kind.hide for kind in KINDS}


def showings() -> dict[Kind, Step]:
    """Return the steps that show it again."""
    return {kind: kind.show for kind in KINDS}


def require_no_posts(db: Connection, user: User) -> None:
    """`UserHasPosts` if posts exist."""
    if posts_content.exist(db, user.id):
        raise UserHasPosts(f"{user.username!r} still has posts or drafts: delete them, or use `?posts=remove`.")


def change_all(db: Connection, steps: dict[Kind, Step], user: User, *, command: str) -> None:
    """Change all rows; `TooMuchContent`, which names the command, if that would take too long for one transaction.

    The user must be locked.
    """
    lock_content(db)
    posts, characters = Fraction(), 0
    for kind, rows, size in _changes(db, steps, user):
        posts += Fraction(rows, kind.rows_per_post)
        characters += size
        if posts > constraints.CONTENT_MAX_POSTS or characters > constraints.CONTENT_MAX_CHARACTERS:
            raise TooMuchContent(
                f"{user.username!r} has more content than one request changes. Delete some first, or have an operator "
                f"of this site run `{command}`."
            )


def change_in_batches(
    transact: Transact, steps: dict[Kind, Step], user: User, *, check: Check = lambda _: None
) -> Counter[str]:
    """Change any number of rows in short transactions, and return how many of each kind.

    `check` is called first in each transaction, and may raise an error.
    """
    changed = Counter[str]()
    while batch := transact(partial(_change_batch, steps=steps, user=user, check=check)):
        changed += batch
        time.sleep(BATCH_SECONDS)  # other writers of SQLite try again at intervals
    return changed


def describe(changed: Counter[str]) -> str:
    """Return the numbers in words, such as `45 posts`."""
    return ", ".join(f"{changed[kind.name]} {kind.name}" for kind in KINDS if changed[kind.name])


def _change_batch(db: Connection, *, steps: dict[Kind, Step], user: User, check: Check) -> Counter[str]:
    check(db)
    lock_content(db)
    changed, deadline = Counter[str](), time.monotonic() + BATCH_SECONDS
    for kind, rows, _ in _changes(db, steps, user):
        changed[kind.name] += rows
        if time.monotonic() >= deadline:
            break
    return changed


def _changes(db: Connection, steps: dict[Kind, Step], user: User) -> Iterator[tuple[Kind, int, int]]:
    """Make all changes, and yield the rows and characters of each; again, until there is nothing left to change.

    Comments on a few posts are removed before these posts, then those on the next.
    """
    is_done = False
    while not is_done:
        is_done = True
        for kind, step in steps.items():
            while (changed := step(db, user.id))[0]:
                is_done = False
                yield kind, *changed
