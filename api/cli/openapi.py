"""`pressroom openapi`."""

import click
from flask.cli import AppGroup

from api.cli.output import open_output
from api.http.application import current_application

openapi = AppGroup("openapi", help="The OpenAPI document.")


@openapi.command("print")
def print_() -> None:
    """Print the OpenAPI document."""
    click.echo(current_application().openapi_document(), nl=False)


@openapi.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
def write(file: str) -> None:
    """Write the OpenAPI document to FILE, which is replaced once it is complete."""
    document = current_application().openapi_document()
    with open_output(file, private=False) as stream:
        stream.write(document.encode())
