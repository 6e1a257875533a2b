"""nginx with the configuration of `deploy/nginx`, in which only paths, ports and names are replaced."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.client import HTTPSConnection
from importlib.resources import files
from itertools import count
from pathlib import Path

import pytest

from tests.support.clients import PASSWORD, basic_auth
from tests.support.http import NO_HEADERS, Response, UnixConnection, send_request
from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server
from tests.support.sockets import free_port, receive_all
from tests.support.waiting import wait_until

SHIPPED_CONFIGURATION = PROJECT_ROOT / "deploy" / "nginx"
SERVER_NAME = "localhost"
# Debian installs it in /usr/sbin, which is not in every PATH.
EXECUTABLE = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
NGINX_MISSING = "no nginx: apt-get install nginx-light"
needs_nginx = pytest.mark.skipif(EXECUTABLE is None, reason=NGINX_MISSING)

LAST = "sent-last-"
"""How the ids of requests begin that are sent to find out whether those before are in a log."""
_numbers = count()

# In place of Debian's nginx.conf, which includes the shipped files. Without `user root`, workers of an nginx that root
# starts could not read the test's files.
MAIN_CONFIGURATION = """
{user}
worker_processes 1;
worker_shutdown_timeout 5s;
pid {directory}/nginx.pid;
events {{ worker_connections 2048; }}
http {{
    client_body_temp_path {directory}/body;
    fastcgi_temp_path {directory}/fastcgi;
    proxy_temp_path {directory}/proxy;
    scgi_temp_path {directory}/scgi;
    uwsgi_temp_path {directory}/uwsgi;
    include {directory}/pressroom.conf;
}}
"""
MAKE_CERTIFICATE = (
    *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "90"),
    *("-subj", f"/CN={SERVER_NAME}", "-addext", f"subjectAltName=DNS:{SERVER_NAME}"),
)


class Nginx:
    """nginx on free ports of 127.0.0.1 and ::1, in front of the application at the socket `backend`; not started."""

    def __init__(self, directory: Path, backend: Path) -> None:
        self.directory, self.backend = directory, backend
        self.http, self.https = free_port(), free_port()
        self.url = f"https://{SERVER_NAME}:{self.https}"
        self.certificate = directory / "certificate.pem"
        self.log = directory / "error.log"
        self.access_log = directory / "access.log"
        self.cache = directory / "cache"
        self._write_configuration()
        key = ["-keyout", str(directory / "key.pem"), "-out", str(self.certificate)]
        subprocess.run([*MAKE_CERTIFICATE, *key], check=True, capture_output=True)

    def _write_configuration(self) -> None:
        assets, page = files("flask_swagger_ui") / "dist", PROJECT_ROOT / "api" / "resources" / "swagger_ui"
        replacements = {
            "listen 80": f"listen 127.0.0.1:{self.http}",
            "listen 443": f"listen 127.0.0.1:{self.https}",
            "listen [::]:80": f"listen [::1]:{self.http}",
            "listen [::]:443": f"listen [::1]:{self.https}",
            "https://$host$request_uri": f"https://$host:{self.https}$request_uri",
            "server_name pressroom.example": f"server_name {SERVER_NAME}",
            "unix:/run/pressroom/pressroom.sock": f"unix:{self.backend}",
            "/var/lib/nginx/pressroom": str(self.cache),
            "/opt/pressroom/.venv/lib/python3.11/site-packages/flask_swagger_ui/dist/": f"{assets}/",
            "/opt/pressroom/api/resources/swagger_ui/": f"{page}/",
            "/etc/letsencrypt/live/pressroom.example/fullchain.pem": str(self.certificate),
            "/etc/letsencrypt/live/pressroom.example/privkey.pem": str(self.directory / "key.pem"),
            "/var/log/nginx/pressroom.log": str(self.access_log),
            "include pressroom/": f"include {self.directory}/pressroom/",
        }
        (self.directory / "pressroom").mkdir(parents=True)
        unused = set(replacements)
        for shipped in SHIPPED_CONFIGURATION.rglob("*.conf"):
            text = shipped.read_text()
            for old, new in replacements.items():
                if old in text:
                    unused.discard(old)
                    text = text.replace(old, new)
            (self.directory / shipped.relative_to(SHIPPED_CONFIGURATION)).write_text(text)
        assert unused == set(), "deploy/nginx has changed: update the replacements"
        user = "user root;" if os.geteuid() == 0 else ""
        main = MAIN_CONFIGURATION.format(user=user, directory=self.directory)
        (self.directory / "nginx.conf").write_text(main)

    def _command(self, *arguments: str) -> list[str]:
        assert EXECUTABLE
        return [EXECUTABLE, "-p", str(self.directory), "-c", "nginx.conf", "-e", str(self.log), *arguments]

    def check(self) -> subprocess.CompletedProcess[str]:
        """Run `nginx -t`."""
        return subprocess.run(self._command("-t"), capture_output=True, text=True, check=False)

    def start(self) -> "Nginx":
        """Start nginx and wait until it listens, whether or not the application does."""
        self.process = subprocess.Popen(self._command("-g", "daemon off;"), stderr=subprocess.DEVNULL)
        for _ in range(1000):
            assert self.process.poll() is None, self.log.read_text()
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.https)):
                return self
            time.sleep(0.02)
        raise TimeoutError(self.log.read_text())

    def reload(self) -> None:
        """Reload the configuration: new workers take over, old ones finish their requests."""
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> int:
        """Stop nginx and return its exit status."""
        self.process.terminate()
        return self.process.wait(30)

    def connect(self, *, source: str = "127.0.0.1", timeout: float = 30) -> HTTPSConnection:
        """Return an HTTP/1.1 connection over TLS from the address `source`; it verifies the certificate."""
        context = ssl.create_default_context(cafile=self.certificate)
        return HTTPSConnection(SERVER_NAME, self.https, timeout=timeout, source_address=(source, 0), context=context)

    def request(self, method: str, path: str, body: object = None, headers: Mapping[str, str] = NO_HEADERS) -> Response:
        """Send a request on a new connection."""
        return send_request(self.connect(), method, path, body, headers)

    def send_raw(self, raw: bytes, *, source: str = "127.0.0.1", timeout: float = 20) -> bytes:
        """Send bytes over TLS, and return those that come back until the connection closes or times out."""
        with closing(self.connect(source=source, timeout=timeout)) as connection:
            connection.connect()
            connection.sock.sendall(raw)
            return receive_all(connection.sock, until=OSError)

    def sign_up(self, username: str = "ada") -> dict[str, str]:
        """Register a user, and return the header field with a token for them."""
        self.request("POST", "/users", {"username": username, "password": PASSWORD})
        token = self.request("POST", "/tokens", {}, basic_auth(username)).json["token"]
        return {"Authorization": f"Bearer {token}"}


@contextmanager
def nginx_and_gunicorn(directory: Path, **environment: str) -> Iterator[tuple[Nginx, Server]]:
    """Run nginx and, behind it at a Unix domain socket, gunicorn, as in production."""
    backend = directory / "pressroom.sock"
    defaults = {
        "PRESSROOM_BIND": f"unix:{backend}",
        "PRESSROOM_TRUSTED_PROXIES": "1",
        "PRESSROOM_ACCESS_LOG": str(directory / "requests.log"),
    }
    server = Server(["gunicorn"], directory, PROJECT_ROOT, **defaults | environment)
    nginx = Nginx(directory / "nginx", backend).start()
    try:
        while nginx.request("GET", "/about").status == 503:
            assert server.process.poll() is None, server.log.read_text()
            time.sleep(0.05)
        yield nginx, server
    finally:
        nginx.stop()
        server.stop()


def application_log(nginx: Nginx) -> list[str]:
    """Return the lines of the access log of the application behind nginx, one per request that has had a response."""
    log = nginx.backend.parent / "requests.log"
    # Each worker writes its lines in order, ten times a second: they are there when those of later requests are.
    last = [_request_id() for _ in range(10)]
    for request_id in last:
        send_request(UnixConnection(nginx.backend), "GET", "/about", headers={"X-Request-ID": request_id})
    wait_until(lambda: all(request_id in log.read_text() for request_id in last))
    return [line for line in log.read_text().splitlines() if LAST not in line]


def nginx_log(nginx: Nginx) -> list[str]:
    """Return the lines of nginx's access log, one per request that has had a response; the last is of 127.0.0.3."""
    last = _request_id()
    send_request(nginx.connect(source="127.0.0.3"), "GET", "/health/ready", headers={"X-Request-ID": last})
    wait_until(lambda: last in nginx.access_log.read_text())  # it is written every second
    return nginx.access_log.read_text().splitlines()


def _request_id() -> str:
    return f"{LAST}{next(_numbers)}-"
