"""Removal of posts with any number of comments, in short transactions."""

import time
from functools import partial
from typing import NamedTuple

from api.store import comments_content, posts
from api.store.engine.connections import Connection
from api.store.sweeping import Transact
from api.store.users_content import BATCH_SECONDS


class _Operator(NamedTuple):
    """The principal of the command line."""

    id: int = 0
    username: str = ""
    role: str = "admin"


def remove_in_batches(transact: Transact, post_id: int) -> int:
    """Delete the post and its comments, and return how many comments; `NotFound` if there is no such post.

    Between two transactions, others can write. Run it again if it is interrupted.
    """
    removed = 0
    while batch := transact(partial(_remove_batch, post_id=post_id)):
        removed += batch
        time.sleep(BATCH_SECONDS)  # other writers of SQLite try again at intervals
    # With the comments that have been written since.
    transact(lambda db: posts.remove(db, posts.get_for_update(db, post_id, principal=_Operator())))
    return removed


def _remove_batch(db: Connection, *, post_id: int) -> int:
    removed, deadline = 0, time.monotonic() + BATCH_SECONDS
    while rows := comments_content.remove_some_on(db, post_id)[0]:
        removed += rows
        if time.monotonic() >= deadline:
            break
    return removed
