"""gunicorn's configuration: run `gunicorn` without arguments in this directory, or `pressroom serve` in any.

Settings are PRESSROOM_ variables, which `api/settings.py` describes. The number of workers is gunicorn's own
WEB_CONCURRENCY.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

# Resolved, because a symbolic link may lead elsewhere when a worker is restarted.
_here, chdir = Path(__file__).resolve().parent, os.getcwd()  # noqa: PTH109 (gunicorn takes text)
_is_packaged = _here.name == "api"
_code = str(_here.parent if _is_packaged else _here)
# gunicorn has put the current directory first, whose modules would replace those that are installed.
_moved = {chdir} if _is_packaged else {chdir, _code}
_others = [path for path in sys.path if os.path.realpath(path) not in _moved]
sys.path[:] = [*_others, chdir] if _is_packaged else [_code, *_others, chdir]

from api.settings import DOCSTRINGS_REQUIRED, InvalidSetting, Settings, read_worker_count  # noqa: E402 (needs the path)
from api.start import directories, master, open_files, requirements  # noqa: E402 (the same)

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)

# Workers inherit the master's modules, and would not load a newly deployed version of these.
for _name in [name for name in sys.modules if name.partition(".")[0] == "api"]:
    del sys.modules[_name]
try:
    _settings, workers = Settings.from_environment(), read_worker_count()
except InvalidSetting as error:
    sys.exit(str(error))
if sys.flags.optimize > 1:
    sys.exit(DOCSTRINGS_REQUIRED)
# A running master reads this file again on HUP, and must not stop because, say, a disk is full.
if f"/pressroom-{os.getpid()}-" not in os.environ.get("PROMETHEUS_MULTIPROC_DIR", ""):
    if _problems := requirements.find_problems(_settings, directory=Path(chdir)):
        sys.exit("\n".join(_problems))
    if _problem := open_files.raise_limit(_settings):
        sys.exit(_problem)
    if _settings.run_dir:
        master.remove_stale_pid_file(Path(chdir, _settings.run_dir))

# For `api/store/clock.py`. It stays the same on HUP and USR2, and in workers that start after the clock was set.
_boot_clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
os.environ.setdefault("WALL_CLOCK_OFFSET", str(time.time() - time.clock_gettime(_boot_clock)))

wsgi_app = "api.wsgi:application()"
bind = _settings.bind
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
worker_tmp_dir = directories.scratch_directory("")
pidfile = f"{_settings.run_dir}/gunicorn.pid" if _settings.run_dir else None
# Only PRESSROOM_TRUSTED_PROXIES decides whether the proxy is trusted for client, scheme and host. gunicorn itself uses
# none of its header fields, so it does not matter whom it trusts: with "*", it need not parse each client's address.
forwarded_allow_ips = "*"
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
# By default, gunicorn creates this socket in the home directory of the user who starts it.
control_socket_disable = True


def when_ready(_server: Any) -> None:
    """Create this master's directory for metrics and worker markers, with a file that names the code's directory.

    It is locked while the master is running.
    """
    parent, prefix = directories.scratch_directory(_settings.run_dir), f"pressroom-{os.getpid()}-"
    # A killed master with the same process id may have left its directory behind.
    for old in Path(parent).glob(f"{prefix}*"):
        shutil.rmtree(old, ignore_errors=True)
    master.remove_leftovers(Path(parent))
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix=prefix, dir=parent)
    code = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"], "code")
    code.write_text(_code)
    master.lock(str(code))


def pre_exec(server: Any) -> None:
    """Pass on the clock's offset: on USR2, the new master gets the environment with which this one was started."""
    server.cfg.env_orig["WALL_CLOCK_OFFSET"] = os.environ["WALL_CLOCK_OFFSET"]


def pre_fork(server: Any, worker: Any) -> None:
    """Assign the lowest slot that no live worker has."""
    taken = {other.slot for other in server.WORKERS.values()}
    worker.slot = next(slot for slot in count() if slot not in taken)


def post_fork(server: Any, worker: Any) -> None:
    """Exit if a signal to stop has arrived since the fork, and set the slot for `api/metrics.py`.

    Until gunicorn sets the worker's signal handlers, the worker has those of the master, which only queue a signal. The
    master would wait for this worker until PRESSROOM_GRACEFUL_TIMEOUT.
    """
    for number in _STOP_SIGNALS:
        signal.signal(number, lambda *_: sys.exit())
    while not server.SIG_QUEUE.empty():
        if server.SIG_QUEUE.get() in _STOP_SIGNALS:
            sys.exit()
    os.environ["PROMETHEUS_WORKER"] = str(worker.slot)


def post_worker_init(worker: Any) -> None:
    """Install how the worker closes connections, and create its marker.

    By the marker, `pressroom deploy roll` finds workers that have loaded the application. The other one tells later
    workers that the server has started, and so has created the database.
    """
    from api.worker import install  # noqa: PLC0415 (the worker's own version)

    install(worker)
    _worker_file("ready", worker.pid).touch()
    Path(os.environ["PROMETHEUS_MULTIPROC_DIR"], "served").touch()


def child_exit(_server: Any, worker: Any) -> None:
    """Delete the worker's marker, and its gauges that add up live workers only."""
    _worker_file("ready", worker.pid).unlink(missing_ok=True)
    _worker_file("gauge_livesum", f"{worker.slot}.db").unlink(missing_ok=True)


def on_exit(_server: Any) -> None:
    """Delete the directory."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def _worker_file(kind: str, key: object) -> Path:
    return Path(os.environ["PROMETHEUS_MULTIPROC_DIR"], f"{kind}_{key}")
