"""`pressroom import` and `pressroom export`."""

import sys
from collections import Counter
from pathlib import Path
from typing import IO

import click
from flask.cli import with_appcontext

from api import archive
from api.atomic import atomic_write
from api.http.application import current_application
from api.store.engine.connections import Connection


@click.command("import")
@click.argument(
    "files", type=click.Path(exists=True, dir_okay=False, allow_dash=True), nargs=-1, required=True, metavar="FILE…"
)
@with_appcontext
def import_(files: tuple[str, ...]) -> None:
    """Keep the users and posts of FILE…, lines of JSON as `export` writes them; `-` is standard input.

    What is there already stays as it is, so the same file can be imported again. A user is identified by username, a
    post by author, title and published_at, and it keeps its id if that is free. Bad lines are told by number, and all
    others kept.
    """
    kept, totals, problems = current_application().database.migrate_if_embedded(), Counter[str](), list[str]()
    try:
        for name in files:
            size = 0 if name == "-" else Path(name).stat().st_size
            with (
                click.open_file(name, "rb") as file,
                click.progressbar(length=size, label=name, file=sys.stderr) as bar,
            ):
                for outcome in archive.load(kept, file):
                    bar.update(outcome.size)
                    totals[outcome.result] += 1
                    if outcome.problem:
                        problems.append(f"{name}:{outcome.number}: {outcome.problem}")
    finally:
        for problem in problems:
            click.echo(problem, err=True)
        click.echo(f"{totals['kept']} kept, {totals['present']} present already, {totals['bad']} bad.")
    if totals["bad"]:
        raise SystemExit(1)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, writable=True, allow_dash=True), default="-")
@with_appcontext
def export(file: str) -> None:
    """Write all users and posts to FILE or standard output, a line of JSON each.

    Accounts travel without their passwords. FILE is replaced when all is written.
    """
    with current_application().database.require_current_schema().snapshot() as db:
        # A device or pipe is written to, not replaced.
        if file == "-" or (Path(file).exists() and not Path(file).is_file()):
            with click.open_file(file, "wb") as stream:
                _write(stream, db)
            return
        with atomic_write(file) as unfinished, unfinished.open("wb") as stream:
            _write(stream, db)


def _write(stream: IO[bytes], db: Connection) -> None:
    stream.writelines(f"{line}\n".encode() for line in archive.export(db))
