"""Mirrors that follow the change feeds end up with what the lists have, whatever happens and in whatever order."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from api import archive, constraints
from api.store import posts, suspensions, users
from api.store.engine.connections import Connection
from api.store.posts_table import Post
from api.store.posts_table import posts as posts_table
from tests.support.change_feed_site import ADMIN, ALL_IDS, HOUR, START, Site
from tests.support.mirrors import Mirrors, listed
from tests.support.rows import select_rows
from tests.support.tags import TAGS, as_typed

LIMITS = st.sampled_from([1, 2, 5, 100])
INDEX = st.integers(0, 30)
SCHEDULE = st.sampled_from(["draft", "now", "earlier", "soon", "later"])
"""When a post becomes public."""
BODY = st.sampled_from(["", "b", "b", "b", "\x01" * (constraints.BODY_MAX_LENGTH - 10)])
"""Two of the longest fill a page: a character takes six bytes in JSON."""
ID_BY_SLUG = sa.select(posts_table.c.id).where(
    posts_table.c.author_id == sa.bindparam("author_id"), posts_table.c.slug == sa.bindparam("slug")
)
OPEN_MAX = 3


class Transaction:
    """A write transaction, and the ids of the posts that it has locked."""

    def __init__(self, site: Site) -> None:
        self._stack = ExitStack()
        self.db = self._stack.enter_context(site.app.database.write())
        self.locked: set[int] = set()

    def commit(self) -> None:
        self._stack.close()

    def roll_back(self) -> None:
        with suppress(InterruptedError), self._stack:
            raise InterruptedError


class ChangeFeeds(RuleBasedStateMachine):
    """Writes, faults, the passing of time, and two pairs of mirrors that poll in between."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site
        self.clock = site.clock
        self.mirrors: list[Mirrors] = []
        self.open: list[Transaction] = []
        self.saved: list[str] = []
        self.removed_ids: list[int] = []
        self.number = 0

    @initialize()
    def begin(self) -> None:
        self.clock.time = self.clock.latest = START
        self.site.empty()
        self.mirrors = [Mirrors(self.site.get), Mirrors(self.site.get)]

    def teardown(self) -> None:
        try:
            if self.mirrors:
                self.settle()
        finally:
            for transaction in self.open:
                transaction.roll_back()

    @invariant()
    def count(self) -> None:
        self.site.steps += 1

    # Writes

    @rule(schedule=SCHEDULE, body=BODY, author=INDEX, open_=st.booleans())
    def publish(self, schedule: str, body: str, author: int, open_: bool) -> None:
        with self.writing(open_=open_) as transaction:
            user = users.lock(transaction.db, self.author(author).username)
            is_withheld = user.suspended_at is not None
            content = self.post(schedule, body)
            post = posts.publish(transaction.db, **content, author_id=user.id, is_withheld=is_withheld)
            transaction.locked.add(post.id)

    @rule(author=INDEX, slug=st.sampled_from(["a", "b", "c"]), schedule=SCHEDULE, body=BODY)
    def put(self, author: int, slug: str, schedule: str, body: str) -> None:
        """Publish or replace by a slug, unless an open transaction has locked the post that has it."""
        user = self.author(author)
        with self.site.app.database.read() as db:
            ids = {row.id for row in select_rows(db, ID_BY_SLUG, author_id=user.id, slug=slug)}
        if not (ids & self.locked() or self.site.is_suspended(user.username)):
            content = self.post(schedule, body)
            content["tags"] = [as_typed(tag) for tag in content["tags"]]
            self.site.put(user.username, slug, {**content, "published_at": self.formatted(schedule)})

    @rule(
        index=INDEX,
        name=st.sampled_from(["title", "body", "tags", "slug", "metadata", "nothing"]),
        body=BODY,
        open_=st.booleans(),
    )
    def revise(self, index: int, name: str, body: str, open_: bool) -> None:
        self.number += 1
        number = f"{self.number}"
        new = {
            "title": number,
            "body": number + body,
            "tags": [TAGS[self.number % len(TAGS)]],
            "slug": f"revised-{number}",
            "metadata": {"number": number},
        }
        with self.changing(index, open_=open_) as (db, post):
            if post:
                posts.revise(db, post, **({"title": post.title} if name == "nothing" else {name: new[name]}))

    @rule(index=INDEX, schedule=SCHEDULE, open_=st.booleans())
    def reschedule(self, index: int, schedule: str, open_: bool) -> None:
        with self.changing(index, open_=open_) as (db, post):
            if post:
                posts.revise(db, post, published_at=self.published_at(schedule))

    @rule(index=INDEX, open_=st.booleans())
    def unpublish(self, index: int, open_: bool) -> None:
        with self.changing(index, open_=open_) as (db, post):
            if post:
                posts.revise(db, post, published_at=None)

    @rule(index=INDEX, open_=st.booleans())
    def remove(self, index: int, open_: bool) -> None:
        with self.changing(index, open_=open_) as (db, post):
            if post:
                posts.remove(db, post)
                self.removed_ids.append(post.id)

    @precondition(lambda self: not self.open)
    @rule(schedules=st.lists(SCHEDULE, min_size=1, max_size=4), index=INDEX)
    def import_posts_with_ids_that_were_removed(self, schedules: list[str], index: int) -> None:
        lines = []
        for offset, schedule in enumerate(schedules):
            content = {
                **self.post(schedule),
                "author": self.author(index).username,
                "published_at": self.formatted(schedule),
            }
            if self.removed_ids:
                content["id"] = self.removed_ids[(index + offset) % len(self.removed_ids)]
            lines.append(json.dumps({"post": content}).encode())
        assert {outcome.result for outcome in archive.import_(self.site.app.database, lines)} <= {"imported", "skipped"}

    @rule(author=INDEX)
    def rename_an_author(self, author: int) -> None:
        self.number += 1
        with self.site.app.database.write() as db:
            user = users.get_for_update(db, self.author(author).username, principal=ADMIN)
            users.revise(db, user, display_name=f"{self.number}")

    @precondition(lambda self: not self.open)
    @rule(author=INDEX)
    def suspend_or_unsuspend_an_author(self, author: int) -> None:
        username = self.author(author).username
        change = suspensions.unsuspend if self.site.is_suspended(username) else suspensions.suspend
        self.site.app.database.transact(partial(change, username=username))

    @rule()
    def register_or_remove_a_user(self) -> None:
        if not self.site.remove_eve():
            with self.site.app.database.write() as db:
                users.register(db, username="eve")

    @precondition(lambda self: self.open)
    @rule(index=INDEX, commits=st.sampled_from([True, True, False]))
    def end_an_open_transaction(self, index: int, commits: bool) -> None:
        transaction = self.open.pop(index % len(self.open))
        if commits:
            transaction.commit()
        else:
            transaction.roll_back()

    # Time

    @rule(minutes=st.sampled_from([1, 10, 59, 61]))
    def let_time_pass(self, minutes: int) -> None:
        self.clock.step(timedelta(minutes=minutes))

    @rule(minutes=st.sampled_from([-120, -45, -10, 10, 120]))
    def step_the_clock(self, minutes: int) -> None:
        self.clock.step(timedelta(minutes=minutes))

    @rule(days=st.sampled_from([0, 1, 89, 92]), steps_back=st.booleans())
    def sweep(self, days: int, steps_back: bool) -> None:
        self.clock.step(timedelta(days))
        self.site.sweep()
        if steps_back:
            self.clock.step(-timedelta(days))

    # Backups

    @precondition(lambda self: not self.open and len(self.saved) < 2)
    @rule()
    def save(self) -> None:
        self.saved.append(self.site.save())

    @precondition(lambda self: self.saved and not self.open)
    @rule(index=INDEX, by_hand=st.booleans(), writes=st.sampled_from([0, 1, 5, 20]))
    def restore(self, index: int, by_hand: bool, writes: int) -> None:
        """Restore a backup, and go on until there are perhaps as many changes as there were before."""
        self.site.restore(self.saved[index % len(self.saved)], by_hand=by_hand)
        for _ in range(writes):
            self.revise(index, "title", "", open_=False)

    # Reads

    @rule(mirror=st.integers(0, 1), limit=LIMITS)
    def poll(self, mirror: int, limit: int) -> None:
        self.mirrors[mirror].posts.poll(limit)
        self.mirrors[mirror].users.poll(limit)

    @rule(mirror=st.integers(0, 1), limit=LIMITS)
    def catch_up(self, mirror: int, limit: int) -> None:
        self.mirrors[mirror].catch_up(limit)

    @rule()
    def start_a_mirror(self) -> None:
        self.mirrors[1] = Mirrors(self.site.get)

    @precondition(lambda self: not self.open)
    @rule()
    def compare(self) -> None:
        """While the clock is behind, mirrors have posts that the lists do not yet have again."""
        stored = listed(self.site.get)
        for mirrors in self.mirrors:
            mirrors.catch_up()
            content = mirrors.content
            if self.clock.time < self.clock.latest:
                content = {url: item for url, item in content.items() if url in stored}
            assert content == stored, "The mirror differs from the lists"

    def settle(self) -> None:
        """Compare after all transactions have ended and all scheduled posts are public."""
        while self.open:
            self.open.pop().commit()
        self.clock.time = self.clock.latest
        self.clock.step(3 * HOUR)
        self.compare()

    # Helpers

    def author(self, index: int) -> users.User:
        return self.site.authors[index % len(self.site.authors)]

    def published_at(self, schedule: str) -> datetime | None:
        hour = self.clock.time.replace(minute=0, second=0)  # that of several posts
        return {
            "draft": None,
            "now": self.clock.time,
            "earlier": hour - HOUR,
            "soon": self.clock.time + timedelta(minutes=5),
            "later": hour + HOUR,
        }[schedule]

    def formatted(self, schedule: str) -> str | None:
        published_at = self.published_at(schedule)
        return published_at.isoformat().replace("+00:00", "Z") if published_at else None

    def post(self, schedule: str, body: str = "b") -> dict[str, Any]:
        self.number += 1
        tags = [TAGS[self.number % len(TAGS)]]
        return {"title": f"{self.number}", "body": body, "tags": tags, "published_at": self.published_at(schedule)}

    def locked(self) -> set[int]:
        """Return the ids of the posts that open transactions have locked."""
        return set().union(*(transaction.locked for transaction in self.open))

    @contextmanager
    def writing(self, *, open_: bool) -> Iterator[Transaction]:
        """Begin a transaction, and commit it, or leave it open if the database permits other writers."""
        transaction = Transaction(self.site)
        try:
            yield transaction
        except BaseException:
            transaction.roll_back()
            raise
        if open_ and self.site.is_postgresql and len(self.open) < OPEN_MAX:
            self.open.append(transaction)
        else:
            transaction.commit()

    @contextmanager
    def changing(self, index: int, *, open_: bool) -> Iterator[tuple[Connection, Post | None]]:
        """Begin a transaction that locks a post; None if open transactions have locked all of them."""
        with self.writing(open_=open_) as transaction:
            locked = self.locked()
            ids = [row.id for row in select_rows(transaction.db, ALL_IDS) if row.id not in locked]
            if not ids:
                yield transaction.db, None
                return
            post = posts.get_for_update(transaction.db, ids[index % len(ids)], principal=ADMIN)
            transaction.locked.add(post.id)
            yield transaction.db, post


def run(site: Site, *, examples: int, steps: int) -> None:
    """Run the machine, and print how many steps it took."""
    # Not shrunk: the ids of posts and transactions differ in each run.
    settings = hypothesis_settings(
        max_examples=examples, stateful_step_count=steps, phases=[Phase.explicit, Phase.generate]
    )
    run_state_machine_as_test(partial(ChangeFeeds, site), settings=settings)  # type: ignore[arg-type] # any callable
    print(f"{site.steps} steps")  # noqa: T201 (shown by `pytest -rP`)


def test_mirrors_have_what_the_lists_have(site: Site) -> None:
    run(site, examples=4, steps=25)


@pytest.mark.nightly
def test_mirrors_have_what_the_lists_have_after_more_events(site: Site) -> None:
    run(site, examples=100, steps=50)


@pytest.mark.nightly
def test_mirrors_have_what_the_lists_have_after_many_events(site: Site) -> None:
    run(site, examples=1_500, steps=60)
