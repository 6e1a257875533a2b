"""How gunicorn serves Pressroom: `gunicorn`, without arguments, in this directory.

Every setting is one of `api/settings.py`, where its reason stands, and has a PRESSROOM_ variable; the number of
workers is gunicorn's own WEB_CONCURRENCY.
"""

import os
import runpy
import shutil
import sys
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

# Run, not imported: what the master has imported, workers that it forks after a deploy do not load anew.
_module = runpy.run_path(str(Path(__file__).with_name("api") / "settings.py"))
try:
    _settings = _module["Settings"].from_environment()
except _module["InvalidSetting"] as error:
    sys.exit(str(error))

wsgi_app = "api.wsgi:application()"
# Not a link to it, which may lead elsewhere when a worker is renewed.
chdir = str(Path(__file__).resolve().parent)
sys.path.insert(0, chdir)
bind = _settings.bind
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))  # one serves while the other is renewed
if workers < 1:
    sys.exit(f"WEB_CONCURRENCY is {workers}. Write a whole number from 1.")
worker_class = _settings.worker_class
# With more threads, gunicorn would quietly make it a gthread worker.
threads = 1 if worker_class == "sync" else _settings.threads
worker_connections = _settings.worker_connections
timeout = _settings.timeout
graceful_timeout = _settings.graceful_timeout
keepalive = _settings.keepalive
max_requests = _settings.max_requests
max_requests_jitter = _settings.max_requests_jitter
accesslog = None  # the application writes it, at a fifth of the cost
errorlog = _settings.error_log
loglevel = _settings.log_level

# Workers load the application themselves, so that one started after a deploy runs what was deployed.
preload_app = False
# Neither a worker's heartbeat nor its counts may wait for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 (gunicorn's own advice)
pidfile = f"{_settings.run_dir}/gunicorn.pid" if _settings.run_dir else None
# Whom to believe about client, scheme and host is decided once, by PRESSROOM_TRUSTED_PROXIES.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
# By default it is made in the home directory of whoever starts the server.
control_socket_disable = True


def when_ready(_server: Any) -> None:
    """Make the directory of the workers' counts, once for this master, and note there whose code it runs."""
    # One that was killed may have had the same number, and left its own behind.
    place, prefix = _settings.run_dir or worker_tmp_dir or tempfile.gettempdir(), f"pressroom-{os.getpid()}-"
    for left in Path(place).glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix=prefix, dir=place)
    Path(os.environ["PROMETHEUS_MULTIPROC_DIR"], "code").write_text(chdir)


def pre_fork(server: Any, worker: Any) -> None:
    """Give the worker a place among those that are alive: the lowest that is free."""
    taken = {other.place for other in server.WORKERS.values()}
    worker.place = next(place for place in count() if place not in taken)


def post_fork(_server: Any, worker: Any) -> None:
    """Tell `api/metrics.py` its place. Nothing slow may be here: until this ends, a signal to stop is lost."""
    os.environ["PROMETHEUS_WORKER"] = str(worker.place)


def post_worker_init(worker: Any) -> None:
    """Tell `pressroom deploy roll` that the worker has loaded the application."""
    _counts("ready", worker.pid).touch()


def child_exit(_server: Any, worker: Any) -> None:
    """Forget what only a live worker has."""
    _counts("ready", worker.pid).unlink(missing_ok=True)
    _counts("gauge_livesum", f"{worker.place}.db").unlink(missing_ok=True)


def on_exit(_server: Any) -> None:
    """Remove the counts."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def _counts(kind: str, whose: object) -> Path:
    return Path(os.environ["PROMETHEUS_MULTIPROC_DIR"], f"{kind}_{whose}")
