"""gunicorn's entry point."""

from gunicorn.errors import AppImportError

from api.app import create_app
from api.http.application import Application
from api.settings import InvalidSetting
from api.store.errors import Unavailable


def application() -> Application:
    """Create the application, migrate an SQLite database, and open the access log.

    `AppImportError`, with which gunicorn exits with a one-line message instead of a traceback.
    """
    try:
        app = create_app()
        app.database.migrate_if_embedded()
        if app.access_log:
            app.access_log.open()
    except InvalidSetting as error:
        raise AppImportError(str(error)) from error
    except Unavailable as error:
        raise AppImportError(error.explained) from error
    return app
