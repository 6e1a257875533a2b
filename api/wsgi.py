"""What a worker of gunicorn's loads."""

from gunicorn.errors import AppImportError

from api.app import create_app
from api.http.application import Application
from api.settings import InvalidSetting
from api.store.errors import Unavailable


def application() -> Application:
    """The application. What keeps it from starting ends gunicorn with a sentence, and not with a traceback."""
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
