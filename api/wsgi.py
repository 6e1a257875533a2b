"""What a worker of gunicorn's loads."""

from flask import Flask
from gunicorn.errors import AppImportError

from api.app import create_app
from api.settings import InvalidSetting
from api.store.errors import Unavailable


def application() -> Flask:
    """The application. What keeps it from starting ends gunicorn with a sentence, and not with a traceback."""
    try:
        return create_app()
    except InvalidSetting as error:
        raise AppImportError(str(error)) from error
    except Unavailable as error:
        raise AppImportError(error.explained) from error
