"""`pressroom openapi`."""

import click
from flask.cli import AppGroup

from api.cli.output import open_output
from api.cli.terminal import FilePath
from api.http.application import current_application

openapi = AppGroup("openapi", help="The OpenAPI document.")


@openapi.command("print")
def print_() -> None:
    """Print the OpenAPI document."""
    # JSON is UTF-8 whatever the locale is (RFC 8259, section 8.1).
    with open_output("-") as stream:
        stream.write(current_application().openapi_document().encode())


@openapi.command()
@click.argument("file", type=FilePath(allow_dash=True))
def write(file: str) -> None:
    """Write the OpenAPI document to FILE, which is replaced once it is complete."""
    document = current_application().openapi_document()
    with open_output(file, private=False) as stream:
        stream.write(document.encode())
