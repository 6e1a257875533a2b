"""How gunicorn serves Pressroom: `gunicorn`, without arguments, in this directory.

Every setting is one of `api/settings.py`, where its reason stands, and has a PRESSROOM_ variable; the number of
workers is gunicorn's own WEB_CONCURRENCY.
"""

import os
import runpy
import sys
from pathlib import Path

# Run, not imported: what the master has imported, workers that it forks after a deploy do not load anew.
_module = runpy.run_path(str(Path(__file__).with_name("api") / "settings.py"))
try:
    _settings = _module["Settings"].from_environment()
except _module["BadSetting"] as error:
    sys.exit(str(error))

wsgi_app = "api.app:create_app()"
bind = _settings.bind
workers = os.environ.get("WEB_CONCURRENCY", "2")  # one serves while the other is renewed
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
# A worker's heartbeat must not wait for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 (gunicorn's own advice)
# Whom to believe about client, scheme and host is decided once, by PRESSROOM_TRUSTED_PROXIES.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
# By default it is made in the home directory of whoever starts the server.
control_socket_disable = True
