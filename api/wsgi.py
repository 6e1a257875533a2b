"""gunicorn's entry point."""

from flask import Response
from gunicorn.errors import AppImportError
from gunicorn.http.errors import NoMoreData, ParseException

from api.app import create_app
from api.http.application import Application
from api.http.problems import problem_response
from api.settings import InvalidSetting
from api.store.errors import Unavailable


def application() -> Application:
    """Create the application, migrate an SQLite database, and open the access log.

    `AppImportError`, with which gunicorn exits with a one-line message instead of a traceback.
    """
    try:
        app = create_app()
        register_parse_errors(app)
        app.database.migrate_if_embedded()
        if app.access_log:
            app.access_log.open()
    except InvalidSetting as error:
        raise AppImportError(str(error)) from error
    except Unavailable as error:
        raise AppImportError(error.message_for_operators) from error
    return app


def register_parse_errors(app: Application) -> None:
    """Make a malformed chunked body, which gunicorn reports when it is read, 400 instead of 500."""
    for error in (ParseException, NoMoreData):
        app.register_error_handler(error, _malformed_chunks)


def _malformed_chunks(_error: Exception) -> Response:
    detail = "The chunked body is malformed (RFC 9112, section 7.1). Correct its framing."
    return problem_response(400, detail, headers=[("Connection", "close")])
