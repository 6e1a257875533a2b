"""`gunicorn`, without arguments."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server, roll, workers


def gunicorn(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gunicorn", *arguments]
    return subprocess.run(
        command, cwd=PROJECT_ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_the_configuration_is_good(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'pressroom.sqlite'}"
    assert gunicorn("--check-config", PRESSROOM_DATABASE_URL=database).returncode == 0


SHOWN = {
    ("PRESSROOM_BIND", "127.0.0.1:9000"): "bind = ['127.0.0.1:9000']",
    ("PRESSROOM_WORKER_CLASS", "gevent"): "worker_class = gevent",
    ("PRESSROOM_THREADS", "3"): "threads = 3",
    ("PRESSROOM_WORKER_CONNECTIONS", "77"): "worker_connections = 77",
    ("PRESSROOM_TIMEOUT", "11"): "timeout = 11",
    ("PRESSROOM_GRACEFUL_TIMEOUT", "12"): "graceful_timeout = 12",
    ("PRESSROOM_KEEPALIVE", "13"): "keepalive = 13",
    ("PRESSROOM_MAX_REQUESTS", "14"): "max_requests = 14",
    ("PRESSROOM_MAX_REQUESTS_JITTER", "15"): "max_requests_jitter = 15",
    ("PRESSROOM_ERROR_LOG", "error.log"): "errorlog = error.log",
    ("PRESSROOM_LOG_LEVEL", "debug"): "loglevel = debug",
    ("WEB_CONCURRENCY", "4"): "workers = 4",
}


def test_every_setting_of_the_server_has_its_variable() -> None:
    printed = gunicorn("--print-config", **dict(SHOWN.keys())).stdout
    assert set(SHOWN.values()) <= {" ".join(line.split()) for line in printed.splitlines()}


@pytest.mark.parametrize("variable", ["PRESSROOM_THREADS", "PRESSROOM_THREAD"])
def test_a_bad_setting_stops_the_start_with_a_sentence(variable: str) -> None:
    refused = gunicorn(**{variable: "many"})
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert refused.stderr.startswith((f"Invalid {variable} 'many': ", f"Unknown setting {variable}. "))


def test_no_worker_is_no_server() -> None:
    refused = gunicorn(WEB_CONCURRENCY="0")
    assert (refused.returncode, refused.stderr) == (
        1,
        "Invalid WEB_CONCURRENCY '0': use a whole number of at least 1.\n",
    )


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"PRESSROOM_DATABASE_URL": "sqlite:////nowhere/x"}, "/nowhere/x cannot be made: No such file"),
        ({"PRESSROOM_DATABASE_URL": "sqlite:///{directory}/letter"}, "cannot be read. (file is not a database)"),
        ({"PRESSROOM_REPLICA_URL": "postgresql://nowhere/x"}, "PRESSROOM_REPLICA_URL is for PostgreSQL."),
    ],
)
def test_what_workers_find_wrong_stops_the_start_with_a_sentence(
    tmp_path: Path, settings: dict[str, str], reason: str
) -> None:
    Path(tmp_path, "letter").write_text("A letter, not a database.")
    given = {"PRESSROOM_DATABASE_URL": "sqlite:///{directory}/new", **settings}
    settings = {name: text.format(directory=tmp_path) for name, text in given.items()}
    # One worker: where two end at nearly the same time, gunicorn may print a traceback of its own.
    refused = gunicorn(PRESSROOM_BIND="127.0.0.1:0", WEB_CONCURRENCY="1", **settings)
    assert refused.returncode == 4
    assert reason in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    "worker_class", ["gthread", *(pytest.param(other, marks=pytest.mark.heavy) for other in ("sync", "gevent"))]
)
def test_the_first_start_makes_the_database(serve: Callable[..., Server], worker_class: str) -> None:
    server = serve(PRESSROOM_WORKER_CLASS=worker_class)
    assert f"Using worker: {worker_class}\n" in server.log.read_text()
    assert server.get("/posts") == 200
    assert server.stop() == 0


def test_flask_serves_development(serve: Callable[..., Server]) -> None:
    assert serve("flask", "--app", "api.wsgi:application", "run").get("/posts") == 200


def test_connections_are_kept(serve: Callable[..., Server]) -> None:
    connection = HTTPConnection("127.0.0.1", serve().port, timeout=10)
    for _ in range(3):
        connection.request("GET", "/health/live")
        assert connection.getresponse().read() == b'{"status":"live"}\n'
        kept = connection.sock
        assert kept is not None
    connection.close()


def test_new_workers_load_what_was_deployed(serve: Callable[..., Server], tmp_path: Path) -> None:
    """A master that had imported the application would hand its old code down to new workers."""
    shutil.copytree(PROJECT_ROOT / "api", tmp_path / "api")
    shutil.copy(PROJECT_ROOT / "gunicorn.conf.py", tmp_path)
    server = serve(directory=tmp_path)
    for name, old, new in (
        ("constraints", "TITLE_MAX_LENGTH = 200", "TITLE_MAX_LENGTH = 199"),
        ("settings", "setting(30,", "setting(29,"),
    ):
        module = tmp_path / "api" / f"{name}.py"
        assert old in module.read_text()
        module.write_text(module.read_text().replace(old, new))
    server.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 20
    while server.read("/about")["limits"]["title"] != 199:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert server.read("/about")["limits"]["token_days"] == 29


CHUNKED = (
    b"POST /users HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


def test_a_chunked_body_is_read(serve: Callable[..., Server]) -> None:
    body = b'{"username": "ada", "password": "12345678"}'
    half = len(body) // 2
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:half], body[half:], b""))
    assert serve().send(CHUNKED + chunks).startswith(b"HTTP/1.1 201 ")


def test_nobody_but_a_trusted_proxy_moves_the_application(serve: Callable[..., Server]) -> None:
    server = serve()
    for header in (b"SCRIPT_NAME: /users", b"X-Forwarded-Prefix: /evil", b"X-Forwarded-Host: evil.example"):
        raw = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + header + b"\r\n\r\n"
        answer = server.send(raw)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b'"users_url":"/users"' in answer
        assert b"evil" not in answer


@pytest.mark.heavy
@pytest.mark.parametrize("path", ["/", "/posts", "/docs", "/docs/assets/swagger-ui.css", "/openapi.json", "/nothing"])
def test_httplint_finds_nothing_in_what_it_sends(serve: Callable[..., Server], path: str) -> None:
    answer = serve().send(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    command = [str(Path(sys.executable).with_name("httplint")), "--now"]
    said = subprocess.run(command, input=answer, capture_output=True, check=True).stdout.decode()
    assert "[GOOD]" in said
    assert "[BAD]" not in said


def counted(server: Server, status: str = "200") -> float:
    """How many answers to GET /posts the workers have counted."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(server.text("/metrics"))
        for sample in family.samples
        if sample.name == "pressroom_http_request_duration_seconds_count"
        if sample.labels == {"method": "GET", "route": "/posts", "status": status}
    )


def test_what_all_workers_count_is_added_up_and_outlives_them(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve(
        WEB_CONCURRENCY="2",
        PRESSROOM_MAX_REQUESTS="20",
        PRESSROOM_MAX_REQUESTS_JITTER="0",
        PRESSROOM_RUN_DIR=str(tmp_path),
    )
    first = set(workers(server))
    for _ in range(300):
        assert server.get("/posts") == 200
    assert counted(server) == 300
    assert not first & set(workers(server))
    [counts] = tmp_path.glob("pressroom-*")
    # As many as there are workers at once, and one more while one is renewed.
    assert len([*counts.glob("histogram_*")]) <= 4
    assert server.stop() == 0
    assert not counts.exists()


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A version, in a directory of its own."""
    house = tmp_path / "house"
    shutil.copytree(PROJECT_ROOT / "api", house / "api")
    shutil.copy(PROJECT_ROOT / "gunicorn.conf.py", house)
    return house


def test_a_roll_replaces_every_worker_and_drops_nothing(
    serve: Callable[..., Server], tmp_path: Path, house: Path
) -> None:
    (run := tmp_path / "run").mkdir()
    server = serve(directory=house, WEB_CONCURRENCY="2", PRESSROOM_RUN_DIR=str(run))
    old, module = set(workers(server)), house / "api" / "constraints.py"
    module.write_text(module.read_text().replace("TITLE_MAX_LENGTH = 200", "TITLE_MAX_LENGTH = 199"))
    rolled = threading.Event()

    def ask() -> list[int]:
        answers = []
        while not rolled.is_set():
            answers.append(server.get("/posts"))
        return answers

    with ThreadPoolExecutor(4) as clients:
        asking = [clients.submit(ask) for _ in range(4)]
        told = roll(run, house)
        rolled.set()
        answers = [answer for each in asking for answer in each.result()]
    assert told.stdout == "2 workers have been replaced.\n", told.stderr
    assert len(workers(server)) == 2
    assert not old & set(workers(server))
    assert server.read("/about")["limits"]["title"] == 199
    assert len(answers) > 20
    assert set(answers) == {200}


def test_a_link_that_leads_to_another_version_is_taken_up_by_a_restart_alone(
    serve: Callable[..., Server], tmp_path: Path, house: Path
) -> None:
    link, run = tmp_path / "link", tmp_path / "run"
    run.mkdir()
    link.symlink_to(house)
    # As a shell that has gone there tells gunicorn.
    server = serve(directory=link, PWD=str(link), PRESSROOM_RUN_DIR=str(run))
    other = Path(shutil.copytree(house, tmp_path / "other"))
    module = other / "api" / "constraints.py"
    module.write_text(module.read_text().replace("TITLE_MAX_LENGTH = 200", "TITLE_MAX_LENGTH = 199"))
    link.unlink()
    link.symlink_to(other)
    refused = roll(run, other)
    assert refused.stderr == f"Error: The server runs the code in {house}, not {other}. Restart it.\n"
    assert roll(run, house).returncode == 0
    assert server.read("/about")["limits"]["title"] == 200


@pytest.mark.parametrize("broken", ["code", "log", "migration"])
def test_a_roll_leaves_the_workers_alone_if_others_could_not_start(
    serve: Callable[..., Server], tmp_path: Path, house: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    (run := tmp_path / "run").mkdir()
    server = serve(directory=house, PRESSROOM_RUN_DIR=str(run))
    old = workers(server)
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", server.database_url)
    match broken:
        case "code":
            (house / "api" / "wsgi.py").write_text("import nonexistent\n")
        case "log":
            monkeypatch.setenv("PRESSROOM_ACCESS_LOG", "/nowhere/access.log")
        case "migration":
            (house / "api/store/migrations/versions/9999_broken.py").write_text("import nonexistent\n")
    assert roll(run, house).returncode == 1
    assert workers(server) == old
    assert server.get("/posts") == 200


def test_a_roll_without_a_server_says_so(serve: Callable[..., Server], tmp_path: Path) -> None:
    refused = roll(tmp_path)
    assert refused.returncode == 1
    assert refused.stderr == (
        "Error: No server uses this PRESSROOM_RUN_DIR. Set it for the server too, and start the server.\n"
    )
    gone = subprocess.Popen(["true"])
    gone.wait()
    (tmp_path / "gunicorn.pid").write_text(f"{gone.pid}\n")
    assert roll(tmp_path).stderr == ("Error: No worker is ready: the server is starting or has stopped. See its log.\n")
    (tmp_path / f"pressroom-{gone.pid}-left").mkdir()
    (tmp_path / f"pressroom-{gone.pid}-left" / "ready_1").touch()
    assert roll(tmp_path).stderr == "Error: Cannot signal gunicorn: No such process.\n"
