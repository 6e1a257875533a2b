"""`pressroom import` and `pressroom export`."""

import sys
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import click
from flask.cli import with_appcontext

from api import archive
from api.cli.output import open_or_create_database, open_output
from api.cli.terminal import FilePath, binary_input, escape_controls
from api.http.application import current_application


@click.command("import")
@click.argument("files", type=FilePath(exists=True, allow_dash=True), nargs=-1, required=True, metavar="FILE…")
@with_appcontext
def import_(files: tuple[str, ...]) -> None:
    """Import users, posts, comments, likes and follows from NDJSON files.

    The lines are those that `export` writes; `-` is standard input.

    Records that are already present are skipped, so a file can be imported again. Users are identified by username,
    posts by author, title and published_at, comments by post, author and created_at, likes by user and post, follows
    by both users. A post keeps its id if that is free. Tokens are imported only with their user. Lines with errors are
    reported by number; all others are imported.
    """
    database, counts, errors = open_or_create_database(), Counter[str](), list[str]()
    try:
        for name in files:
            size = 0 if name == "-" else Path(name).stat().st_size
            with (
                nullcontext(binary_input()) if name == "-" else Path(name).open("rb") as file,
                click.progressbar(length=size, label=name, file=sys.stderr) as bar,
            ):
                for outcome in archive.import_(database, file):
                    bar.update(outcome.size)
                    counts[outcome.result] += 1
                    if outcome.error:
                        errors.append(f"{name}:{outcome.number}: {outcome.error}")
    finally:
        for error in errors:
            click.echo(escape_controls(error), err=True)
        if left_out := counts["left out"]:
            click.echo(f"Left out {left_out} token(s): their users were there before, or are suspended.", err=True)
        click.echo(f"Imported {counts['imported']}, skipped {counts['skipped']} already present, {len(errors)} errors.")
    if errors:
        raise SystemExit(1)


@click.command()
@click.argument("file", type=FilePath(allow_dash=True), default="-")
@click.option(
    "--accounts", is_flag=True, help="Add password hashes, roles and tokens. Keep the file as secret as the database."
)
@with_appcontext
def export(file: str, *, accounts: bool) -> None:
    """Export all users, posts, comments, likes and follows to FILE or standard output.

    Each is a line of JSON, without passwords. FILE is replaced once everything has been written, and only its owner can
    read it.
    """
    with current_application().database.require_current_schema().snapshot() as db, open_output(file) as stream:
        stream.writelines(archive.export(db, accounts=accounts))
