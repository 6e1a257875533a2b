"""Users and their credentials in the database."""

import sqlite3

import psycopg
import pytest

from api.store import accounts, credentials, posts, users, users_removal
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


def test_registered_users_are_stored(db: Connection) -> None:
    user = users.register(db, username="ada", display_name="Ada", bio="Engines.", password_hash="hash")
    assert (user.username, user.display_name, user.bio, user.role) == ("ada", "Ada", "Engines.", "member")
    assert users.get(db, "ada") == user


def test_the_display_name_defaults_to_the_username(db: Connection, ada: User) -> None:
    assert ada.display_name == "ada"


def test_only_credentials_have_the_password_hash(db: Connection) -> None:
    user = users.register(db, username="ada", password_hash="hash")
    assert "password_hash" not in user._asdict()
    assert credentials.get(db, "ada")._asdict() == {"id": user.id, "username": "ada", "password_hash": "hash"}
    with pytest.raises(NotFound):
        credentials.get(db, "bob")


def test_a_username_cannot_be_registered_twice(db: Connection, ada: User) -> None:
    with pytest.raises(UsernameTaken, match="'ada' is taken"), savepoint(db):
        users.register(db, username="ada")


def test_unknown_users_are_not_found(db: Connection, ada: User) -> None:
    with pytest.raises(NotFound, match="no user 'bob'"):
        users.get(db, "bob")


def test_revise_changes_the_given_columns_and_the_revision(db: Connection, ada: User) -> None:
    revised = users.revise(db, ada, display_name="Ada")
    assert (revised.display_name, revised.bio, revised.revision != ada.revision) == ("Ada", "", True)
    assert revised.updated_at > ada.updated_at


def test_revise_with_the_stored_values_changes_nothing(db: Connection, ada: User) -> None:
    assert users.revise(db, ada, display_name="ada", bio="") is ada
    assert users.get(db, "ada") == ada


def test_members_may_change_only_themselves(db: Connection, ada: User, bob: User) -> None:
    assert users.get_for_update(db, "ada", principal=ada) == ada
    with pytest.raises(Forbidden):
        users.get_for_update(db, "ada", principal=bob)


def test_a_user_changed_since_the_read_is_not_overwritten_or_removed(db: Connection, ada: User) -> None:
    revised = users.revise(db, ada, bio="new")
    with pytest.raises(PreconditionFailed):
        users.revise(db, ada, display_name="old")
    with pytest.raises(PreconditionFailed):
        users_removal.delete(db, ada)
    assert users.get(db, "ada") == revised


def test_users_with_posts_cannot_be_removed(db: Connection, ada: User) -> None:
    post = posts.publish(db, author_id=ada.id, title="t", body="b", tags=[], published_at=None)
    with pytest.raises(UserHasPosts, match="still has posts"), savepoint(db):
        users_removal.delete(db, ada)
    posts.remove(db, post)
    users_removal.delete(db, ada)
    with pytest.raises(NotFound):
        users.get(db, "ada")


def test_admins_may_change_all_users_and_posts(db: Connection, ada: User, bob: User) -> None:
    draft = posts.publish(db, author_id=bob.id, title="t", body="b", tags=[], published_at=None)
    admin = accounts.set_role(db, "ada", "admin")
    assert users.get_for_update(db, "bob", principal=admin) == bob
    assert posts.get_for_update(db, draft.id, principal=admin) == posts.get(db, draft.id, viewer=admin) == draft
    member = accounts.set_role(db, "ada", "member")
    with pytest.raises(Forbidden):
        users.get_for_update(db, "bob", principal=member)
    with pytest.raises(NotFound):
        accounts.set_role(db, "eve", "admin")


def test_the_database_rejects_unknown_roles(db: Connection, ada: User) -> None:
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)), savepoint(db):
        accounts.set_role(db, "ada", "owner")


def test_a_password_changed_since_the_read_is_not_overwritten(db: Connection, ada: User) -> None:
    read = credentials.get(db, "ada")
    credentials.change(db, read, "new")
    assert credentials.get(db, "ada").password_hash == "new"
    with pytest.raises(WrongPassword):
        credentials.change(db, read, "newer")
    with pytest.raises(WrongPassword):
        credentials.rehash(db, read, "newer")
    assert credentials.get(db, "ada").password_hash == "new"


def test_users_without_a_password_can_be_given_one(db: Connection) -> None:
    users.register(db, username="imported")
    credentials.change(db, credentials.get(db, "imported"), "new")
    assert credentials.get(db, "imported").password_hash == "new"


def test_locked_users_cannot_be_removed(impatient: Database) -> None:
    """On PostgreSQL only, because SQLite has one writer at a time."""
    with impatient.write() as db:
        ada = users.register(db, username="ada")
    with impatient.write() as db:
        assert users.lock(db, "ada").id == ada.id
        with pytest.raises(Unavailable), impatient.write() as other:
            users_removal.delete(other, ada)
        with impatient.write() as other:
            posts.publish(other, author_id=ada.id, title="t", body="b", tags=[], published_at=None)
