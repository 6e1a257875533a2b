"""`pressroom posts`."""

import click
from flask.cli import AppGroup

from api import constraints
from api.cli.terminal import Number
from api.http.application import current_application
from api.store import posts_removal

posts = AppGroup("posts", help="Manage posts.")


@posts.command()
@click.argument("post_id", type=Number(1, constraints.ID_MAX))
def remove(post_id: int) -> None:
    """Delete a post with its comments and likes, however many.

    Permanently. They are deleted in short transactions, between which others can write. If it is interrupted, run it
    again.
    """
    database = current_application().database.require_current_schema()
    removed = posts_removal.remove_in_batches(database.transact, post_id)
    click.echo(f"Removed post {post_id}{''.join(f' and {number} {name}' for name, number in removed.items())}.")
