"""gunicorn's settings for the peers: those of Pressroom in the benchmarks, but without an access log."""

from pathlib import Path

workers = 1
worker_class = "gthread"
threads = 4
worker_connections = 500
keepalive = 75
accesslog = None
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 (as gunicorn's documentation advises)
control_socket_disable = True
