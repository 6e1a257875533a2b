"""The state of an import, and the stored posts that its lines match."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache, partial
from operator import attrgetter
from typing import NamedTuple, TypeAlias

import sqlalchemy as sa

from api import constraints
from api.store.archive_comments import SimilarComment
from api.store.engine.connections import Connection, Query
from api.store.errors import NotFound
from api.store.posts_table import PUBLISHED_AT, posts
from api.store.users import User, lock

Identity: TypeAlias = tuple[datetime | None, str]
"""`published_at` and `title` of a post."""


class _Identity(NamedTuple):
    id: int
    published_at: datetime | None
    title: str


_IDENTITIES = Query(
    _Identity,
    sa.select(posts.c.id, PUBLISHED_AT.label("published_at"), posts.c.title).where(
        posts.c.author_id == sa.bindparam("author_id")
    ),
)


def id_to_keep(archived_id: int | None) -> int | None:
    """Return the id under which a record is stored if that is free; None for the next one."""
    return archived_id if archived_id and archived_id <= constraints.IMPORTED_ID_MAX else None


def identify_posts(db: Connection, author_id: int) -> dict[Identity, dict[int, None]]:
    """Return the ids of the author's posts by `published_at` (None for drafts) and `title`, each highest first."""
    found: dict[Identity, dict[int, None]] = {}
    for row in sorted(db.all(_IDENTITIES, author_id=author_id), reverse=True, key=attrgetter("id")):
        found.setdefault((row.published_at, row.title), {})[row.id] = None
    return found


class Import:
    """The state of an import: its current transaction, and the stored records that no line has matched yet."""

    db: Connection
    lock_user: Callable[[str], User]

    def __init__(self) -> None:
        self.created_users: set[str] = set()
        """Usernames: only these get tokens, because an existing user may have revoked theirs."""
        self._created_before: set[str] = set()
        self._unmatched: dict[int, dict[Identity, dict[int, None]]] = {}
        self._counted: list[int] = []
        self._matched: list[tuple[dict[int, None], int]] = []
        self._post_ids: dict[int, int] = {}
        self._new_post_ids: dict[int, int] = {}
        self._comment_ids: set[int] = set()
        self._new_comment_ids: set[int] = set()

    def begin(self, db: Connection) -> None:
        """Start a batch in the transaction of `db`; discard what an uncommitted one has matched."""
        for unmatched, id_ in reversed(self._matched):
            unmatched[id_] = None
        for owner in self._counted:
            del self._unmatched[owner]
        self.created_users = self._created_before
        self._new_post_ids.clear()
        self._new_comment_ids.clear()
        self.end()
        self.db = db
        # The lock lasts until the transaction ends, so each user is looked up once.
        self.lock_user = cache(partial(lock, db))

    def end(self) -> None:
        """Remember what the transaction has matched, because it is committed."""
        self._matched.clear()
        self._counted.clear()
        self._created_before = set(self.created_users)
        self._post_ids |= self._new_post_ids
        self._new_post_ids.clear()
        self._comment_ids |= self._new_comment_ids
        self._new_comment_ids.clear()

    def match_post(self, author_id: int, identity: Identity, archived_id: int | None) -> bool:
        """Match a line with a stored post, and return False if there is none left.

        The n-th line with an identity matches the n-th post, unless one has the same id.
        """
        unmatched = self._unmatched.get(author_id)
        if unmatched is None:
            unmatched = self._unmatched[author_id] = identify_posts(self.db, author_id)
            self._counted.append(author_id)
        if not (ids := unmatched.get(identity)):
            return False
        id_ = archived_id if archived_id in ids else next(reversed(ids))
        del ids[id_]
        self._matched.append((ids, id_))
        self.add_post(archived_id, id_)
        return True

    def add_post(self, archived_id: int | None, id_: int) -> None:
        """Remember which post is stored for the one with that id in the archive."""
        if archived_id is not None:
            self._new_post_ids[archived_id] = id_

    def find_post(self, archived_id: int) -> int:
        """Return the id of the post that is stored for the one with that id in the archive; `NotFound` if none is."""
        id_ = self._new_post_ids.get(archived_id) or self._post_ids.get(archived_id)
        if id_ is None:
            raise NotFound(f"The archive has no post {archived_id} that is stored.")
        return id_

    def match_comment(self, similar: Iterable[SimilarComment], archived_id: int | None) -> bool:
        """Match a line with one of the stored comments that are similar, and return False if it is none of them.

        It is that with the same id, or else with the same body, or else one of which one of the two has been changed.
        """
        left = (each for each in similar if each.id not in self._comment_ids and each.id not in self._new_comment_ids)
        best = min(
            left, key=lambda each: (each.id != archived_id, not each.has_body, not each.is_changed), default=None
        )
        if best is None or not (best.id == archived_id or best.has_body or best.is_changed):
            return False
        self.add_comment(best.id)
        return True

    def add_comment(self, id_: int) -> None:
        """Remember that a line is stored as the comment with that id."""
        self._new_comment_ids.add(id_)
