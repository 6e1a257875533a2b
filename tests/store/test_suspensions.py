"""The suspension of users."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from api import constraints
from api.store import (
    accounts,
    archive,
    changes,
    posts,
    posts_lists,
    posts_search,
    suspensions,
    tags,
    tokens,
    tokens_use,
    users,
    users_content,
    users_removal,
)
from api.store.columns import now
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.errors import (
    Forbidden,
    NotFound,
    SignInSuspended,
    TooMuchContent,
    UserIsAdmin,
    UserSuspended,
)
from api.store.users import User
from tests.store.test_users_removal import HASH, feed_end, postgresql_database, publish, register

__all__ = ["postgresql_database"]
EARLIER = datetime(2026, 1, 31, 12, tzinfo=UTC)


def make_admin(database: Database) -> User:
    register(database, "root")
    return database.transact(lambda db: accounts.set_role(db, "root", "admin"))


def ids_of(db: Connection, **query: Any) -> list[int]:
    page = posts_lists.page(db, limit=100, **query)
    assert page.next_cursor is None
    return [row.id for row in page.rows]


def visible_to_all(db: Connection) -> list[Any]:
    """Return what an anonymous client sees."""
    return [
        ids_of(db),
        ids_of(db, author="ada"),
        ids_of(db, tag="x"),
        ids_of(db, author="ada", tag="x"),
        ids_of(db, expand="html"),
        [row.id for row in posts_search.page(db, q="t", limit=100).rows],
        tags.page(db, limit=9),
        [row.username for row in users.page(db, limit=9).rows],
    ]


def sign_in(db: Connection, user: User, sha256: bytes = HASH) -> None:
    tokens.create(db, user_id=user.id, password_hash="hash", name="", sha256=sha256, lifetime=timedelta(1))


@pytest.fixture(params=["at once", "in batches"])
def in_batches(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(users_content, "BATCH_SECONDS", 0)
    return bool(request.param == "in batches")


def suspend(database: Database, *, in_batches: bool) -> None:
    """Suspend ada, who has 16 posts, again and again."""
    for changed in ({"posts": 16}, {}):
        if in_batches:
            assert suspensions.suspend_in_batches(database.transact, "ada") == changed
        else:
            database.transact(lambda db: suspensions.suspend(db, "ada"))


def unsuspend(database: Database, *, in_batches: bool) -> None:
    for changed in ({"posts": 16}, {}):
        if in_batches:
            assert suspensions.unsuspend_in_batches(database.transact, "ada") == changed
        else:
            database.transact(lambda db: suspensions.unsuspend(db, "ada"))


def publish_each_kind(db: Connection, ada: User) -> list[int]:
    """Publish 15 public posts, a scheduled one, and a draft."""
    public = [publish(db, ada, published_at=EARLIER) for _ in range(15)]
    later = now() + timedelta(1)
    return [*public, publish(db, ada, published_at=later, slug="later"), publish(db, ada, published_at=None)]


def test_posts_of_a_suspended_user_are_hidden_and_then_shown_as_they_were(database: Database, in_batches: bool) -> None:
    ada, bob = register(database, "ada", "bob")
    root = make_admin(database)
    with database.write() as db:
        others = [publish(db, bob), publish(db, bob, tags=[])]
        ids = publish_each_kind(db, ada)
        before, owned = visible_to_all(db), ids_of(db, author="ada", viewer=root)
        read = [posts.get(db, id_, viewer=root) for id_ in ids]

    suspend(database, in_batches=in_batches)
    with database.read() as db:
        lists = visible_to_all(db)
        assert lists[:4] == [others[::-1], [], others[:1], []]
        assert lists[-1] == ["root", "bob"]
        for id_ in ids:
            with pytest.raises(NotFound):
                posts.get(db, id_, viewer=None)
        with pytest.raises(NotFound):
            posts.get_by_slug(db, "ada", "later", viewer=bob)

    unsuspend(database, in_batches=in_batches)
    with database.read() as db:
        assert visible_to_all(db) == before
        assert ids_of(db, author="ada", viewer=root) == owned
        assert [posts.get(db, id_, viewer=root) for id_ in ids] == read


def test_admins_see_what_a_suspended_user_wrote_with_the_times_of_publication(
    database: Database, in_batches: bool
) -> None:
    [ada] = register(database, "ada")
    root = make_admin(database)
    with database.write() as db:
        ids = publish_each_kind(db, ada)
        times = {id_: posts.get(db, id_, viewer=root).published_at for id_ in ids}
    suspend(database, in_batches=in_batches)
    with database.read() as db:
        assert {id_: posts.get(db, id_, viewer=root).published_at for id_ in ids} == times
        paged, cursor = list[Any](), None
        while not paged or cursor:
            page = posts_lists.page(db, limit=4, cursor=cursor, author="ada", viewer=root)
            paged, cursor = [*paged, *page.rows], page.next_cursor
        assert len(paged) == len(ids)
        assert {row.id: row.published_at for row in paged} == times
        assert [row.username for row in suspensions.page(db, limit=9).rows] == ["ada"]
        assert [row.username for row in accounts.page(db, limit=9).rows] == ["root", "ada"]
    unsuspend(database, in_batches=in_batches)
    with database.read() as db:
        assert suspensions.page(db, limit=9).rows == []


def test_a_suspended_user_cannot_sign_in_and_has_no_tokens(database: Database, in_batches: bool) -> None:
    [ada] = register(database, "ada")
    with database.write() as db:
        publish_each_kind(db, ada)
        sign_in(db, ada)
    suspend(database, in_batches=in_batches)
    with database.write() as db:
        assert tokens_use.find_user(db, HASH) is None
        with pytest.raises(SignInSuspended, match="Your account is suspended"):
            sign_in(db, ada)
    unsuspend(database, in_batches=in_batches)
    with database.write() as db:
        assert tokens_use.find_user(db, HASH) is None
        sign_in(db, ada)


def test_change_feeds_have_a_suspension_as_removals_and_its_end_as_changes(
    database: Database, in_batches: bool
) -> None:
    ada, _ = register(database, "ada", "bob")
    with database.write() as db:
        ids = publish_each_kind(db, ada)
    since = feed_end(database)
    with database.read() as db:
        users_since = changes.users_page(db, limit=100).next_since
    suspend(database, in_batches=in_batches)
    with database.read() as db:
        found = {change.id: change.post for change in changes.posts_page(db, since=since, limit=100).changes}
        assert found == dict.fromkeys(ids[:-1])
        [change] = changes.users_page(db, since=users_since, limit=100).changes
        assert (change.username, change.user) == ("ada", None)
        assert [each.username for each in changes.users_page(db, limit=100).changes] == ["bob"]
        assert changes.posts_page(db, limit=100).changes == []
    unsuspend(database, in_batches=in_batches)
    with database.read() as db:
        shown = {change.id for change in changes.posts_page(db, since=since, limit=100).changes if change.post}
        assert shown == {*ids[:15]}
        [change] = changes.users_page(db, since=users_since, limit=100).changes
        assert change.user == ada


def test_who_cannot_be_suspended(database: Database) -> None:
    register(database, "ada")
    make_admin(database)
    with pytest.raises(UserIsAdmin, match="Run `pressroom users demote root` first"):
        database.transact(lambda db: suspensions.suspend(db, "root"))
    for change in (suspensions.suspend, suspensions.unsuspend):
        with pytest.raises(NotFound):
            database.transact(partial(change, username="eve"))
    database.transact(lambda db: suspensions.suspend(db, "ada"))
    with pytest.raises(UserSuspended, match="run `pressroom users unsuspend ada` first"):
        database.transact(lambda db: accounts.set_role(db, "ada", "admin"))
    assert database.transact(lambda db: accounts.set_role(db, "ada", "member")).role == "member"


@pytest.mark.parametrize("limit", ["CONTENT_MAX_POSTS", "CONTENT_MAX_CHARACTERS"])
def test_a_user_with_too_much_content_stays_as_they_are(
    database: Database, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    [ada] = register(database, "ada")
    with database.write() as db:
        ids = [publish(db, ada) for _ in range(4)]
    monkeypatch.setattr(constraints, limit, 3)
    with pytest.raises(TooMuchContent, match="`pressroom users suspend ada`"):
        database.transact(lambda db: suspensions.suspend(db, "ada"))
    with database.read() as db:
        assert ids_of(db) == ids[::-1]
        assert users.get(db, "ada").suspended_at is None
    suspensions.suspend_in_batches(database.transact, "ada")
    with pytest.raises(TooMuchContent, match="`pressroom users unsuspend ada`"):
        database.transact(lambda db: suspensions.unsuspend(db, "ada"))
    with database.read() as db:
        assert ids_of(db) == []


def test_members_see_nothing_of_a_suspended_user_and_admins_may_change_them(database: Database) -> None:
    [ada, bob] = register(database, "ada", "bob")
    root = make_admin(database)
    database.transact(lambda db: suspensions.suspend(db, "ada"))
    with database.write() as db:
        for read in (users.get_for_update, users_removal.get_for_removal):
            with pytest.raises(NotFound):
                read(db, "ada", principal=bob)
            assert read(db, "ada", principal=root).id == ada.id
        for viewer in (None, bob):
            with pytest.raises(NotFound):
                users.require_visible(users.get(db, "ada"), viewer)
        with pytest.raises(Forbidden):
            users.get_for_update(db, "root", principal=bob)


def test_an_admin_changes_posts_of_a_suspended_user_which_stay_hidden(database: Database) -> None:
    [ada] = register(database, "ada")
    root = make_admin(database)
    with database.write() as db:
        public = publish(db, ada, published_at=EARLIER)
        draft, unpublished = publish(db, ada, published_at=None), publish(db, ada)
    database.transact(lambda db: suspensions.suspend(db, "ada"))

    def revise(post_id: int, **changes: Any) -> Any:
        return database.transact(
            lambda db: posts.revise(db, posts.get_for_update(db, post_id, principal=root), **changes)
        )

    unchanged = revise(public, published_at=EARLIER)
    assert (unchanged.published_at, unchanged.listed_at) == (EARLIER, None)
    assert revise(public, title="new").published_at == EARLIER
    assert revise(draft, published_at=EARLIER).published_at == EARLIER
    assert revise(unpublished, published_at=None).published_at is None
    with database.write() as db:
        added = posts.publish(
            db, author_id=ada.id, title="t", body="", tags=["x"], published_at=EARLIER, is_withheld=True
        )
        assert (added.published_at, added.listed_at) == (EARLIER, None)
        assert posts.get(db, added.id, viewer=root) == added
        assert visible_to_all(db)[:4] == [[], [], [], []]
    database.transact(lambda db: suspensions.unsuspend(db, "ada"))
    with database.read() as db:
        assert ids_of(db) == [added.id, draft, public]
        assert ids_of(db, tag="x") == [added.id, draft, public]


def test_no_change_is_omitted_after_the_removal_of_a_post_that_was_never_public(database: Database) -> None:
    """On SQLite, the next change would get its position, which clients have read."""
    ada, bob = register(database, "ada", "bob")
    root = make_admin(database)
    with database.write() as db:
        public, hidden = publish(db, bob, published_at=EARLIER), publish(db, ada, published_at=None)
    database.transact(lambda db: suspensions.suspend(db, "ada"))

    def change(post_id: int, **values: Any) -> None:
        database.transact(lambda db: posts.revise(db, posts.get_for_update(db, post_id, principal=root), **values))

    change(public, title="second")
    change(hidden, published_at=EARLIER)
    since = feed_end(database)
    database.transact(lambda db: posts.remove(db, posts.get_for_update(db, hidden, principal=root)))
    change(public, title="third")
    with database.read() as db:
        found = {each.id: each.post for each in changes.posts_page(db, since=since, limit=100).changes}
    assert found[public].title == "third"  # type: ignore[union-attr] # it is public


def test_a_suspension_is_not_earlier_than_the_user_although_the_clock_is(database: Database) -> None:
    created_at = now() + timedelta(minutes=2)
    with database.write() as db:
        users.register(db, username="ada", created_at=created_at)
        suspensions.suspend(db, "ada")
    with database.read() as db:
        assert [each.suspended_at for each in archive.all_users(db)] == [created_at]


def test_a_suspended_user_can_be_removed(database: Database) -> None:
    [ada] = register(database, "ada")
    with database.write() as db:
        post = publish(db, ada)
    since = feed_end(database)
    database.transact(lambda db: suspensions.suspend(db, "ada"))
    assert users_removal.remove_in_batches(database.transact, "ada", with_posts=True) == {"posts": 1}
    with database.read() as db:
        assert suspensions.page(db, limit=9).rows == []
        assert [change.id for change in changes.posts_page(db, since=since, limit=9).changes] == [post]


@pytest.mark.parametrize("suspended", [True, False])
def test_a_command_ends_if_another_one_does_the_opposite(
    database: Database, monkeypatch: pytest.MonkeyPatch, suspended: bool
) -> None:
    monkeypatch.setattr(users_content, "BATCH_SECONDS", 0)
    [ada] = register(database, "ada")
    with database.write() as db:
        ids = [publish(db, ada, published_at=EARLIER) for _ in range(30)]
    run, opposite = suspensions.suspend_in_batches, suspensions.unsuspend
    if not suspended:
        database.transact(lambda db: suspensions.suspend(db, "ada"))
        run, opposite = suspensions.unsuspend_in_batches, suspensions.suspend
    transactions = iter(range(99))

    def transact(work: Any) -> Any:
        if next(transactions) == 2:
            database.transact(lambda db: opposite(db, "ada"))
        return database.transact(work)

    with pytest.raises(UserSuspended, match="by another command or request"):
        run(transact, "ada")
    with database.read() as db:
        assert ids_of(db) == ([*reversed(ids)] if suspended else [])


@pytest.mark.parametrize("suspends", [True, False])
def test_an_interrupted_command_is_completed_by_running_it_again(
    database: Database, monkeypatch: pytest.MonkeyPatch, suspends: bool
) -> None:
    monkeypatch.setattr(users_content, "BATCH_SECONDS", 0)
    [ada] = register(database, "ada")
    with database.write() as db:
        ids = [publish(db, ada, published_at=EARLIER) for _ in range(30)]
    run = suspensions.suspend_in_batches
    if not suspends:
        database.transact(lambda db: suspensions.suspend(db, "ada"))
        run = suspensions.unsuspend_in_batches
    transactions = iter(range(99))

    def transact(work: Any) -> Any:
        if next(transactions) == 2:
            raise KeyboardInterrupt
        return database.transact(work)

    with pytest.raises(KeyboardInterrupt):
        run(transact, "ada")
    with database.read() as db:
        assert 0 < len(ids_of(db)) < 30
        assert (users.get(db, "ada").suspended_at is not None) == suspends
    run(database.transact, "ada")
    with database.read() as db:
        assert ids_of(db) == ([] if suspends else ids[::-1])


def test_a_post_that_is_published_concurrently_is_hidden_too(postgresql_database: Database) -> None:
    """On PostgreSQL, because SQLite has one writer at a time."""
    [ada] = register(postgresql_database, "ada")
    with postgresql_database.write() as db:
        sign_in(db, ada)
    with ThreadPoolExecutor(1) as threads:
        with postgresql_database.write() as db:
            assert tokens_use.lock_and_find_user(db, HASH)
            publish(db, ada)
            suspension = threads.submit(postgresql_database.transact, lambda other: suspensions.suspend(other, "ada"))
            with pytest.raises(TimeoutError):
                suspension.result(0.3)
        suspension.result()
    with postgresql_database.read() as db:
        assert ids_of(db) == []


def test_an_admin_who_changes_a_post_and_a_suspension_wait_for_each_other(postgresql_database: Database) -> None:
    """If the admin locked the post first, each would wait for the other."""
    [ada] = register(postgresql_database, "ada")
    root = make_admin(postgresql_database)
    with postgresql_database.write() as db:
        post_id = publish(db, ada, published_at=None)
    with ThreadPoolExecutor(1) as threads:
        with postgresql_database.write() as db:
            post = posts.get_for_update(db, post_id, principal=root)
            suspension = threads.submit(postgresql_database.transact, lambda other: suspensions.suspend(other, "ada"))
            with pytest.raises(TimeoutError):
                suspension.result(0.3)
            posts.revise(db, post, published_at=EARLIER)
        suspension.result()
        with postgresql_database.write() as db:
            suspensions.unsuspend(db, "ada")
            suspensions.suspend(db, "ada")
            revision = threads.submit(
                postgresql_database.transact,
                lambda other: posts.revise(
                    other, posts.get_for_update(other, post_id, principal=root), published_at=now()
                ),
            )
            with pytest.raises(TimeoutError):
                revision.result(0.3)
        assert revision.result().listed_at is None
    with postgresql_database.read() as db:
        assert ids_of(db) == []
