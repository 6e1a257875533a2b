"""Removal of posts with any number of comments and likes, in short transactions."""

import time
from collections import Counter
from functools import partial
from typing import NamedTuple

from api.store import comments_content, likes_content, posts
from api.store.engine.connections import Connection
from api.store.locks import lock_content
from api.store.sweeping import Transact
from api.store.users_content import BATCH_SECONDS


class _Operator(NamedTuple):
    """The principal of the command line."""

    id: int = 0
    username: str = ""
    role: str = "admin"


# Of each, with a name in the plural.
_STEPS = {"comments": comments_content.remove_some_on, "likes": likes_content.remove_some_on}


def remove_in_batches(transact: Transact, post_id: int) -> Counter[str]:
    """Delete the post, and return how many comments and likes with it; `NotFound` if there is no such post.

    Between two transactions, others can write. Run it again if it is interrupted.
    """
    removed = Counter[str]()
    while batch := transact(partial(_remove_batch, post_id=post_id)):
        removed += batch
        time.sleep(BATCH_SECONDS)  # other writers of SQLite try again at intervals
    # With those that have been written since.
    transact(lambda db: posts.remove(db, posts.get_for_update(db, post_id, principal=_Operator())))
    return removed


def _remove_batch(db: Connection, *, post_id: int) -> Counter[str]:
    lock_content(db)
    removed, deadline = Counter[str](), time.monotonic() + BATCH_SECONDS
    for name, step in _STEPS.items():
        while rows := step(db, post_id)[0]:
            removed[name] += rows
            if time.monotonic() >= deadline:
                return removed
    return removed
