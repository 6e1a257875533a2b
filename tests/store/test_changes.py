"""Change feeds: a client that follows them has what is public, whatever happens between its requests."""

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from api import constraints
from api.settings import Settings
from api.store import change_sweeping, changes, posts, users, users_removal
from api.store.change_positions import Feed
from api.store.columns import now
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.errors import SyncTokenExpired
from api.store.posts_table import Post
from api.store.users import User
from api.sync_tokens import SyncToken, decode, encode

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Mirror:
    """A client that follows a feed of posts or users."""

    def __init__(self, database: Database, *, feed: str = "posts", limit: int = 3, expand: str = "") -> None:
        self.database = database
        self.rows: dict[Any, Any] = {}
        self.since: SyncToken | None = None
        self.feed, self.limit, self.expand = feed, limit, expand

    def read(self, at: datetime | None = None) -> tuple[list[Any], bool]:
        """Read a page; return its changes, and whether there are more."""
        with self.database.read() as db:
            page: Any
            if self.feed == "posts":
                page = changes.posts_page(db, since=self.since, limit=self.limit, expand=self.expand, at=at)
            else:
                page = changes.users_page(db, since=self.since, limit=self.limit, at=at)
        for change in page.changes:
            key, _, row = change
            self.rows.pop(key, None)
            if row:
                self.rows[key] = row
        assert len(page.changes) == len({change[0] for change in page.changes}) <= self.limit
        self.since = decode(encode(page.next_since))
        return [*page.changes], page.has_more

    def sync(self, at: datetime | None = None) -> list[Any]:
        """Read until there is nothing more, and return all changes."""
        found, has_more = [], True
        while has_more:
            page, has_more = self.read(at)
            found += page
        return found

    @property
    def titles(self) -> dict[int, str]:
        return {id_: post.title for id_, post in sorted(self.rows.items())}


@pytest.fixture
def mirror(database: Database) -> Mirror:
    return Mirror(database)


@pytest.fixture
def ada(database: Database) -> User:
    return database.transact(lambda db: users.register(db, username="ada"))


@pytest.fixture
def publish(database: Database, ada: User) -> Callable[..., Post]:
    def publish_post(title: str = "t", **values: Any) -> Post:
        return database.transact(
            lambda db: posts.publish(db, **{"author_id": ada.id, "title": title, "body": "b", "tags": [], **values})
        )

    return publish_post


@pytest.fixture
def revise(database: Database, ada: User) -> Callable[..., Post]:
    def revise_post(post_id: int, **values: Any) -> Post:
        return database.transact(
            lambda db: posts.revise(db, posts.get_for_update(db, post_id, principal=ada), **values)
        )

    return revise_post


@pytest.fixture
def remove(database: Database, ada: User) -> Callable[[int], None]:
    def remove_post(post_id: int) -> None:
        database.transact(lambda db: posts.remove(db, posts.get_for_update(db, post_id, principal=ada)))

    return remove_post


Publish = Callable[..., Post]
Remove = Callable[[int], None]


def test_the_first_walk_reads_all_published_posts(mirror: Mirror, publish: Publish) -> None:
    for number in range(7):
        publish(str(number), published_at=None if number == 2 else now())
    changed = mirror.sync()
    assert [change.id for change in changed] == [1, 2, 4, 5, 6, 7]
    assert mirror.titles == {1: "0", 2: "1", 4: "3", 5: "4", 6: "5", 7: "6"}


def test_changes_come_in_their_order_each_as_the_newest_state(
    mirror: Mirror, publish: Publish, revise: Publish, remove: Remove
) -> None:
    for number in range(4):
        publish(str(number))
    mirror.sync()
    revise(3, title="new")
    remove(1)
    revise(2, title="first")
    revise(2, title="last")
    publish("4")
    changed = mirror.sync()
    assert [(change.id, change.post and change.post.title) for change in changed] == [
        (3, "new"),
        (1, None),
        (2, "last"),
        (5, "4"),
    ]
    assert mirror.titles == {2: "last", 3: "new", 4: "3", 5: "4"}


def test_a_client_that_is_up_to_date_gets_the_same_token_for_an_hour(mirror: Mirror, publish: Publish) -> None:
    publish()
    mirror.sync()
    token = mirror.since
    assert token
    mirror.sync(at=now() + HOUR)
    assert mirror.since == token
    mirror.sync(at=token.issued_at + 2 * HOUR)
    assert mirror.since == token._replace(issued_at=token.issued_at + 2 * HOUR)


def test_the_first_page_stays_the_same_while_nothing_changes(database: Database, publish: Publish) -> None:
    publish()
    with database.read() as db:
        first, second = (changes.posts_page(db, limit=3) for _ in range(2))
    assert first == second


def test_a_scheduled_post_comes_when_it_is_due(mirror: Mirror, publish: Publish) -> None:
    mirror.sync()
    due = now() + HOUR
    publish("scheduled", published_at=due)
    assert mirror.sync() == []
    assert mirror.sync(at=due - timedelta(microseconds=1)) == []
    [change] = mirror.sync(at=due)
    assert (change.id, change.changed_at) == (1, due)
    assert mirror.sync(at=due + HOUR) == []


def test_a_post_that_is_scheduled_again_disappears_until_it_is_due(
    mirror: Mirror, publish: Publish, revise: Publish
) -> None:
    publish()
    mirror.sync()
    due = now() + HOUR
    revise(1, published_at=due)
    [change] = mirror.sync()
    assert change.post is None
    assert mirror.titles == {}
    mirror.sync(at=due)
    assert mirror.titles == {1: "t"}


def test_the_clock_may_be_set_back(mirror: Mirror, publish: Publish) -> None:
    later = now() + HOUR
    publish("first", published_at=now() + 2 * timedelta(minutes=1))
    mirror.sync(at=later)
    publish("second", published_at=now() + timedelta(minutes=1))
    mirror.sync(at=now())
    mirror.sync(at=later)
    assert mirror.titles == {1: "first", 2: "second"}


def test_drafts_are_not_in_the_feed(mirror: Mirror, publish: Publish, revise: Publish, remove: Remove) -> None:
    mirror.sync()
    for _ in range(5):
        publish("draft", published_at=None)
    revise(1, title="still a draft")
    remove(2)
    assert mirror.sync() == []
    revise(3, published_at=now())
    assert [change.id for change in mirror.sync()] == [3]


def test_a_post_that_never_was_public_is_not_reported_as_removed(
    mirror: Mirror, publish: Publish, revise: Publish
) -> None:
    mirror.sync()
    publish(published_at=now() + HOUR)
    assert mirror.sync() == []


def test_a_draft_that_was_public_disappears_although_it_is_removed_before_the_client_reads(
    mirror: Mirror, publish: Publish, revise: Publish, remove: Remove
) -> None:
    publish()
    mirror.sync()
    revise(1, published_at=None)
    remove(1)
    assert [change.post for change in mirror.sync()] == [None]
    assert mirror.titles == {}


def test_edits_of_a_draft_that_was_public_do_not_show(mirror: Mirror, publish: Publish, revise: Publish) -> None:
    publish()
    first = Mirror(mirror.database)
    first.sync()
    mirror.sync()
    revise(1, published_at=None)
    [before] = first.sync()
    revise(1, title="secret")
    [after] = mirror.sync()
    assert before == after
    assert first.sync() == []


def test_an_imported_post_may_have_the_id_of_a_removed_one(
    mirror: Mirror, publish: Publish, revise: Publish, remove: Remove
) -> None:
    publish("old")
    mirror.sync()
    remove(1)
    publish("draft", post_id=1, published_at=None)
    mirror.sync()
    assert mirror.titles == {}
    revise(1, published_at=now())
    mirror.sync()
    assert mirror.titles == {1: "draft"}
    remove(1)
    publish("new", post_id=1)
    mirror.sync()
    assert mirror.titles == {1: "new"}
    remove(1)
    mirror.sync()
    assert mirror.titles == {}


def test_posts_that_change_during_the_walk_come_again(
    mirror: Mirror, publish: Publish, revise: Publish, remove: Remove
) -> None:
    for number in range(9):
        publish(str(number), published_at=now() + HOUR if number == 8 else now())
    due = now() + HOUR
    mirror.read()
    remove(1)
    revise(2, title="new")
    remove(7)
    publish("9")
    mirror.sync(at=due + timedelta(seconds=1))
    assert mirror.titles == {2: "new", 3: "2", 4: "3", 5: "4", 6: "5", 8: "7", 9: "8", 10: "9"}


def test_a_commit_that_is_held_back_is_not_missed(mirror: Mirror, ada: User, publish: Publish) -> None:
    if mirror.database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    mirror.sync()
    with ExitStack() as stack:
        db = stack.enter_context(mirror.database.write())
        posts.publish(db, author_id=ada.id, title="slow", body="b", tags=[])
        publish("fast")
        mirror.sync()
        assert mirror.titles in ({}, {2: "fast"})
    mirror.sync()
    assert mirror.titles == {1: "slow", 2: "fast"}


def test_a_transaction_of_many_posts_may_be_read_in_parts(mirror: Mirror, database: Database, ada: User) -> None:
    """On PostgreSQL, all of them have the same position. They come twice: as changed, then as having become public."""
    mirror.sync()
    with database.write() as db:
        for number in range(10):
            posts.publish(db, author_id=ada.id, title=str(number), body="b", tags=[])
    changed = mirror.sync()
    assert [change.id for change in changed][:10] == list(range(1, 11))
    assert mirror.titles == {number + 1: str(number) for number in range(10)}


def test_a_page_with_bodies_is_short_if_they_are_long(database: Database, publish: Publish) -> None:
    for number in range(12):
        publish(str(number), body="\u0001" * constraints.BODY_MAX_LENGTH)  # 1.5 MiB of JSON
    mirror = Mirror(database, limit=10, expand="body")
    page, has_more = mirror.read()
    assert (len(page), has_more) == (1, True)
    mirror.sync()
    assert len(mirror.rows) == 12
    for number in range(12):
        publish(str(number), body="\u0001" * constraints.BODY_MAX_LENGTH)
    assert len(mirror.read()[0]) == 1
    mirror.sync()
    assert len(mirror.rows) == 24


def test_the_feed_of_users_has_those_who_register_change_and_leave(database: Database, ada: User) -> None:
    mirror = Mirror(database, feed="users")
    mirror.sync()
    assert mirror.rows.keys() == {"ada"}
    bob = database.transact(lambda db: users.register(db, username="bob"))
    database.transact(lambda db: users.revise(db, ada, display_name="Ada"))
    assert [change.username for change in mirror.sync()] == ["bob", "ada"]
    database.transact(lambda db: users_removal.delete(db, bob))
    [change] = mirror.sync()
    assert (change.username, change.user) == ("bob", None)
    database.transact(lambda db: users.register(db, username="bob"))
    [change] = mirror.sync()
    assert change.user.username == "bob"


def test_a_user_who_is_registered_again_by_an_older_transaction_does_not_disappear(
    database: Database, ada: User
) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    mirror = Mirror(database, feed="users")
    mirror.sync()
    with database.write() as older:
        older.execute_sql("SELECT pg_current_xact_id()")
        database.transact(lambda db: users_removal.delete(db, ada))
        users.register(older, username="ada")
    mirror.sync()
    assert mirror.rows.keys() == {"ada"}


def test_tokens_expire_after_90_days(mirror: Mirror, publish: Publish) -> None:
    mirror.sync()
    token = mirror.since
    mirror.sync(at=now() + 90 * DAY)
    mirror.since = token
    with pytest.raises(SyncTokenExpired):
        mirror.sync(at=now() + 90 * DAY + HOUR)


@pytest.mark.parametrize(
    "change", [{"epoch": b"12345678"}, {"seen": 2**62}, {"seen": 2**62, "position": 2**62}], ids=str
)
def test_tokens_of_another_database_are_rejected(mirror: Mirror, publish: Publish, change: dict[str, Any]) -> None:
    publish()
    mirror.sync()
    assert mirror.since
    mirror.since = mirror.since._replace(**change)
    with pytest.raises(SyncTokenExpired):
        mirror.sync()


def test_tokens_of_another_copy_of_postgresql_are_rejected(mirror: Mirror, publish: Publish) -> None:
    """A dump that is restored has the same rows in other tables."""
    if mirror.database.is_sqlite:
        pytest.skip("files are tested elsewhere")
    publish()
    mirror.sync()
    with mirror.database.write() as db:
        db.execute_sql("CREATE TABLE restored AS SELECT * FROM sync_epochs")
        db.execute_sql("DROP TABLE sync_epochs")
        db.execute_sql("ALTER TABLE restored RENAME TO sync_epochs")
    with pytest.raises(SyncTokenExpired):
        mirror.sync()


def _one(db: Connection, sql: str) -> Any:
    return db._driver.execute(sql).fetchone()[0]


def test_positions_on_sqlite_never_go_back(database: Database, publish: Publish, remove: Remove) -> None:
    if not database.is_sqlite:
        pytest.skip("on PostgreSQL they are ids of transactions")
    highest = 0
    for number in range(1, 6):
        publish()
        remove(number)
        with database.read() as db:
            position = _one(db, "SELECT max(change_position) FROM removed_posts")
        assert position > highest
        highest = position


def test_a_restored_copy_of_an_sqlite_file_rejects_tokens_of_what_it_lacks(
    database_settings: Settings, tmp_path: Path
) -> None:
    """The copy is put back by hand, and then has as many changes as the original."""
    if not database_settings.database_url.startswith("sqlite"):
        pytest.skip("PostgreSQL begins a new timeline")
    path, copy = tmp_path / "pressroom.sqlite", tmp_path / "copy.sqlite"

    def publish_as(count: int, username: str | None = None) -> None:
        database = Database(database_settings)
        with database.write() as db:
            user = users.register(db, username=username) if username else users.get(db, "ada")
            for _ in range(count):
                posts.publish(db, author_id=user.id, title="t", body="b", tags=[])
        database.close()

    publish_as(2, "ada")
    reader = Database(database_settings)
    before, after = Mirror(reader), Mirror(reader)
    before.sync()
    reader.close()
    shutil.copy(path, copy)
    publish_as(2)
    after.sync()
    reader.close()
    path.unlink()
    shutil.copy(copy, path)
    with pytest.raises(SyncTokenExpired):
        after.sync()  # beyond the last change
    reader.close()
    publish_as(9)
    with pytest.raises(SyncTokenExpired):
        after.sync()
    before.sync()
    assert before.titles.keys() == set(range(1, 12))
    reader.close()


def test_epochs_in_which_nothing_was_written_are_not_stored(database_settings: Settings) -> None:
    if not database_settings.database_url.startswith("sqlite"):
        pytest.skip("PostgreSQL has timelines")
    for number in range(4):
        database = Database(database_settings)
        with database.write() as db:
            if number == 1:
                users.register(db, username="ada")
            assert _one(db, "SELECT count(*) FROM sync_epochs") == (4, 4, 5, 5)[number]
        database.close()


def _sweep(database: Database) -> int:
    """Delete old removals of posts, and return how many."""
    count = "SELECT count(*) FROM removed_posts"
    with database.read() as db:
        before = _one(db, count)
        change_sweeping.sweep(database.transact)
        return int(before - _one(db, count))


def test_tokens_before_a_removal_that_has_been_swept_are_rejected_whatever_the_clock_says(
    database: Database, publish: Publish, remove: Remove
) -> None:
    for _ in range(4):
        publish()
    late, early = Mirror(database), Mirror(database)
    late.sync()
    remove(1)
    early.sync()
    remove(2)
    with database.write() as db:
        db.execute_sql("UPDATE removed_posts SET removed_at = '2020-01-01 00:00:00.000000' WHERE post_id = 1")
    assert _sweep(database) == 1
    assert [change.id for change in early.sync()] == [2]
    with pytest.raises(SyncTokenExpired):
        late.sync()


def test_removals_that_no_client_can_have_read_are_not_swept(
    database: Database, publish: Publish, remove: Remove
) -> None:
    """Otherwise, as long as the transaction is open, tokens of new clients expire as soon as they are issued."""
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    for _ in range(5):
        publish()
    early = Mirror(database)
    early.sync()
    remove(1)
    remove(2)
    with database.write() as older:
        older.execute_sql("SELECT pg_current_xact_id()")
        remove(3)
        remove(4)
        with database.write() as db:
            db.execute_sql("UPDATE removed_posts SET removed_at = '2020-01-01'")
        assert _sweep(database) == 1
        late = Mirror(database)
        late.sync()
        assert late.rows.keys() == {5}
    late.sync()
    with pytest.raises(SyncTokenExpired):
        early.sync()
    assert late.rows.keys() == {5}


def test_a_first_walk_begins_after_removals_that_have_been_swept(
    database: Database, ada: User, publish: Publish, remove: Remove
) -> None:
    """The removal that the sweep left becomes a later one: an imported post has the same id, and is removed."""
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    for _ in range(3):
        publish()
    remove(1)
    remove(2)
    with database.write() as db:
        db.execute_sql("UPDATE removed_posts SET removed_at = '2020-01-01'")
    assert _sweep(database) == 1
    with database.write() as older:
        posts.publish(older, author_id=ada.id, title="slow", body="b", tags=[])
        publish("imported", post_id=2)
        remove(2)
        remove(3)
        mirror = Mirror(database)
        mirror.sync()
        assert mirror.titles == {}
    mirror.sync()
    assert mirror.titles == {4: "slow"}


def test_a_dump_from_a_server_with_more_transactions_loses_no_change_and_no_sweep(
    database: Database, mirror: Mirror, publish: Publish, remove: Remove
) -> None:
    if database.is_sqlite:
        pytest.skip("positions on SQLite are those of the file")
    with database.write() as db:
        db.execute_sql("UPDATE sync_epochs SET swept_position = 1000000000000, swept_id = 9")
    for _ in range(3):
        publish()
    mirror.sync()
    remove(1)
    remove(2)
    publish("new")
    mirror.sync()
    assert mirror.titles == {3: "t", 4: "new"}
    with database.write() as db:
        db.execute_sql("UPDATE removed_posts SET removed_at = '2020-01-01'")
    assert _sweep(database) == 1
    with database.read() as db:
        swept = _one(db, "SELECT swept_position FROM sync_epochs WHERE feed = 'posts'")
        assert 0 < swept < _one(db, "SELECT max(change_position) FROM removed_posts")


def test_the_last_removal_is_not_swept_because_sqlite_counts_from_it(
    database: Database, publish: Publish, remove: Remove
) -> None:
    publish()
    remove(1)
    mirror = Mirror(database)
    mirror.sync()
    with database.write() as db:
        db.execute_sql("UPDATE removed_posts SET removed_at = '2020-01-01 00:00:00.000000'")
    assert _sweep(database) == 0
    publish("new")
    assert [change.id for change in mirror.sync()] == [2]


@pytest.mark.parametrize("feed", ["posts", "users"])
def test_the_end_of_a_feed_is_the_token_after_all_its_pages(
    database: Database, publish: Callable[..., Post], ada: User, feed: Feed
) -> None:
    mirror = Mirror(database, feed=feed)
    scheduled = [now() + DAY, now() - DAY]
    for number in range(7):
        publish(f"{number}", published_at=scheduled[number % 2])
    removed = publish("removed")
    database.transact(lambda db: posts.remove(db, removed))
    mirror.sync()
    with database.read() as db:
        end = changes.end(db, feed)
    assert mirror.since is not None
    assert end == mirror.since._replace(issued_at=end.issued_at)
    mirror.since = end
    assert mirror.sync() == []
    publish("later")
    database.transact(lambda db: users.register(db, username="bob"))
    assert len(mirror.sync()) == 1
