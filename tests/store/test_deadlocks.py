"""Transactions that change many rows of several users at the same time, on PostgreSQL: none is rolled back."""

import hashlib
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from api.settings import Settings
from api.store import comments, follows, likes, posts, suspensions, tokens, tokens_use, users, users_removal
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.errors import SignInSuspended
from api.store.users import User

CLIENTS, REPETITIONS = 8, 5


@pytest.fixture
def database(postgresql_url: str) -> Iterator[Database]:
    database = Database(Settings(database_url=postgresql_url), connections=CLIENTS + 1)
    yield database
    database.close()


def connect(database: Database, prefix: str) -> list[User]:
    """Register users who publish, and who each comment on the posts of all, like them, and follow all others."""
    with database.write() as db:
        group = [users.register(db, username=f"{prefix}-{number}", password_hash="hash") for number in range(CLIENTS)]
        ids = [posts.publish(db, author_id=user.id, title="t", body="b", tags=["x"]).id for user in group]
        for user in group:
            for post_id in ids:
                likes.add(db, post_id, user=user)
                comments.create(db, post_id, author=user, body="b")
            for other in group:
                if other != user:
                    follows.add(db, other.username, follower_id=user.id)
    return group


def remove(db: Connection, user: User) -> None:
    users_removal.remove(db, users_removal.lock(db, user), with_posts=True)


def suspend(db: Connection, user: User) -> None:
    suspensions.suspend(db, user.username)


def test_users_who_answer_each_other_are_removed_and_suspended_at_the_same_time(database: Database) -> None:
    for repetition in range(REPETITIONS):
        group = connect(database, f"user-{repetition}")
        start = Barrier(CLIENTS)

        def change(numbered: tuple[int, User], start: Barrier = start) -> None:
            number, user = numbered
            start.wait()
            with database.write() as db:  # not repeated if it is rolled back
                (suspend if number % 3 == 2 else remove)(db, user)

        with ThreadPoolExecutor(CLIENTS) as clients:
            assert [*clients.map(change, enumerate(group))] == [None] * CLIENTS


def test_a_user_signs_in_and_writes_while_being_suspended_again_and_again(database: Database) -> None:
    """A token that is new when the suspension has locked the others must not be used before the user is locked."""
    with database.write() as db:
        ada = users.register(db, username="ada", password_hash="hash")
        bob = users.register(db, username="bob")
    numbers = itertools.count()

    def sign_in_and_write() -> bool:
        sha256 = hashlib.sha256(str(next(numbers)).encode()).digest()
        values: dict[str, Any] = {"name": "", "sha256": sha256, "lifetime": timedelta(1)}
        with suppress(SignInSuspended), database.write() as db:
            tokens.create(db, user_id=ada.id, password_hash="hash", **values)
        with database.write() as db:
            if may_write := tokens_use.lock_and_find_user(db, sha256) is not None:
                follows.add(db, bob.username, follower_id=ada.id)
        return may_write

    with ThreadPoolExecutor(CLIENTS) as clients:
        writing = [clients.submit(sign_in_and_write) for _ in range(50 * CLIENTS)]
        while not all(each.done() for each in writing):
            for change in (suspensions.suspend, suspensions.unsuspend):
                with database.write() as db:
                    change(db, "ada")
        assert {each.result() for each in writing} == {True, False}
