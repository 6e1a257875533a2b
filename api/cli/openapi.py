"""`pressroom openapi`."""

from typing import IO

import click
from flask.cli import AppGroup

from api.http.application import current_application

openapi = AppGroup("openapi", help="The OpenAPI document.")


@openapi.command("print")
def print_() -> None:
    """Print the OpenAPI document."""
    click.echo(current_application().openapi_document(), nl=False)


@openapi.command()
@click.argument("file", type=click.File("w"))
def write(file: IO[str]) -> None:
    """Write the OpenAPI document to FILE."""
    file.write(current_application().openapi_document())
