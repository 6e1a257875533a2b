"""gunicorn's configuration: run `gunicorn` without arguments in this directory.

Settings are PRESSROOM_ variables, which `api/settings.py` describes. The number of workers is gunicorn's own
WEB_CONCURRENCY.
"""

import os
import runpy
import shutil
import sys
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

# Run instead of imported: workers inherit the master's modules, and would not load a newly deployed version.
_module = runpy.run_path(str(Path(__file__).with_name("api") / "settings.py"))
try:
    _settings = _module["Settings"].from_environment()
except _module["InvalidSetting"] as error:
    sys.exit(str(error))

wsgi_app = "api.wsgi:application()"
# Resolved, because a symbolic link may lead elsewhere when a worker is restarted.
chdir = str(Path(__file__).resolve().parent)
sys.path.insert(0, chdir)
bind = _settings.bind
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))  # one serves while the other restarts
if workers < 1:
    sys.exit(f"Invalid WEB_CONCURRENCY '{workers}': use a whole number of at least 1.")
worker_class = _settings.worker_class
# With more threads, gunicorn would silently use gthread workers.
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

# Each worker loads the application itself, so that one started after a deploy runs the new code.
preload_app = False
# A worker's heartbeats and metrics must not wait for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 (gunicorn's own advice)
pidfile = f"{_settings.run_dir}/gunicorn.pid" if _settings.run_dir else None
# Only PRESSROOM_TRUSTED_PROXIES decides whether the proxy is trusted for client, scheme and host.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
# By default, gunicorn creates this socket in the home directory of the user who starts it.
control_socket_disable = True


def when_ready(_server: Any) -> None:
    """Create this master's directory for metrics and worker markers, with a file that names the code's directory."""
    parent, prefix = _settings.run_dir or worker_tmp_dir or tempfile.gettempdir(), f"pressroom-{os.getpid()}-"
    # A killed master with the same process id may have left its directory behind.
    for old in Path(parent).glob(f"{prefix}*"):
        shutil.rmtree(old, ignore_errors=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix=prefix, dir=parent)
    Path(os.environ["PROMETHEUS_MULTIPROC_DIR"], "code").write_text(chdir)


def pre_fork(server: Any, worker: Any) -> None:
    """Assign the lowest slot that no live worker has."""
    taken = {other.slot for other in server.WORKERS.values()}
    worker.slot = next(slot for slot in count() if slot not in taken)


def post_fork(_server: Any, worker: Any) -> None:
    """Set the slot for `api/metrics.py`. Nothing slow may happen here: until this ends, a signal to stop is lost."""
    os.environ["PROMETHEUS_WORKER"] = str(worker.slot)


def post_worker_init(worker: Any) -> None:
    """Create the marker by which `pressroom deploy roll` finds workers that have loaded the application."""
    _worker_file("ready", worker.pid).touch()


def child_exit(_server: Any, worker: Any) -> None:
    """Delete the worker's marker, and its gauges that add up live workers only."""
    _worker_file("ready", worker.pid).unlink(missing_ok=True)
    _worker_file("gauge_livesum", f"{worker.slot}.db").unlink(missing_ok=True)


def on_exit(_server: Any) -> None:
    """Delete the directory."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def _worker_file(kind: str, key: object) -> Path:
    return Path(os.environ["PROMETHEUS_MULTIPROC_DIR"], f"{kind}_{key}")
