"""`pressroom users`."""

from collections import Counter

import click
from flask.cli import AppGroup
from marshmallow import ValidationError

from api.cli.output import open_or_create_database
from api.cli.terminal import Text, password_options, read_password
from api.http.application import current_application
from api.passwords import hash_password
from api.schemas.problems import flatten_messages
from api.schemas.users import NewPassword, UserCreate
from api.store import accounts, credentials, suspensions, tokens_use, users_content
from api.store import users as stored
from api.store import users_removal as removal
from api.store.errors import UserHasPosts

USERS_PER_QUERY = 1_000

users = AppGroup("users", help="Manage accounts.")


@users.command()
@click.argument("username", type=Text())
@click.option("--display-name", type=Text(), help="Name shown to readers; defaults to the username.")
@click.option("--bio", type=Text(), default="", help="A few words about the user.")
@password_options("Password to sign in with")
def create(username: str, display_name: str | None, bio: str, password: str | None, *, password_stdin: bool) -> None:
    """Register a user.

    Prompts for the password unless an option provides it. Creates an SQLite database that does not exist.
    """
    account = {"username": username, "password": read_password(password, password_stdin=password_stdin), "bio": bio}
    try:
        account = UserCreate().load(account if display_name is None else {**account, "display_name": display_name})
    except ValidationError as error:
        raise click.UsageError(_details(error)) from error
    account["password_hash"] = hash_password(account.pop("password"))
    database = open_or_create_database()
    click.echo(f"Registered {database.transact(lambda db: stored.register(db, **account)).username}.")


@users.command()
@click.argument("username", type=Text())
@password_options("New password to sign in with")
def set_password(username: str, password: str | None, *, password_stdin: bool) -> None:
    """Set a user's password and revoke all their tokens.

    Prompts for the password unless an option provides it. Users imported without accounts have no password until then.
    """
    try:
        content = NewPassword().load({"password": read_password(password, password_stdin=password_stdin)})
    except ValidationError as error:
        raise click.UsageError(_details(error)) from error
    password_hash = hash_password(content["password"])
    database = current_application().database.require_current_schema()
    database.transact(lambda db: credentials.change(db, credentials.get(db, username), password_hash))
    click.echo(f"Set the password of {username} and revoked all their tokens.")


@users.command()
@click.argument("username", type=Text())
def promote(username: str) -> None:
    """Make a user an admin.

    Admins may change and delete all users and posts, and register users.
    """
    _assign_role(username, "admin")


@users.command()
@click.argument("username", type=Text())
def demote(username: str) -> None:
    """Make an admin a member again.

    When the command ends, no request of theirs is left that began as an admin's.
    """
    _assign_role(username, "member")


@users.command()
@click.argument("username", type=Text())
@click.option("--posts", "with_posts", is_flag=True, help="Delete the user's posts, too, however many.")
def remove(username: str, *, with_posts: bool) -> None:
    """Delete a user with their tokens, comments, likes and follows.

    Permanently, and only without posts unless --posts is given. The user is signed out first and can no longer sign in.
    What they have is deleted in short transactions, between which others can write. If it is interrupted, run it again.
    """
    database = current_application().database.require_current_schema()
    try:
        removed = removal.remove_in_batches(database.transact, username, with_posts=with_posts)
    except UserHasPosts as error:
        raise click.ClickException(
            f"{username} has posts, drafts included. Add --posts to delete them, too."
        ) from error
    click.echo(f"Removed {username} and {users_content.describe(removed)}." if removed else f"Removed {username}.")


@users.command("list")
@click.option("--suspended", is_flag=True, help="List only suspended users.")
def list_(*, suspended: bool) -> None:
    """List all users, newest first.

    A line for each, with columns separated by tabs: username, role, when they registered, and when they were suspended,
    or `-`.
    """
    database, cursor = current_application().database.require_current_schema(), None
    while True:
        with database.read() as db:
            page = accounts.page(db, limit=USERS_PER_QUERY, cursor=cursor)
        for user in page.rows:
            if user.suspended_at or not suspended:
                times = (
                    time.isoformat(timespec="seconds") if time else "-" for time in (user.created_at, user.suspended_at)
                )
                click.echo("\t".join((user.username, user.role, *times)))
        if (cursor := page.next_cursor) is None:
            return


@users.command()
@click.argument("username", type=Text())
def suspend(username: str) -> None:
    """Suspend a user, and hide what they wrote.

    They can no longer sign in, and their tokens are revoked. Posts are hidden in short transactions, between which
    others can write. If it is interrupted, run it again.
    """
    database = current_application().database.require_current_schema()
    _report("Suspended", username, "hid", suspensions.suspend_in_batches(database.transact, username))


@users.command()
@click.argument("username", type=Text())
def unsuspend(username: str) -> None:
    """End a suspension, and show again what the user wrote.

    Posts are shown in short transactions, between which others can write. If it is interrupted, run it again.
    """
    database = current_application().database.require_current_schema()
    _report("Unsuspended", username, "showed", suspensions.unsuspend_in_batches(database.transact, username))


def _report(done: str, username: str, verb: str, changed: Counter[str]) -> None:
    click.echo(f"{done} {username} and {verb} {users_content.describe(changed)}." if changed else f"{done} {username}.")


def _assign_role(username: str, role: str) -> None:
    database = current_application().database.require_current_schema()
    user = database.transact(lambda db: accounts.set_role(db, username, role))
    database.transact(lambda db: tokens_use.wait_until_unused(db, user_id=user.id))
    click.echo(f"{user.username} is {'an' if role == 'admin' else 'a'} {role}.")


def _details(error: ValidationError) -> str:
    return " ".join(f"{path[0]}: {detail}" for path, detail in flatten_messages(error.messages))
