"""The tags of published posts in the database."""

from datetime import UTC, datetime, timedelta

from api.store import posts, tags
from api.store.columns import now
from api.store.engine.connections import Connection
from api.store.users import User


def test_tags_have_the_time_of_the_latest_public_post(db: Connection, ada: User) -> None:
    old, recent, later = datetime(2020, 1, 1, tzinfo=UTC), now() - timedelta(days=1), now() + timedelta(days=1)
    for published_at, names in ((old, ["a", "b"]), (recent, ["b"]), (later, ["b", "c"]), (None, ["a", "d"])):
        posts.publish(db, author_id=ada.id, title="t", body="", tags=names, published_at=published_at)
    page = tags.page(db, limit=9)
    assert (page.rows, page.next_cursor) == ([tags.Tag("a", old), tags.Tag("b", recent)], None)
    first = tags.page(db, limit=1)
    assert (first.rows, first.next_cursor) == ([tags.Tag("a", old)], "a")
    assert tags.page(db, limit=1, cursor="a").rows == [tags.Tag("b", recent)]
    assert tags.page(db, limit=1, cursor="zz") == ([], None)
