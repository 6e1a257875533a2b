"""`pressroom users`: accounts, at a terminal."""

import click
from flask.cli import AppGroup
from marshmallow import ValidationError

from api.http.application import current_application
from api.passwords import hash_password
from api.schemas.problems import flatten_messages
from api.schemas.users import NewPassword, UserCreate
from api.store import credentials
from api.store import users as stored

users = AppGroup("users", help="Who writes.")


@users.command()
@click.argument("username")
@click.option("--display-name", help="The name that readers see; the username if left out.")
@click.option("--bio", default="", help="A few words about the user.")
@click.password_option(help="What to sign in with; asked for if left out.")
def create(username: str, display_name: str | None, bio: str, password: str) -> None:
    """Register a user."""
    account = {"username": username, "password": password, "bio": bio}
    try:
        account = UserCreate().load(account if display_name is None else {**account, "display_name": display_name})
    except ValidationError as error:
        raise click.UsageError(_told(error)) from error
    account["password_hash"] = hash_password(account.pop("password"))
    with current_application().database.migrate_if_embedded().write() as db:
        click.echo(f"{stored.register(db, **account).username} is registered.")


@users.command()
@click.argument("username")
@click.password_option(help="What to sign in with from now on; asked for if left out.")
def set_password(username: str, password: str) -> None:
    """Replace a user's password, or give one to somebody imported. All their tokens are revoked."""
    try:
        wanted = NewPassword().load({"password": password})
    except ValidationError as error:
        raise click.UsageError(_told(error)) from error
    password_hash = hash_password(wanted["password"])
    with current_application().database.require_current_schema().write() as db:
        credentials.change(db, credentials.get(db, username), password_hash)
    click.echo(f"{username} has a new password, and no tokens.")


@users.command()
@click.argument("username")
def promote(username: str) -> None:
    """Make a user an admin, who may change and remove all posts and users, and register users."""
    _assign(username, "admin")


@users.command()
@click.argument("username")
def demote(username: str) -> None:
    """Make an admin a member again."""
    _assign(username, "member")


def _assign(username: str, role: str) -> None:
    with current_application().database.require_current_schema().write() as db:
        click.echo(f"{stored.set_role(db, username, role).username} is {'an' if role == 'admin' else 'a'} {role}.")


def _told(error: ValidationError) -> str:
    return " ".join(f"{path[0]}: {detail}" for path, detail in flatten_messages(error.messages))
