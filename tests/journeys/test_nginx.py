"""nginx in front, with the configuration that is shipped."""

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
from contextlib import closing
from http.client import HTTPConnection, HTTPMessage
from io import BytesIO
from pathlib import Path

import pytest

from api import constraints
from api.http.statuses import STATUSES
from api.settings import Settings
from tests.journeys.test_readme import matches, session
from tests.support.clients import PASSWORD, basic
from tests.support.nginx import ABSENT, EXECUTABLE, SHIPPED, Answer, Nginx, answer_of, in_front
from tests.support.socket_activation import UnixConnection
from tests.test_documentation import section

pytestmark = [pytest.mark.heavy, pytest.mark.skipif(EXECUTABLE is None, reason=ABSENT)]

logger = logging.getLogger(__name__)
curl_needed = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl: apt-get install curl")

POST = {"title": "Notes", "body": "It *weaves* patterns. " * 100}
FORGED = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Prefix": "/evil"}
HEAD = b"Host: localhost\r\nConnection: close\r\n"


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """With no limits but nginx's own."""
    with in_front(tmp_path_factory.mktemp("nginx"), PRESSROOM_RATE_LIMITS="off") as (nginx, _):
        yield nginx


@pytest.fixture(scope="module")
def ada(nginx: Nginx) -> dict[str, str]:
    """The header field that signs her in."""
    nginx.ask("POST", "/users", {"username": "ada", "password": PASSWORD})
    return {"Authorization": f"Bearer {nginx.ask('POST', '/tokens', {}, basic('ada')).json['token']}"}


def publish(nginx: Nginx, headers: Mapping[str, str]) -> str:
    """The URL of a new post."""
    return str(nginx.ask("POST", "/posts", POST, headers).json["url"])


def test_the_shipped_files_are_good(nginx: Nginx) -> None:
    checked = nginx.check()
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr


def test_a_connection_is_closed_first_by_who_asks_on_it() -> None:
    kept = re.findall(r"\n    keepalive_timeout (\d+)s;", (SHIPPED / "pressroom.conf").read_text())
    assert [int(seconds) < Settings().keepalive for seconds in kept] == [True]


# ---- What it refuses itself

PROBLEMS = {
    "control character": (b"GET /\x00 HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
    "a long method": (b"G" * 21 + b" / HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "no ASCII": ("GET /ö HTTP/1.1\r\n".encode() + HEAD + b"\r\n", 400),
    "no file, no ASCII": ("GET /docs/page/ö HTTP/1.1\r\n".encode() + HEAD + b"\r\n", 400),
    "two lengths": (b"POST /posts HTTP/1.1\r\n" + HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    "not for the outside": (b"GET /health/ready HTTP/1.1\r\n" + HEAD + b"\r\n", 404),
    "the same, encoded": (b"GET //%6detrics HTTP/1.1\r\n" + HEAD + b"\r\n", 404),
    "another version": (b'GET /docs/assets/index.css HTTP/1.1\r\nIf-Match: "other"\r\n' + HEAD + b"\r\n", 412),
    "large": (
        b"POST /posts HTTP/1.1\r\n" + HEAD + b"Content-Length: %d\r\n\r\n" % (constraints.REQUEST_BODY_MAX_BYTES + 1),
        413,
    ),
    "long": (b"GET /" + b"x" * 4_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n", 414),
    "another site": (b"GET / HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n", 421),
    "a long field": (b"GET / HTTP/1.1\r\n" + HEAD + b"X: " + b"x" * 4_000 + b"\r\n\r\n", 431),
    "TRACE": (b"TRACE / HTTP/1.1\r\n" + HEAD + b"\r\n", 501),
    "a coding": (b"POST /posts HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: x\r\n\r\n", 501),
    "HTTP/2, as text": (b"GET / HTTP/2.0\r\n" + HEAD + b"\r\n", 505),
}


def read(raw: bytes) -> Answer:
    told = BytesIO(raw)
    status = int(told.readline().split()[1])
    headers = HTTPMessage()
    while line := told.readline().strip():
        name, _, value = line.decode("latin-1").partition(": ")
        headers[name] = value
    return Answer(status, headers, told.read())


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_nginx_refuses_is_a_problem_in_the_words_of_the_application(nginx: Nginx, name: str) -> None:
    raw, status = PROBLEMS[name]
    assert_is_problem(read(nginx.send(raw)), status)


def assert_is_problem(answer: Answer, status: int) -> None:
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
    problem = answer.json
    assert list(problem) == ["type", "title", "status", "detail"]
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    assert all(problem.values())
    if status in STATUSES and status != 503:
        assert (problem["title"], problem["detail"]) == (STATUSES[status].title, STATUSES[status].detail)
    assert (answer.headers["Retry-After"] is not None) == (status in {429, 503})
    assert answer.headers.get_all("Cache-Control") == ["no-store"]
    assert_is_guarded(answer)


DEFAULT_HEADERS = ("Strict-Transport-Security", "X-Request-ID", "Content-Security-Policy", "X-Content-Type-Options")


def assert_is_guarded(answer: Answer, *names: str) -> None:
    """Each of these once, be it nginx's or the application's."""
    for name in names or DEFAULT_HEADERS:
        assert len(answer.headers.get_all(name, [])) == 1, name
    assert answer.headers["Server"] == "nginx"


def test_a_body_of_the_limit_reaches_the_application_and_one_more_byte_does_not(
    nginx: Nginx, ada: Mapping[str, str]
) -> None:
    for size, status, seen in (
        (constraints.REQUEST_BODY_MAX_BYTES, 400, 1),
        (constraints.REQUEST_BODY_MAX_BYTES + 1, 413, 0),
    ):
        before = requests(nginx)
        with closing(nginx.connect()) as connection:
            connection.request("POST", "/posts", b" " * size, {**ada, "Content-Type": "application/json"})
            assert connection.getresponse().status == status
        assert requests(nginx) - before == seen


def requests(nginx: Nginx) -> int:
    """How many have reached the application."""
    time.sleep(0.3)  # its log is written ten times a second
    return (nginx.behind.parent / "requests.log").read_text().count("\n")


def test_plain_http_leads_to_https(nginx: Nginx) -> None:
    answer = answer_of(HTTPConnection("localhost", nginx.http), "GET", "/posts?tag=x")
    assert (answer.status, answer.headers["Location"]) == (308, f"{nginx.url}/posts?tag=x")


def test_plain_http_leads_nobody_to_another_site(nginx: Nginx) -> None:
    answer = answer_of(HTTPConnection("localhost", nginx.http), "GET", "/", headers={"Host": "other.example"})
    assert_is_problem(answer, 421)


def test_an_application_that_is_gone_is_a_problem_that_passes(tmp_path: Path) -> None:
    nginx = Nginx(tmp_path / "nginx", tmp_path / "nobody.sock").start()
    try:
        for path in ("/posts", "/docs/page/nothing"):
            assert_is_problem(nginx.ask("GET", path), 503)
    finally:
        nginx.stop()


@pytest.mark.parametrize(("method", "path"), [("POST", "/tokens"), ("POST", "/users"), ("PUT", "/me/password")])
def test_what_hashes_a_password_is_limited_for_an_address(nginx: Nginx, method: str, path: str) -> None:
    source = f"127.0.1.{len(path)}"
    answers = [answer_of(nginx.connect(source=source), method, path) for _ in range(30)]
    refused = [answer for answer in answers if answer.status == 429]
    # Eleven at once; while thirty are sent, some of five a second are added.
    assert 1 <= len(refused) <= 19
    assert_is_problem(refused[0], 429)
    assert answer_of(nginx.connect(source=source), "GET", "/posts").status == 200
    assert answer_of(nginx.connect(source="127.0.1.1"), method, path).status != 429


# ---- What it tells the application


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Callable[[str], list[str]]]:
    """Sends lines of a header to nginx; returns the lines that arrive behind it."""
    path = tmp_path / "recorder.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    nginx = Nginx(tmp_path / "nginx", path).start()

    def send(lines: str) -> list[str]:
        arrived = []

        def record() -> None:
            with listener.accept()[0] as connection:
                arrived.extend(connection.recv(65536).decode().splitlines())
                connection.sendall(
                    b"HTTP/1.1 204 No Content\r\nX-Request-ID: its-own-name\r\nConnection: close\r\n\r\n"
                )

        recorder = threading.Thread(target=record)
        recorder.start()
        answer = read(nginx.send(b"GET / HTTP/1.1\r\n" + HEAD + lines.encode() + b"\r\n"))
        recorder.join()
        # By the name that the application is told, and by no other, the client knows the request.
        assert f"X-Request-ID: {answer.headers['X-Request-ID']}" in arrived
        assert_is_guarded(answer, "X-Request-ID")
        return arrived

    yield send
    nginx.stop()
    listener.close()


def test_nothing_that_a_client_forges_reaches_the_application(told: Callable[[str], list[str]]) -> None:
    forged = {"For": "203.0.113.7", "Host": "evil.example", "Prefix": "/evil", "Proto": "http"}
    lines = "".join(f"X-Forwarded-{name}: {value}\r\n" for name, value in forged.items())
    arrived = told(f"{lines}SCRIPT_NAME: /evil\r\n")
    assert "Host: localhost" in arrived
    assert {line for line in arrived if line.startswith("X-Forwarded-")} == {
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-Host: localhost",
        "X-Forwarded-Proto: https",
    }
    assert "evil" not in "".join(arrived)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("", False), ("a-name_of.8", True), ("short", False), ("evil value", False), ("x" * 64, True), ("x" * 65, False)],
)
def test_a_request_keeps_the_name_that_its_client_gave_it_if_it_can_be_one(
    told: Callable[[str], list[str]], sent: str, *, kept: bool
) -> None:
    names = [line for line in told(f"X-Request-ID: {sent}\r\n") if line.startswith("X-Request-ID: ")]
    assert len(names) == 1
    assert (names == [f"X-Request-ID: {sent}"]) == kept
    assert re.fullmatch("X-Request-ID: [A-Za-z0-9._-]{8,64}", names[0])


def test_the_application_logs_who_asks_and_by_what_name(nginx: Nginx) -> None:
    answer = answer_of(nginx.connect(source="127.0.0.9"), "GET", "/posts?author=who-asks", headers=FORGED)
    requests(nginx)
    line = json.loads((nginx.behind.parent / "requests.log").read_text().splitlines()[-1])
    assert (line["address"], line["id"]) == ("127.0.0.9", answer.headers["X-Request-ID"])


def test_the_log_has_a_line_of_json_for_each_request_without_its_query_string(nginx: Nginx) -> None:
    answer = nginx.ask("GET", '/users?cursor="secret"', headers={"User-Agent": 'a "quoted" name'})
    time.sleep(1.5)  # it is written every second
    lines = [json.loads(line) for line in nginx.access_log.read_text().splitlines()]
    [line] = [line for line in lines if line["id"] == answer.headers["X-Request-ID"]]
    told = [line[name] for name in ("address", "method", "path", "status", "upstream_status")]
    assert told == ["127.0.0.1", "GET", "/users", 422, "422"]
    assert "secret" not in str(line)


def test_the_log_tells_what_was_asked_also_of_what_nginx_refuses(nginx: Nginx) -> None:
    answer = read(nginx.send(PROBLEMS["large"][0]))
    time.sleep(1.5)
    lines = [json.loads(line) for line in nginx.access_log.read_text().splitlines()]
    [line] = [line for line in lines if line["id"] == answer.headers["X-Request-ID"]]
    assert [line[name] for name in ("method", "path", "status", "upstream_status")] == ["POST", "/posts", 413, ""]


# ---- What it serves


FILES = ["assets/swagger-ui.css", "assets/swagger-ui-bundle.js", "assets/favicon-32x32.png", "page/initializer.js"]


@pytest.mark.parametrize("path", FILES)
def test_swagger_ui_is_served_by_nginx_as_the_application_serves_it(nginx: Nginx, path: str) -> None:
    before = requests(nginx)
    served = nginx.ask("GET", f"/docs/{path}")
    assert requests(nginx) == before
    own = answer_of(UnixConnection(nginx.behind), "GET", f"/docs/{path}")
    assert served.body == own.body
    for name in ("Content-Type", "Cache-Control", "Content-Security-Policy", "X-Content-Type-Options"):
        assert served.headers.get_all(name) == own.headers.get_all(name), name
    assert_is_guarded(served)
    again = nginx.ask("GET", f"/docs/{path}", headers={"If-None-Match": str(served.headers["ETag"])})
    assert again.status == 304


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "assets/nothing", 404), ("GET", "assets/", 404), ("GET", "assets/../page", 404), ("POST", FILES[0], 405)],
)
def test_what_is_no_file_is_answered_by_the_application(nginx: Nginx, method: str, path: str, status: int) -> None:
    answer = nginx.ask(method, f"/docs/{path}")
    own = answer_of(UnixConnection(nginx.behind), method, f"/docs/{path}")
    assert (answer.status, answer.body, answer.headers["Allow"]) == (status, own.body, own.headers["Allow"])


def test_what_is_compressed_has_a_tag_to_edit_by(nginx: Nginx, ada: Mapping[str, str]) -> None:
    url = publish(nginx, ada)
    squeezed = nginx.ask("GET", url, headers={"Accept-Encoding": "gzip"})
    assert squeezed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in squeezed.headers.get_all("Vary", [])
    assert json.loads(gzip.decompress(squeezed.body)) == nginx.ask("GET", url).json
    tag = str(squeezed.headers["ETag"])
    assert tag.startswith('W/"')
    assert nginx.ask("GET", url, headers={"If-None-Match": tag}).status == 304
    assert nginx.ask("PATCH", url, {"title": "Once"}, {**ada, "If-Match": tag}).status == 200
    assert nginx.ask("PATCH", url, {"title": "Twice"}, {**ada, "If-Match": tag}).status == 412


def curl(nginx: Nginx, *arguments: str) -> str:
    command = ["curl", "--silent", "--show-error", "--cacert", str(nginx.certificate), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@curl_needed
def test_http_2_is_spoken(nginx: Nginx) -> None:
    told = curl(
        nginx, "--http2", "--output", "/dev/null", "--write-out", "%{http_version} %{http_code}", f"{nginx.url}/posts"
    )
    assert told == "2 200"


@curl_needed
@pytest.mark.parametrize(("version", "spoken"), [("1.1", False), ("1.2", True), ("1.3", True)])
def test_tls_is_1_2_or_1_3(nginx: Nginx, version: str, *, spoken: bool) -> None:
    # Security level 0, or curl itself would refuse what is older.
    only = ["--tls-max", version, f"--tlsv{version}", "--ciphers", "DEFAULT@SECLEVEL=0"]
    command = ["curl", "--silent", "--cacert", str(nginx.certificate), *only, f"{nginx.url}/about"]
    assert (subprocess.run(command, capture_output=True, check=False).returncode == 0) == spoken


@curl_needed
def test_the_readmes_session_works_through_nginx(tmp_path: Path) -> None:
    with in_front(tmp_path) as (nginx, _):
        # Its ETag is cut out of a header as HTTP/1.1 has it.
        (tmp_path / ".curlrc").write_text(f"cacert = {nginx.certificate}\nhttp1.1\n")
        commands = [*session(section("A session"))]
        script = "\n".join(f"{command}\necho; echo =====" for command, _ in commands)
        here = script.replace("http://127.0.0.1:8000", nginx.url)
        ran = subprocess.run(
            ["bash", "-c", here],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "CURL_HOME": str(tmp_path)},
        )
    for (command, shown), printed in zip(commands, ran.stdout.split("=====\n"), strict=False):
        assert matches(printed, shown), f"$ {command}\n{printed}{ran.stderr}"


@curl_needed
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_a_reload_loses_no_request_of_who_repeats_what_was_not_answered(
    nginx: Nginx, tmp_path: Path, version: str
) -> None:
    parallel = ["--parallel", "--parallel-max", "8", "--retry", "3", "--retry-all-errors", "--no-progress-meter"]
    shown = ["--output", "/dev/null", "--write-out", "%{stderr}%{http_code}\\n"]
    urls = f"{nginx.url}/posts?limit=[1-100]&tag=t[1-30]"
    command = ["curl", "--cacert", str(nginx.certificate), version, *parallel, *shown, urls]
    reloads = 0
    # Into a file: a pipe that nobody reads would hold curl up.
    with (
        (tmp_path / "told").open("w") as output,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=output) as load,
    ):
        while load.poll() is None:
            time.sleep(0.5)
            nginx.reload()
            reloads += 1
    told = (tmp_path / "told").read_text()
    logger.info("%s: %d reloads, 3000 requests, %d repeated", version, reloads, told.count("Will retry"))
    assert reloads > 2
    assert re.findall(r"^\d{3}$", told, flags=re.MULTILINE) == ["200"] * 3000
