"""Users, as they are kept."""

import sqlite3

import psycopg
import pytest

from api.store import credentials, posts, users
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.errors import (
    Forbidden,
    NotFound,
    PreconditionFailed,
    Unavailable,
    UserHasPosts,
    UsernameTaken,
    WrongPassword,
)
from api.store.users import User
from tests.store.conftest import savepoint


def test_a_user_is_kept(db: Connection) -> None:
    kept = users.register(db, username="ada", display_name="Ada", bio="Engines.", password_hash="hash")
    assert (kept.username, kept.display_name, kept.bio, kept.version) == ("ada", "Ada", "Engines.", 1)
    assert users.get(db, "ada") == kept


def test_the_username_stands_in_for_a_display_name(db: Connection, ada: User) -> None:
    assert ada.display_name == "ada"


def test_a_password_hash_is_only_among_credentials(db: Connection) -> None:
    kept = users.register(db, username="ada", password_hash="hash")
    assert "password_hash" not in kept._asdict()
    assert credentials.get(db, "ada")._asdict() == {"id": kept.id, "username": "ada", "password_hash": "hash"}
    with pytest.raises(NotFound):
        credentials.get(db, "bob")


def test_a_username_can_be_taken_once(db: Connection, ada: User) -> None:
    with pytest.raises(UsernameTaken, match="'ada' is taken"), savepoint(db):
        users.register(db, username="ada")


def test_there_is_nobody_of_another_name(db: Connection, ada: User) -> None:
    with pytest.raises(NotFound, match="no user 'bob'"):
        users.get(db, "bob")


def test_users_revise_themselves(db: Connection, ada: User) -> None:
    revised = users.revise(db, ada, display_name="Ada")
    assert (revised.display_name, revised.bio, revised.version) == ("Ada", "", 2)
    assert revised.updated_at > ada.updated_at


def test_users_do_not_change_each_other(db: Connection, ada: User, bob: User) -> None:
    assert users.get_for_update(db, "ada", principal=ada) == ada
    with pytest.raises(Forbidden):
        users.get_for_update(db, "ada", principal=bob)


def test_who_read_them_before_a_change_cannot_undo_that_change(db: Connection, ada: User) -> None:
    revised = users.revise(db, ada, bio="new")
    with pytest.raises(PreconditionFailed):
        users.revise(db, ada, display_name="old")
    with pytest.raises(PreconditionFailed):
        users.remove(db, ada)
    assert users.get(db, "ada") == revised


def test_a_user_with_posts_stays(db: Connection, ada: User) -> None:
    post = posts.publish(db, author_id=ada.id, title="t", body="b", tags=[], published_at=None)
    with pytest.raises(UserHasPosts, match="still has posts"), savepoint(db):
        users.remove(db, ada)
    posts.remove(db, post)
    users.remove(db, ada)
    with pytest.raises(NotFound):
        users.get(db, "ada")


def test_admins_may_change_everybody_and_everything(db: Connection, ada: User, bob: User) -> None:
    draft = posts.publish(db, author_id=bob.id, title="t", body="b", tags=[], published_at=None)
    admin = users.set_role(db, "ada", "admin")
    assert users.get_for_update(db, "bob", principal=admin) == bob
    assert posts.get_for_update(db, draft.id, principal=admin) == posts.get(db, draft.id, viewer=admin) == draft
    member = users.set_role(db, "ada", "member")
    with pytest.raises(Forbidden):
        users.get_for_update(db, "bob", principal=member)
    with pytest.raises(NotFound):
        users.set_role(db, "nobody", "admin")


def test_there_is_no_other_role(db: Connection, ada: User) -> None:
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)), savepoint(db):
        users.set_role(db, "ada", "owner")


def test_a_password_is_changed_by_who_knows_the_current_one(db: Connection, ada: User) -> None:
    proven = credentials.get(db, "ada")
    credentials.change(db, proven, "new")
    assert credentials.get(db, "ada").password_hash == "new"
    with pytest.raises(WrongPassword):
        credentials.change(db, proven, "newer")
    with pytest.raises(WrongPassword):
        credentials.rehash(db, proven, "newer")
    assert credentials.get(db, "ada").password_hash == "new"


def test_who_has_no_password_can_be_given_one(db: Connection) -> None:
    users.register(db, username="imported")
    credentials.change(db, credentials.get(db, "imported"), "new")
    assert credentials.get(db, "imported").password_hash == "new"


def test_who_is_held_stays(impatient: Database) -> None:
    """On SQLite nobody else writes meanwhile."""
    with impatient.write() as db:
        ada = users.register(db, username="ada")
    with impatient.write() as db:
        assert users.lock(db, "ada").id == ada.id
        with pytest.raises(Unavailable), impatient.write() as other:
            users.remove(other, ada)
        with impatient.write() as other:
            posts.publish(other, author_id=ada.id, title="t", body="b", tags=[], published_at=None)
