"""nginx with the files of `deploy/nginx`, as shipped but for where things are."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPMessage, HTTPSConnection
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server

SHIPPED = PROJECT_ROOT / "deploy" / "nginx"
NAME = "localhost"
# Debian has it in /usr/sbin, which is not in everybody's PATH.
EXECUTABLE = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
ABSENT = "no nginx: apt-get install nginx-light"

# What is the operator's own; without `user`, workers of root's nginx could not read the test's files.
MAIN = """
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
KEY = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "90")

NONE: Mapping[str, str] = MappingProxyType({})


class Answer(NamedTuple):
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def answer_of(
    connection: HTTPConnection, method: str, path: str, body: object = None, headers: Mapping[str, str] = NONE
) -> Answer:
    """The answer to a request, after which the connection is closed; `body` is sent as JSON."""
    fields = {"Content-Type": "application/json", **headers} if body is not None else dict(headers)
    with closing(connection):
        connection.request(method, path, None if body is None else json.dumps(body), fields)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


class Nginx:
    """nginx on ports of its own at 127.0.0.1 and ::1, in front of the application at `behind`; not started."""

    def __init__(self, directory: Path, behind: Path) -> None:
        self.directory, self.behind = directory, behind
        self.http, self.https = _free_port(), _free_port()
        self.url = f"https://{NAME}:{self.https}"
        self.certificate = directory / "certificate.pem"
        self.log = directory / "error.log"
        self.access_log = directory / "access.log"
        self.cache = directory / "cache"
        self._render()

    def _render(self) -> None:
        assets, page = files("flask_swagger_ui") / "dist", PROJECT_ROOT / "api" / "resources" / "swagger_ui"
        changes = {
            "listen 80": f"listen 127.0.0.1:{self.http}",
            "listen 443": f"listen 127.0.0.1:{self.https}",
            "listen [::]:80": f"listen [::1]:{self.http}",
            "listen [::]:443": f"listen [::1]:{self.https}",
            "https://$host$request_uri": f"https://$host:{self.https}$request_uri",
            "server_name pressroom.example": f"server_name {NAME}",
            "unix:/run/pressroom/pressroom.sock": f"unix:{self.behind}",
            "/var/lib/nginx/pressroom": str(self.cache),
            "/opt/pressroom/.venv/lib/python3.11/site-packages/flask_swagger_ui/dist/": f"{assets}/",
            "/opt/pressroom/api/resources/swagger_ui/": f"{page}/",
            "/etc/letsencrypt/live/pressroom.example/fullchain.pem": str(self.certificate),
            "/etc/letsencrypt/live/pressroom.example/privkey.pem": str(self.directory / "key.pem"),
            "/var/log/nginx/pressroom.log": str(self.access_log),
            "include pressroom/": f"include {self.directory}/pressroom/",
        }
        (self.directory / "pressroom").mkdir(parents=True)
        unused = set(changes)
        for shipped in SHIPPED.rglob("*.conf"):
            text = shipped.read_text()
            for old, new in changes.items():
                if old in text:
                    unused.discard(old)
                    text = text.replace(old, new)
            (self.directory / shipped.relative_to(SHIPPED)).write_text(text)
        assert unused == set(), "the shipped files have changed"
        user = "user root;" if os.geteuid() == 0 else ""
        (self.directory / "nginx.conf").write_text(MAIN.format(user=user, directory=self.directory))
        names = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
        where = ["-keyout", str(self.directory / "key.pem"), "-out", str(self.certificate)]
        subprocess.run([*KEY, *names, *where], check=True, capture_output=True)

    def _command(self, *arguments: str) -> list[str]:
        assert EXECUTABLE
        return [EXECUTABLE, "-p", str(self.directory), "-c", "nginx.conf", "-e", str(self.log), *arguments]

    def check(self) -> subprocess.CompletedProcess[str]:
        """What `nginx -t` says of the files."""
        return subprocess.run(self._command("-t"), capture_output=True, text=True, check=False)

    def start(self) -> "Nginx":
        """Serve; whether the application answers is another question."""
        self.process = subprocess.Popen(self._command("-g", "daemon off;"), stderr=subprocess.DEVNULL)
        for _ in range(1000):
            assert self.process.poll() is None, self.log.read_text()
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.https)):
                return self
            time.sleep(0.02)
        raise TimeoutError(self.log.read_text())

    def reload(self) -> None:
        """Hand over to new workers; the old ones answer what they have begun."""
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(10)

    def connect(self, *, source: str = "127.0.0.1", timeout: float = 10) -> HTTPSConnection:
        """A connection from that address, by HTTP/1.1 over TLS; the certificate is verified."""
        context = ssl.create_default_context(cafile=self.certificate)
        return HTTPSConnection(NAME, self.https, timeout=timeout, source_address=(source, 0), context=context)

    def ask(self, method: str, path: str, body: object = None, headers: Mapping[str, str] = NONE) -> Answer:
        """The answer to a request by a connection of its own."""
        return answer_of(self.connect(), method, path, body, headers)

    def send(self, raw: bytes, *, source: str = "127.0.0.1", timeout: float = 2) -> bytes:
        """The bytes that are answered to `raw`, sent over TLS, until the connection is closed or silent."""
        answer = b""
        with closing(self.connect(source=source, timeout=timeout)) as connection:
            connection.connect()
            connection.sock.sendall(raw)
            with suppress(OSError):
                while more := connection.sock.recv(65536):
                    answer += more
        return answer


@contextmanager
def in_front(directory: Path, **settings: str) -> Iterator[tuple[Nginx, Server]]:
    """nginx, and gunicorn behind it on a socket, as in production; both answer."""
    behind = directory / "pressroom.sock"
    given = {
        "PRESSROOM_BIND": f"unix:{behind}",
        "PRESSROOM_TRUSTED_PROXIES": "1",
        "PRESSROOM_ACCESS_LOG": str(directory / "requests.log"),
    }
    server = Server(["gunicorn"], directory, PROJECT_ROOT, **given | settings)
    nginx = Nginx(directory / "nginx", behind).start()
    try:
        while nginx.ask("GET", "/about").status == 503:
            assert server.process.poll() is None, server.log.read_text()
            time.sleep(0.05)
        yield nginx, server
    finally:
        nginx.stop()
        server.stop()


def _free_port() -> int:
    """A port that is free at both addresses."""
    with socket.socket(socket.AF_INET6) as probe:
        probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        probe.bind(("::", 0))
        return int(probe.getsockname()[1])
