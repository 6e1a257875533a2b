"""nginx with the shipped configuration, in front of gunicorn."""

import gzip
import json
import logging
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from api import constraints
from api.http.statuses import STATUSES
from api.settings import Settings
from tests.support.http import Response, UnixConnection, parse_response, send_request
from tests.support.nginx import (
    SHIPPED_CONFIGURATION,
    Nginx,
    application_log,
    needs_nginx,
    nginx_and_gunicorn,
)
from tests.support.pages import console_session, matches, section
from tests.support.servers import make_demo_site
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.heavy, needs_nginx]

logger = logging.getLogger(__name__)
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl: apt-get install curl")

POST = {"title": "Notes", "body": "It *weaves* patterns. " * 100}
FORGED = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Prefix": "/evil"}
HEAD = b"Host: localhost\r\nConnection: close\r\n"


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """nginx, in front of an application without rate limits."""
    with nginx_and_gunicorn(tmp_path_factory.mktemp("nginx"), PRESSROOM_RATE_LIMITS="off") as (nginx, _):
        yield nginx


@pytest.fixture(scope="module")
def ada(nginx: Nginx) -> dict[str, str]:
    """The header field with ada's token."""
    return nginx.sign_up()


def publish(nginx: Nginx, headers: Mapping[str, str]) -> str:
    """Publish a post, and return its URL."""
    return str(nginx.request("POST", "/posts", POST, headers).json["url"])


def test_nginx_accepts_the_shipped_configuration(nginx: Nginx) -> None:
    result = nginx.check()
    assert result.returncode == 0, result.stderr
    assert "[warn]" not in result.stderr


def test_nginx_closes_idle_connections_to_gunicorn_before_gunicorn_does() -> None:
    """Otherwise nginx could send a request on a connection that gunicorn is closing."""
    configuration = (SHIPPED_CONFIGURATION / "pressroom.conf").read_text()
    timeouts = re.findall(r"\n    keepalive_timeout (\d+)s;", configuration)
    assert [int(seconds) < Settings().keepalive for seconds in timeouts] == [True]


# ---- Requests that nginx rejects itself

PROBLEMS = {
    "a control character": (b"GET /\x00 HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
    "a long method": (b"G" * 21 + b" / HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "a path that is not ASCII": ("GET /ö HTTP/1.1\r\n".encode() + HEAD + b"\r\n", 400),
    "a path below static files that is not ASCII": ("GET /docs/page/ö HTTP/1.1\r\n".encode() + HEAD + b"\r\n", 400),
    "two lengths": (b"POST /posts HTTP/1.1\r\n" + HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    "an internal path": (b"GET /health/ready HTTP/1.1\r\n" + HEAD + b"\r\n", 404),
    "an encoded internal path": (b"GET //%6detrics HTTP/1.1\r\n" + HEAD + b"\r\n", 404),
    "another version": (
        b'GET /docs/assets/index.css HTTP/1.1\r\nIf-Match: "other"\r\n' + HEAD + b"\r\n",
        412,
    ),
    "a body that is too large": (
        b"POST /posts HTTP/1.1\r\n" + HEAD + b"Content-Length: %d\r\n\r\n" % (constraints.REQUEST_BODY_MAX_BYTES + 1),
        413,
    ),
    "a path that is too long": (b"GET /" + b"x" * 4_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n", 414),
    "another host": (b"GET / HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n", 421),
    "a field that is too long": (b"GET / HTTP/1.1\r\n" + HEAD + b"X: " + b"x" * 4_000 + b"\r\n\r\n", 431),
    "TRACE": (b"TRACE / HTTP/1.1\r\n" + HEAD + b"\r\n", 501),
    "an unknown transfer coding": (b"POST /posts HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: x\r\n\r\n", 501),
    "HTTP/2 in plain text": (b"GET / HTTP/2.0\r\n" + HEAD + b"\r\n", 505),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_nginx_rejects_requests_with_the_same_problems_as_the_application(nginx: Nginx, name: str) -> None:
    raw, status = PROBLEMS[name]
    assert_problem(parse_response(nginx.send_raw(raw)), status)


def assert_problem(response: Response, status: int) -> None:
    assert (response.status, response.headers["Content-Type"]) == (status, "application/problem+json")
    problem = response.json
    about = STATUSES[status]
    assert problem == {
        "type": f"/problems/{about.code}",
        "title": about.title,
        "status": status,
        "detail": "The application does not respond. Try again later." if status == 503 else about.detail,
        "code": about.code,
    }
    assert (response.headers["Retry-After"] is not None) == (status in {429, 503})
    assert response.headers.get_all("Cache-Control") == ["no-store"]
    assert_default_headers(response)


DEFAULT_HEADERS = ("Strict-Transport-Security", "X-Request-ID", "Content-Security-Policy", "X-Content-Type-Options")


def assert_default_headers(response: Response, *names: str) -> None:
    """Assert that each of these headers is there once, whether nginx or the application adds it."""
    for name in names or DEFAULT_HEADERS:
        assert len(response.headers.get_all(name, [])) == 1, name
    assert response.headers["Server"] == "nginx"


def test_only_bodies_within_the_limit_reach_the_application(nginx: Nginx, ada: Mapping[str, str]) -> None:
    for size, status, requests in (
        (constraints.REQUEST_BODY_MAX_BYTES, 400, 1),
        (constraints.REQUEST_BODY_MAX_BYTES + 1, 413, 0),
    ):
        before = len(application_log(nginx))
        with closing(nginx.connect()) as connection:
            connection.request("POST", "/posts", b" " * size, {**ada, "Content-Type": "application/json"})
            assert connection.getresponse().status == status
        assert len(application_log(nginx)) - before == requests


def test_plain_http_is_redirected_to_https(nginx: Nginx) -> None:
    response = send_request(HTTPConnection("localhost", nginx.http), "GET", "/posts?tag=x")
    assert (response.status, response.headers["Location"]) == (308, f"{nginx.url}/posts?tag=x")


def test_plain_http_is_not_redirected_to_another_host(nginx: Nginx) -> None:
    connection = HTTPConnection("localhost", nginx.http)
    assert_problem(send_request(connection, "GET", "/", headers={"Host": "other.example"}), 421)


def test_an_unreachable_application_is_a_503_problem(tmp_path: Path) -> None:
    nginx = Nginx(tmp_path / "nginx", tmp_path / "missing.sock").start()
    try:
        for path in ("/posts", "/docs/page/nothing"):
            assert_problem(nginx.request("GET", path), 503)
    finally:
        nginx.stop()


@pytest.mark.parametrize(("method", "path"), [("POST", "/tokens"), ("POST", "/users"), ("PUT", "/me/password")])
def test_requests_that_hash_a_password_are_limited_per_address(nginx: Nginx, method: str, path: str) -> None:
    source = f"127.0.1.{len(path)}"
    with ThreadPoolExecutor(8) as clients:
        responses = [*clients.map(lambda _: send_request(nginx.connect(source=source), method, path), range(30))]
    rejected = [response for response in responses if response.status == 429]
    # A burst of eleven is allowed, and five a second while the thirty are sent.
    assert 1 <= len(rejected) <= 19
    assert_problem(rejected[0], 429)
    assert send_request(nginx.connect(source=source), "GET", "/posts").status == 200
    assert send_request(nginx.connect(source="127.0.1.1"), method, path).status != 429


# ---- Requests as the application gets them


@pytest.fixture
def forward(tmp_path: Path) -> Iterator[Callable[[str], list[str]]]:
    """Send header lines to nginx, and return the lines that it forwards."""
    path = tmp_path / "backend.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    nginx = Nginx(tmp_path / "nginx", path).start()

    def send(lines: str) -> list[str]:
        forwarded = []

        def serve_one_request() -> None:
            with listener.accept()[0] as connection:
                forwarded.extend(connection.recv(65536).decode().splitlines())
                connection.sendall(
                    b"HTTP/1.1 204 No Content\r\nX-Request-ID: its-own-name\r\nConnection: close\r\n\r\n"
                )

        backend = threading.Thread(target=serve_one_request)
        backend.start()
        response = parse_response(nginx.send_raw(b"GET / HTTP/1.1\r\n" + HEAD + lines.encode() + b"\r\n"))
        backend.join()
        # Application and client get the same request id, and the client gets no other.
        assert f"X-Request-ID: {response.headers['X-Request-ID']}" in forwarded
        assert_default_headers(response, "X-Request-ID")
        return forwarded

    yield send
    nginx.stop()
    listener.close()


def test_forged_forwarding_headers_do_not_reach_the_application(forward: Callable[[str], list[str]]) -> None:
    forged = {"For": "203.0.113.7", "Host": "evil.example", "Prefix": "/evil", "Proto": "http"}
    lines = "".join(f"X-Forwarded-{name}: {value}\r\n" for name, value in forged.items())
    forwarded = forward(f"{lines}SCRIPT_NAME: /evil\r\n")
    assert "Host: localhost" in forwarded
    assert {line for line in forwarded if line.startswith("X-Forwarded-")} == {
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-Host: localhost",
        "X-Forwarded-Proto: https",
    }
    assert "evil" not in "".join(forwarded)


@pytest.mark.parametrize(
    ("request_id", "valid"),
    [("", False), ("a-name_of.8", True), ("short", False), ("evil value", False), ("x" * 64, True), ("x" * 65, False)],
)
def test_a_valid_request_id_of_a_client_is_forwarded_and_any_other_replaced(
    forward: Callable[[str], list[str]], request_id: str, *, valid: bool
) -> None:
    fields = [line for line in forward(f"X-Request-ID: {request_id}\r\n") if line.startswith("X-Request-ID: ")]
    assert len(fields) == 1
    assert (fields == [f"X-Request-ID: {request_id}"]) == valid
    assert re.fullmatch("X-Request-ID: [A-Za-z0-9._-]{8,64}", fields[0])


def test_the_application_logs_the_clients_address_and_request_id(nginx: Nginx) -> None:
    connection = nginx.connect(source="127.0.0.9")
    response = send_request(connection, "GET", "/posts?author=ada", headers=FORGED)
    line = json.loads(application_log(nginx)[-1])
    assert (line["address"], line["id"]) == ("127.0.0.9", response.headers["X-Request-ID"])


def logged(nginx: Nginx, response: Response) -> dict[str, object]:
    """Return the line of nginx's log about the request with this response."""
    request_id = str(response.headers["X-Request-ID"])
    wait_until(lambda: request_id in nginx.access_log.read_text())  # it is written every second
    lines = map(json.loads, nginx.access_log.read_text().splitlines())
    [line] = [line for line in lines if line["id"] == request_id]
    return dict(line)


def test_nginx_logs_each_request_as_json_without_its_query_string(nginx: Nginx) -> None:
    line = logged(nginx, nginx.request("GET", '/users?cursor="secret"', headers={"User-Agent": 'a "quoted" name'}))
    names = ("address", "method", "path", "status", "upstream_status")
    assert [line[name] for name in names] == ["127.0.0.1", "GET", "/users", 422, "422"]
    assert "secret" not in str(line)


def test_nginx_logs_method_and_path_of_requests_that_it_rejects(nginx: Nginx) -> None:
    line = logged(nginx, parse_response(nginx.send_raw(PROBLEMS["a body that is too large"][0])))
    assert [line[name] for name in ("method", "path", "status", "upstream_status")] == ["POST", "/posts", 413, ""]


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        *((text.encode(), text) for text in ("", "curl/8", 'a "b" \\c', "Café 🦊 €漢", "a" * 3_000)),
        *(
            (raw, "(not printable)")
            for raw in (b"\xff", b"a\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\x7f", b"\xf5\x80\x80\x80")
        ),
        *(
            (text.encode(), "(not printable)")
            for text in ["\x85", "\x9b", "\u200b", "\u2028", "\u202e", "\u2066", "\ufeff"]
        ),
    ],
)
def test_nginx_logs_an_agent_that_is_printable(nginx: Nginx, agent: bytes, expected: str) -> None:
    raw = b"GET /users HTTP/1.1\r\nHost: pressroom.example\r\nConnection: close\r\nUser-Agent: " + agent + b"\r\n\r\n"
    assert logged(nginx, parse_response(nginx.send_raw(raw)))["agent"] == expected


@pytest.mark.parametrize("path", [b"/users/\xff", b"/users/\xc2\x9b31m", b"/users/\x7f", b"/users/\xe2\x80\xae"])
def test_nginx_logs_no_path_that_is_not_ascii(nginx: Nginx, path: bytes) -> None:
    raw = b"GET " + path + b" HTTP/1.1\r\nHost: pressroom.example\r\nConnection: close\r\n\r\n"
    response = parse_response(nginx.send_raw(raw))
    assert response.status in {400, 421}
    assert logged(nginx, response)["path"] == ""


# ---- Static files, compression, HTTP/2, TLS and reloads


FILES = ["assets/swagger-ui.css", "assets/swagger-ui-bundle.js", "assets/favicon-32x32.png", "page/initializer.js"]


@pytest.mark.parametrize("path", FILES)
def test_nginx_serves_the_files_of_swagger_ui_as_the_application_does(nginx: Nginx, path: str) -> None:
    before = len(application_log(nginx))
    response = nginx.request("GET", f"/docs/{path}")
    assert len(application_log(nginx)) == before
    expected = send_request(UnixConnection(nginx.backend), "GET", f"/docs/{path}")
    assert response.body == expected.body
    for name in ("Content-Type", "Cache-Control", "Content-Security-Policy", "X-Content-Type-Options"):
        assert response.headers.get_all(name) == expected.headers.get_all(name), name
    assert_default_headers(response)
    etag = str(response.headers["ETag"])
    assert nginx.request("GET", f"/docs/{path}", headers={"If-None-Match": etag}).status == 304


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "assets/nothing", 404), ("GET", "assets/", 404), ("GET", "assets/../page", 404), ("POST", FILES[0], 405)],
)
def test_the_application_responds_where_nginx_has_no_file(nginx: Nginx, method: str, path: str, status: int) -> None:
    response = nginx.request(method, f"/docs/{path}")
    expected = send_request(UnixConnection(nginx.backend), method, f"/docs/{path}")
    assert (response.status, response.body, response.headers["Allow"]) == (
        status,
        expected.body,
        expected.headers["Allow"],
    )


def test_the_etag_of_a_compressed_response_is_valid_in_if_match(nginx: Nginx, ada: Mapping[str, str]) -> None:
    url = publish(nginx, ada)
    response = nginx.request("GET", url, headers={"Accept-Encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in response.headers.get_all("Vary", [])
    assert json.loads(gzip.decompress(response.body)) == nginx.request("GET", url).json
    tag = str(response.headers["ETag"])
    assert tag.startswith('W/"')
    assert nginx.request("GET", url, headers={"If-None-Match": tag}).status == 304
    assert nginx.request("PATCH", url, {"title": "Once"}, {**ada, "If-Match": tag}).status == 200
    assert nginx.request("PATCH", url, {"title": "Twice"}, {**ada, "If-Match": tag}).status == 412


def curl(nginx: Nginx, *arguments: str) -> str:
    command = ["curl", "--silent", "--show-error", "--cacert", str(nginx.certificate), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@needs_curl
def test_nginx_speaks_http_2(nginx: Nginx) -> None:
    output = ["--output", "/dev/null", "--write-out", "%{http_version} %{http_code}"]
    assert curl(nginx, "--http2", *output, f"{nginx.url}/posts") == "2 200"


@needs_curl
@pytest.mark.parametrize(("version", "accepted"), [("1.1", False), ("1.2", True), ("1.3", True)])
def test_nginx_accepts_tls_1_2_and_1_3_only(nginx: Nginx, version: str, *, accepted: bool) -> None:
    # Security level 0: otherwise curl itself would reject older versions.
    options = ["--tls-max", version, f"--tlsv{version}", "--ciphers", "DEFAULT@SECLEVEL=0"]
    command = ["curl", "--silent", "--cacert", str(nginx.certificate), *options, f"{nginx.url}/about"]
    assert (subprocess.run(command, capture_output=True, check=False).returncode == 0) == accepted


@needs_curl
def test_the_readmes_session_works_through_nginx(tmp_path: Path) -> None:
    make_demo_site(tmp_path)
    with nginx_and_gunicorn(tmp_path) as (nginx, _):
        (tmp_path / ".curlrc").write_text(f"cacert = {nginx.certificate}\n")
        commands = [*console_session(section("README.md", "A session"))]
        script = "\n".join(f"{command}\necho; echo =====" for command, _ in commands)
        result = subprocess.run(
            ["bash", "-c", script.replace("http://127.0.0.1:8000", nginx.url)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "CURL_HOME": str(tmp_path)},
        )
    for (command, documented), actual in zip(commands, result.stdout.split("=====\n"), strict=False):
        assert matches(actual, documented), f"$ {command}\n{actual}{result.stderr}"


@needs_curl
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_clients_that_retry_lose_no_request_in_a_reload(nginx: Nginx, tmp_path: Path, version: str) -> None:
    parallel = ["--parallel", "--parallel-max", "8", "--retry", "6", "--retry-all-errors", "--no-progress-meter"]
    log, reloads = tmp_path / "curl.log", 0
    with socket.create_server(("127.0.0.1", 0)) as unresponsive, log.open("w") as output:
        unresponsive.settimeout(20)
        # curl 7.88 drops the transfers that wait for their retry when no other is left: one stays to the end.
        last = ["--output", "/dev/null", f"http://127.0.0.1:{unresponsive.getsockname()[1]}"]
        # Not to /dev/null, which curl cannot truncate for a retry of a response, such as 429.
        urls = ["--output", str(tmp_path / "body_#1_#2"), f"{nginx.url}/posts?limit=[1-100]&tag=t[1-30]"]
        # Into a file without a buffer: curl would block on a full pipe.
        options = ["--cacert", str(nginx.certificate), version, *parallel, "--write-out", "%{stderr}%{http_code}\\n"]
        load = subprocess.Popen(["curl", *options, *last, *urls], stderr=output)
        connection, _ = unresponsive.accept()
        with load, connection:
            while load.poll() is None and len(statuses := curl_statuses(log)) < 3000:
                # After so many transfers, however fast they are.
                if len(statuses) > 400 * reloads:
                    nginx.reload()
                    reloads += 1
                time.sleep(0.02)
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
    text = log.read_text()
    logger.info("%s: %d reloads, 3000 requests, %d repeated", version, reloads, text.count("Will retry"))
    assert reloads > 2
    assert (load.returncode, curl_statuses(log)) == (0, ["200"] * 3000 + ["204"]), text


def curl_statuses(log: Path) -> list[str]:
    return re.findall(r"^\d{3}$", log.read_text(), re.M)
