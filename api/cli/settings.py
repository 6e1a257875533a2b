"""`pressroom settings`."""

import os
from typing import Any

import click

from api.cli.terminal import escape_controls
from api.other_variables import OTHER_VARIABLES
from api.settings import Settings, read_worker_count


@click.command()
def settings() -> None:
    """Print each setting: its variable, its value, its default, and what it is for.

    Of a URL that may have a password, only the scheme is printed. Invalid values are reported at the end.
    """
    for name, field in Settings.variables().items():
        _print(name, field.default, field.metadata["description"], is_secret=field.metadata["is_secret"])
    for name, default, description, is_secret in OTHER_VARIABLES:
        _print(name, default, description, is_secret=is_secret)
    Settings.from_environment()
    read_worker_count()


def _print(name: str, default: Any, description: str, *, is_secret: bool) -> None:
    standard = ",".join(default) if isinstance(default, tuple) else str(default)
    text = os.environ.get(name, standard)
    note = "default" if text == standard else f"default: {standard or 'none'}"
    shown = _hide(text) if is_secret and text != standard else text
    click.echo(f"{name}: {escape_controls(shown) or 'none'} ({note})\n    {description}")


def _hide(url: str) -> str:
    # The path of an SQLite file is no secret, and says which one is meant.
    scheme, separator, _ = url.partition("://")
    return url if scheme == "sqlite" else f"{scheme if separator else ''}{separator}… (hidden)"
