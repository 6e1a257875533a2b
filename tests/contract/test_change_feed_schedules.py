"""Schedules that would lose a change if a rule of the change feeds were simpler."""

import json
from datetime import datetime, timedelta

import pytest

from api import archive, constraints
from api.store import posts
from tests.support.change_feed_site import ADMIN, HOUR, START, Site
from tests.support.mirrors import Mirrors, listed


class Editor:
    """Writes to a site, each time in a transaction of its own, and a pair of mirrors that follow it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.mirrors = Mirrors(site.get)

    def publish(self, published_at: datetime | None = START) -> int:
        with self.site.app.database.write() as db:
            author = self.site.authors[0]
            return posts.publish(db, author_id=author.id, title="t", body="b", tags=[], published_at=published_at).id

    def revise(self, post_id: int, **changes: object) -> None:
        with self.site.app.database.write() as db:
            posts.revise(db, posts.get_for_update(db, post_id, principal=ADMIN), **changes)

    def remove(self, post_id: int) -> None:
        with self.site.app.database.write() as db:
            posts.remove(db, posts.get_for_update(db, post_id, principal=ADMIN))

    def import_(self, post_id: int, published_at: str | None) -> None:
        content = {"id": post_id, "author": "ada", "title": "imported", "body": "b", "published_at": published_at}
        [outcome] = archive.import_(self.site.app.database, [json.dumps({"post": content}).encode()])
        assert outcome.result == "imported"

    def follow(self, limit: int = 100) -> None:
        """Read all changes, and compare."""
        self.mirrors.catch_up(limit)
        assert self.mirrors.content == listed(self.site.get)


@pytest.fixture
def editor(site: Site) -> Editor:
    return Editor(site)


def test_a_published_post_that_is_unpublished_and_then_removed_is_reported(editor: Editor) -> None:
    post_id = editor.publish()
    editor.follow()
    editor.revise(post_id, published_at=None)
    editor.remove(post_id)
    editor.follow()


def test_a_removed_post_is_reported_though_a_draft_with_its_id_is_imported(editor: Editor) -> None:
    post_id = editor.publish()
    editor.follow()
    editor.remove(post_id)
    editor.import_(post_id, None)
    editor.follow()


def test_an_imported_post_with_the_id_of_a_removed_post_is_reported_and_can_be_removed_again(editor: Editor) -> None:
    post_id = editor.publish()
    editor.remove(post_id)
    editor.follow()
    editor.import_(post_id, "2020-01-01T00:00:00Z")
    editor.follow(limit=1)
    editor.remove(post_id)
    editor.follow()


def test_an_unpublished_post_is_reported_though_the_clock_is_behind_its_publication(editor: Editor) -> None:
    editor.site.clock.step(HOUR)
    post_id = editor.publish(editor.site.clock.time)
    editor.follow()
    editor.site.clock.step(-2 * HOUR)
    editor.revise(post_id, published_at=None)
    editor.follow()


def test_a_scheduled_post_is_reported_when_its_time_comes_though_the_clock_was_ahead_before(editor: Editor) -> None:
    editor.publish()
    editor.follow()
    editor.site.clock.step(2 * HOUR)
    editor.publish(editor.site.clock.time)
    editor.mirrors.catch_up()
    editor.site.clock.step(-2 * HOUR)
    editor.publish(START + HOUR)
    editor.publish()  # a change, without which the token would stay the same
    editor.mirrors.catch_up()
    editor.site.clock.step(3 * HOUR)
    editor.follow()


def test_posts_of_one_transaction_are_reported_though_pages_end_between_them(editor: Editor) -> None:
    """On PostgreSQL, they have the same position."""
    post_ids = [editor.publish() for _ in range(3)]
    editor.follow()
    with editor.site.app.database.write() as db:
        for post_id in post_ids:
            posts.revise(db, posts.get_for_update(db, post_id, principal=ADMIN), title="new")
    editor.follow(limit=1)


def test_posts_that_fill_pages_are_reported_on_several(editor: Editor) -> None:
    post_ids = [editor.publish() for _ in range(3)]
    for post_id in post_ids:
        editor.revise(post_id, body="\x01" * constraints.BODY_MAX_LENGTH)
    for title in ("first", "second"):
        before = editor.mirrors.posts.requests
        for post_id in post_ids:
            editor.revise(post_id, title=title)
        editor.follow()
        assert editor.mirrors.posts.requests - before >= len(post_ids)


@pytest.mark.parametrize("last", ["removed and swept", "scheduled, unpublished and removed"])
def test_changes_are_reported_after_the_last_change_has_left_no_row(editor: Editor, last: str) -> None:
    editor.publish()
    post_id = editor.publish() if last == "removed and swept" else editor.publish(START + HOUR)
    if last != "removed and swept":
        editor.revise(post_id, published_at=None)
    else:
        editor.remove(post_id)
    editor.follow()
    if last == "removed and swept":
        editor.site.clock.step(timedelta(92))
        editor.site.sweep()
        editor.site.clock.step(-timedelta(92))
    else:
        editor.remove(post_id)
    editor.publish()
    editor.follow()


def test_a_client_that_has_not_read_a_removal_starts_again_once_that_is_swept(editor: Editor) -> None:
    """Its token is new, but its page was cut before the removal."""
    post_ids = [editor.publish() for _ in range(3)]
    editor.follow()
    for post_id in post_ids:
        editor.remove(post_id)
    editor.site.clock.step(timedelta(89))
    editor.mirrors.posts.poll(limit=1)
    editor.site.clock.step(timedelta(3))
    editor.site.sweep()
    editor.follow()
    assert editor.mirrors.posts.restarts == 1


@pytest.mark.parametrize("phase", ["walk", "delta"])
def test_a_token_that_has_seen_more_than_a_restored_database_has_is_expired(editor: Editor, phase: str) -> None:
    """The position of the token is below the backup's, but its pages had rows as they were after the backup."""
    post_ids = [editor.publish() for _ in range(4)]
    if phase == "delta":
        editor.follow()
    editor.revise(post_ids[3], title="before")
    saved = editor.site.save()
    editor.revise(post_ids[0], title="after")
    new = editor.publish()
    editor.mirrors.posts.poll(limit=1)
    assert new
    editor.site.restore(saved, by_hand=True)
    for _ in range(3):
        editor.revise(post_ids[1], title=str(_))
    editor.follow()
    assert editor.mirrors.posts.restarts == 1


@pytest.mark.parametrize("by_hand", [True, False], ids=["by hand", "by command"])
def test_tokens_from_after_a_backup_are_expired_once_that_is_restored(editor: Editor, by_hand: bool) -> None:
    """Twice, and each time the restored database has as many changes as the lost one."""
    for _ in range(2):
        editor.publish()
        editor.site.start_again()
        saved = editor.site.save()
        editor.publish()
        editor.follow()
        editor.site.restore(saved, by_hand=by_hand)
        editor.publish()
        editor.publish()
        before = editor.mirrors.posts.restarts
        editor.follow()
        assert editor.mirrors.posts.restarts == before + 1


def test_a_restart_expires_no_token(editor: Editor) -> None:
    for _ in range(3):
        editor.publish()
        editor.follow()
        editor.site.start_again()
        editor.follow()
    assert not editor.mirrors.posts.restarts


def test_a_poll_with_nothing_new_is_not_modified(editor: Editor) -> None:
    editor.publish()
    editor.follow()
    path = f"/changes/posts?since={editor.mirrors.posts.since}"
    first = editor.site.client.get(path)
    editor.site.clock.step(HOUR / 2)
    again = editor.site.client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


def test_a_revision_that_changes_nothing_is_not_in_the_feed(editor: Editor) -> None:
    post_id = editor.publish()
    editor.follow()
    since, entries = editor.mirrors.posts.since, editor.mirrors.posts.entries
    editor.revise(post_id, title="t", published_at=START)
    editor.follow()
    assert (editor.mirrors.posts.since, editor.mirrors.posts.entries) == (since, entries)
