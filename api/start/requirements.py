"""Everything that gunicorn needs to start, apart from the database."""

import importlib.util
import os
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from api.settings import Settings
from api.start import address, directories, open_files


def find_problems(settings: Settings, *, directory: Path, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return what prevents gunicorn from starting in `directory`, a sentence each. Creates nothing.

    An address that is in use is no problem: the running server may be about to stop.
    """
    # systemd, or the server that this one replaces, passes the listening socket.
    has_socket = bool({"LISTEN_FDS", "GUNICORN_FD"} & environment.keys())
    return [
        *chain(
            directories.check_run_dir(settings, directory),
            directories.check_log("PRESSROOM_ERROR_LOG", settings.error_log, directory),
            directories.check_log("PRESSROOM_ACCESS_LOG", settings.access_log, directory),
            _check_worker_class(settings.worker_class),
            () if has_socket else address.check_bind(settings.bind, directory),
            open_files.check_limit(settings),
        )
    ]


def _check_worker_class(worker_class: str) -> Iterator[str]:
    if worker_class == "gevent" and importlib.util.find_spec("gevent") is None:
        yield "PRESSROOM_WORKER_CLASS=gevent requires gevent: run `pip install gevent`."
