"""gunicorn's entry point."""

import os
from pathlib import Path

from flask import Response
from gunicorn.errors import AppImportError
from gunicorn.http.errors import NoMoreData, ParseException

from api.app import create_app
from api.http.application import Application
from api.http.problems import problem_response
from api.metrics import DIRECTORY_VARIABLE
from api.settings import InvalidSetting
from api.store.engine import start
from api.store.errors import Unavailable


def application() -> Application:
    """Create the application, migrate an SQLite database, and open the access log.

    `AppImportError`, with which gunicorn exits with a one-line message instead of a traceback. A worker that replaces
    another creates no database: if the old one is gone, its clients get 503. Nor does it wait for PostgreSQL.
    """
    try:
        app = create_app()
        register_parse_errors(app)
        _open_database(app)
        if app.access_log:
            app.access_log.open()
    except InvalidSetting as error:
        raise AppImportError(str(error)) from error
    except Unavailable as error:
        raise AppImportError(error.message_for_operators) from error
    return app


def _open_database(app: Application) -> None:
    directory = os.environ.get(DIRECTORY_VARIABLE)
    is_replacement = bool(directory and Path(directory, "served").exists())
    try:
        app.database.migrate_if_embedded(create=not is_replacement)
        if not is_replacement:
            start.require_usable_server(app.database)
    except Unavailable as error:
        if not is_replacement:
            raise
        # If its first worker does not start, gunicorn exits; then clients would get no response at all.
        app.logger.error("%s", error.message_for_operators)  # noqa: TRY400 (it needs no traceback)


def register_parse_errors(app: Application) -> None:
    """Make a malformed chunked body, which gunicorn reports when it is read, 400 instead of 500."""
    for error in (ParseException, NoMoreData):
        app.register_error_handler(error, _malformed_chunks)


def _malformed_chunks(_error: Exception) -> Response:
    detail = "The chunked body is malformed (RFC 9112, section 7.1). Correct its framing."
    return problem_response(400, detail, headers=[("Connection", "close")])
