"""gunicorn and its configuration, wherever Pressroom is installed."""

import sys
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def configuration_file() -> Path:
    """Return gunicorn's configuration: that in the package of a wheel, else that of the repository beside it."""
    packaged = _PACKAGE / "gunicorn.conf.py"
    return packaged if packaged.exists() else _PACKAGE.parent / packaged.name


def gunicorn_command() -> list[str]:
    """Return the command that starts gunicorn with the configuration."""
    # The script, because gunicorn cannot start itself again on USR2 if it was started with `-m`.
    script = Path(sys.argv[0]).resolve().with_name("gunicorn")
    gunicorn = [str(script)] if script.exists() else ["-m", "gunicorn"]
    return [sys.executable, *gunicorn, "--config", str(configuration_file())]
