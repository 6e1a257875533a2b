"""`gunicorn` without arguments: configuration, start, HTTP, metrics and rolling deployments."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from api.cli.main import cli
from api.settings import Settings
from api.store import posts
from api.store.engine.database import Database
from tests.support.deployments import copy_code, deploy_title_max_length, deployed_title_max_length, replace_in, roll
from tests.support.paths import PROJECT_ROOT
from tests.support.processes import child_pids
from tests.support.servers import Server, sign_up, worker_pids
from tests.support.waiting import wait_until


def gunicorn(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gunicorn", *arguments]
    return subprocess.run(
        command, cwd=PROJECT_ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_the_configuration_is_valid(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'pressroom.sqlite'}"
    assert gunicorn("--check-config", PRESSROOM_DATABASE_URL=database).returncode == 0


CONFIGURATION = {
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


def test_a_master_that_replaces_another_one_has_its_offset_of_the_clock(serve: Callable[..., Server]) -> None:
    """Otherwise, one that starts after the clock was set might delete all idempotency keys."""
    server = serve(PRESSROOM_GRACEFUL_TIMEOUT="2")

    def environment(pid: int) -> bytes:
        try:
            return Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:  # it has ended
            return b""

    def new_masters() -> list[int]:
        return [pid for pid in worker_pids(server) if b"GUNICORN_PID=" in environment(pid)]

    server.process.send_signal(signal.SIGUSR2)
    wait_until(new_masters)
    [new] = new_masters()
    assert b"\0WALL_CLOCK_OFFSET=" in environment(new)
    wait_until(lambda: child_pids(new))
    os.kill(new, signal.SIGTERM)
    wait_until(lambda: new not in worker_pids(server))


def test_every_setting_of_gunicorn_has_an_environment_variable() -> None:
    printed = gunicorn("--print-config", **dict(CONFIGURATION.keys())).stdout
    assert set(CONFIGURATION.values()) <= {" ".join(line.split()) for line in printed.splitlines()}


@pytest.mark.parametrize("variable", ["PRESSROOM_THREADS", "PRESSROOM_THREAD"])
def test_an_invalid_setting_stops_the_start_with_a_one_line_message(variable: str) -> None:
    result = gunicorn(**{variable: "many"})
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith((f"Invalid {variable} 'many': ", f"Unknown setting {variable}. "))


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"PRESSROOM_DATABASE_URL": "sqlite:////nowhere/x"}, "Cannot create the database /nowhere/x: No such file"),
        ({"PRESSROOM_DATABASE_URL": "sqlite:///{directory}/letter"}, "(file is not a database)"),
        ({"PRESSROOM_REPLICA_URL": "postgresql://nowhere/x"}, "PRESSROOM_REPLICA_URL requires PostgreSQL"),
    ],
)
def test_an_error_while_a_worker_boots_stops_the_start_with_a_message(
    tmp_path: Path, environment: dict[str, str], reason: str
) -> None:
    Path(tmp_path, "letter").write_text("A letter, not a database.")
    defaults = {"PRESSROOM_DATABASE_URL": "sqlite:///{directory}/new"}
    environment = {name: text.format(directory=tmp_path) for name, text in {**defaults, **environment}.items()}
    # One worker: if two end at nearly the same time, gunicorn itself may print a traceback.
    result = gunicorn(PRESSROOM_BIND="127.0.0.1:0", WEB_CONCURRENCY="1", **environment)
    assert result.returncode == 4
    assert reason in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "worker_class", ["gthread", *(pytest.param(other, marks=pytest.mark.heavy) for other in ("sync", "gevent"))]
)
def test_the_first_start_creates_the_database(serve: Callable[..., Server], tmp_path: Path, worker_class: str) -> None:
    new = tmp_path / "new.sqlite"
    server = serve(PRESSROOM_WORKER_CLASS=worker_class, PRESSROOM_DATABASE_URL=f"sqlite:///{new}")
    assert new.exists()
    assert f"Using worker: {worker_class}\n" in server.log.read_text()
    assert server.get_status("/posts") == 200
    assert server.stop() == 0


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT], ids=["term", "int"])
def test_workers_that_have_just_been_forked_obey_a_stop(tmp_path: Path, stop: signal.Signals) -> None:
    # A worker of a busy machine may stand still right after the fork, when it still has the master's signal handlers.
    sleep = "import os, time; os.register_at_fork(after_in_child=lambda: time.sleep(1))"
    Path(tmp_path, "sitecustomize.py").write_text(sleep)
    server = Server(["gunicorn"], tmp_path, PYTHONPATH=str(tmp_path), WEB_CONCURRENCY="2")
    try:
        wait_until(lambda: len(worker_pids(server)) == 2)
        server.process.send_signal(stop)
        server.process.wait(20)  # PRESSROOM_GRACEFUL_TIMEOUT is 30 seconds
    finally:
        server.process.kill()
        server.process.wait()
    assert server.log.read_text().count("Worker exiting") == 2


def test_flask_run_serves_the_api(serve: Callable[..., Server]) -> None:
    assert serve("flask", "--app", "api.wsgi:application", "run").get_status("/posts") == 200


def test_connections_are_persistent(serve: Callable[..., Server]) -> None:
    connection = HTTPConnection("127.0.0.1", serve().port, timeout=10)
    for _ in range(3):
        connection.request("GET", "/health/live")
        assert connection.getresponse().read() == b'{"status":"live"}\n'
        assert connection.sock is not None  # http.client drops it when the server closes the connection
    connection.close()


@pytest.mark.heavy
def test_new_workers_run_the_deployed_code(serve: Callable[..., Server], tmp_path: Path) -> None:
    """A master that had imported the application would pass its old code on to new workers."""
    code = copy_code(tmp_path)
    server = serve(code=code)
    deploy_title_max_length(code, "199")
    days = "token_days: int = setting(\n        "
    replace_in(code / "api" / "settings.py", f"{days}30,", f"{days}29,")
    server.process.send_signal(signal.SIGHUP)
    # Both of one response: an old worker may still serve the next request.
    limits: dict[str, int] = {}

    def is_deployed() -> bool:
        limits.update(server.get_json("/about")["limits"])
        return limits["title"] == 199

    wait_until(is_deployed)
    assert limits["token_days"] == 29


@pytest.mark.heavy
def test_a_client_that_stops_reading_an_export_does_not_occupy_a_thread_for_long(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    code = copy_code(tmp_path)
    replace_in(code / "api" / "worker.py", "SEND_SECONDS = 10\n", "SEND_SECONDS = 1\n")
    server = serve(code=code, PRESSROOM_THREADS="1")
    token = sign_up(server)
    with closing(Database(Settings(database_url=server.database_url))) as database, database.write() as db:
        for _ in range(100):  # more than the buffers of the connection hold
            posts.publish(db, author_id=1, title="t", body="b" * 200_000, tags=[], published_at=None)
    with closing(socket.socket()) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        fields = f"Host: x\r\nAuthorization: {token['Authorization']}"
        client.sendall(f"GET /me/export HTTP/1.1\r\n{fields}\r\n\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 200"
        assert server.get_status("/posts") == 200  # in time


CHUNKED = (
    b"POST /users HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


def test_chunked_request_bodies_are_accepted(serve: Callable[..., Server]) -> None:
    body = b'{"username": "ada", "password": "12345678"}'
    half = len(body) // 2
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:half], body[half:], b""))
    assert serve().send_raw(CHUNKED + chunks).startswith(b"HTTP/1.1 201 ")


def test_clients_that_are_no_trusted_proxy_cannot_change_urls(serve: Callable[..., Server]) -> None:
    server = serve()
    for header in (b"SCRIPT_NAME: /users", b"X-Forwarded-Prefix: /evil", b"X-Forwarded-Host: evil.example"):
        raw = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + header + b"\r\n\r\n"
        response = server.send_raw(raw)
        assert response.startswith(b"HTTP/1.1 200 ")
        assert b'"users_url":"/users"' in response
        assert b"evil" not in response


@pytest.mark.heavy
@pytest.mark.parametrize("path", ["/", "/posts", "/docs", "/docs/assets/swagger-ui.css", "/openapi.json", "/nothing"])
def test_httplint_finds_no_fault_in_responses(serve: Callable[..., Server], path: str) -> None:
    response = serve().send_raw(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    command = [str(Path(sys.executable).with_name("httplint")), "--now"]
    report = subprocess.run(command, input=response, capture_output=True, check=True).stdout.decode()
    assert "[GOOD]" in report
    assert "[BAD]" not in report


def counted_responses(server: Server, status: str = "200") -> float:
    """Return the number of responses to GET /posts in the metrics."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(server.get_text("/metrics"))
        for sample in family.samples
        if sample.name == "pressroom_http_request_duration_seconds_count"
        if sample.labels == {"method": "GET", "route": "/posts", "status": status}
    )


@pytest.mark.heavy
def test_metrics_are_summed_over_workers_and_outlive_them(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve(
        WEB_CONCURRENCY="2",
        PRESSROOM_MAX_REQUESTS="20",
        PRESSROOM_MAX_REQUESTS_JITTER="0",
        PRESSROOM_RUN_DIR=str(tmp_path),
    )
    first = set(worker_pids(server))
    for _ in range(120):
        assert server.get_status("/posts") == 200
    assert counted_responses(server) == 120
    assert not first & set(worker_pids(server))
    [metrics] = tmp_path.glob("pressroom-*")
    # Files of ended workers are merged: there are two workers and, for a while, their replacements.
    assert len([*metrics.glob("histogram_*")]) <= 4
    assert server.stop() == 0
    assert not metrics.exists()


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A copy of the code, to change."""
    return copy_code(tmp_path / "code")


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    (directory := tmp_path / "run").mkdir()
    return directory


def test_a_roll_replaces_every_worker_and_no_request_fails(
    serve: Callable[..., Server], code: Path, run_dir: Path
) -> None:
    server = serve(code=code, WEB_CONCURRENCY="2", PRESSROOM_RUN_DIR=str(run_dir))
    old = set(worker_pids(server))
    deploy_title_max_length(code, "199")
    rolled = threading.Event()

    def read() -> list[int]:
        statuses = []
        while not rolled.is_set():
            statuses.append(server.get_status("/posts"))
            time.sleep(0.005)  # leaves the processor to the workers that start
        return statuses

    with ThreadPoolExecutor(4) as clients:
        readers = [clients.submit(read) for _ in range(4)]
        result = roll(run_dir, code)
        rolled.set()
        statuses = [status for reader in readers for status in reader.result()]
    assert result.stdout == "2 workers have been replaced.\n", result.stderr
    assert len(worker_pids(server)) == 2
    assert not old & set(worker_pids(server))
    assert deployed_title_max_length(server) == 199
    assert len(statuses) > 20
    assert set(statuses) == {200}


@pytest.mark.heavy
def test_a_roll_rejects_a_link_that_now_points_to_another_version(
    serve: Callable[..., Server], tmp_path: Path, code: Path, run_dir: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(code)
    # PWD: a shell that has changed into the link passes the link's path to gunicorn.
    server = serve(code=link, PWD=str(link), PRESSROOM_RUN_DIR=str(run_dir))
    other = copy_code(tmp_path / "other")
    deploy_title_max_length(other, "199")
    link.unlink()
    link.symlink_to(other)
    result = roll(run_dir, other)
    assert result.stderr == f"Error: The server runs the code in {code}, not {other}. Restart it.\n"
    assert roll(run_dir, code).returncode == 0
    assert deployed_title_max_length(server) == 200


@pytest.mark.parametrize("broken", ["code", "log", "migration"])
def test_a_roll_keeps_the_workers_if_new_ones_could_not_start(
    serve: Callable[..., Server], code: Path, run_dir: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    server = serve(code=code, PRESSROOM_RUN_DIR=str(run_dir))
    old = worker_pids(server)
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", server.database_url)
    match broken:
        case "code":
            (code / "api" / "wsgi.py").write_text("import nonexistent\n")
        case "log":
            monkeypatch.setenv("PRESSROOM_ACCESS_LOG", "/nowhere/access.log")
        case "migration":
            (code / "api/store/migrations/versions/9999_broken.py").write_text("import nonexistent\n")
    assert roll(run_dir, code).returncode == 1
    assert worker_pids(server) == old
    assert server.get_status("/posts") == 200


def test_a_roll_without_a_server_is_an_error(tmp_path: Path) -> None:
    result = roll(tmp_path)
    assert result.returncode == 1
    assert (
        result.stderr
        == "Error: No server uses this PRESSROOM_RUN_DIR. Set it for the server too, and start the server.\n"
    )


def leave_run_dir(run_dir: Path, pid: int) -> None:
    """Leave in `run_dir` what a killed master of that process id leaves there."""
    (run_dir / "gunicorn.pid").write_text(f"{pid}\n")
    left = run_dir / f"pressroom-{pid}-left"
    left.mkdir()
    (left / "ready_1").touch()
    (left / "code").write_text(str(PROJECT_ROOT))


@pytest.mark.parametrize("content", ["", "gunicorn", "-1", "0", "1.5", "9" * 30, "\0", "\xff"])
def test_a_roll_rejects_a_pid_file_that_names_no_server(
    settings: Settings, run_dir: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("PRESSROOM_RUN_DIR", str(run_dir))
    (run_dir / "gunicorn.pid").write_bytes(content.encode("latin-1"))
    result = CliRunner().invoke(cli, ["deploy", "roll"])
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert result.stderr.startswith(
        ("Error: No server uses this PRESSROOM_RUN_DIR.", "Error: The server is starting or")
    )


def test_a_roll_does_not_signal_a_process_that_got_the_id_of_a_killed_master(run_dir: Path) -> None:
    # SIGTTIN would stop this process, and any other signal end it.
    with subprocess.Popen(["sleep", "60"]) as foreign:
        leave_run_dir(run_dir, foreign.pid)
        result = roll(run_dir)
        state = Path(f"/proc/{foreign.pid}/stat").read_text().split()[2]
        foreign.kill()
    assert (result.returncode, state) == (1, "S")
    assert result.stderr.startswith(f"Error: The server is starting or has stopped: process {foreign.pid} in ")


@pytest.mark.heavy
def test_a_roll_does_not_signal_the_server_of_another_run_directory(
    serve: Callable[..., Server], tmp_path: Path, run_dir: Path
) -> None:
    (other := tmp_path / "other").mkdir()
    server = serve(PRESSROOM_RUN_DIR=str(other))
    workers = worker_pids(server)
    leave_run_dir(run_dir, server.process.pid)
    assert roll(run_dir).returncode == 1
    assert worker_pids(server) == workers
    assert roll(other).returncode == 0
    assert worker_pids(server) != workers


def test_a_server_starts_although_another_process_has_the_id_of_a_killed_master(
    serve: Callable[..., Server], run_dir: Path
) -> None:
    with subprocess.Popen(["sleep", "60"]) as foreign:
        leave_run_dir(run_dir, foreign.pid)
        server = serve(PRESSROOM_RUN_DIR=str(run_dir))
        assert (run_dir / "gunicorn.pid").read_text() == f"{server.process.pid}\n"
        foreign.kill()


def test_a_server_removes_the_directories_of_killed_masters(serve: Callable[..., Server], run_dir: Path) -> None:
    leave_run_dir(run_dir, 2**22)
    left = run_dir / f"pressroom-{2**22}-left"
    shutil.copytree(left, run_dir / "pressroom-1-young")
    os.utime(left / "code", (0, 0))
    server = serve(PRESSROOM_RUN_DIR=str(run_dir))
    [own] = run_dir.glob(f"pressroom-{server.process.pid}-*")
    assert {path.name for path in run_dir.glob("pressroom-*")} == {own.name, "pressroom-1-young"}


@pytest.mark.heavy
def test_a_second_server_does_not_take_the_run_directory_of_a_running_one(
    serve: Callable[..., Server], run_dir: Path
) -> None:
    server = serve(PRESSROOM_RUN_DIR=str(run_dir))
    second = gunicorn(PRESSROOM_RUN_DIR=str(run_dir), PRESSROOM_BIND="127.0.0.1:0")
    assert (second.returncode, second.stderr.count("Already running on PID")) == (1, 1)
    assert "Traceback" not in second.stderr
    assert (run_dir / "gunicorn.pid").read_text() == f"{server.process.pid}\n"
    assert roll(run_dir).returncode == 0


@pytest.mark.heavy
def test_a_roll_recognises_the_server_after_a_reload(serve: Callable[..., Server], run_dir: Path) -> None:
    server = serve(PRESSROOM_RUN_DIR=str(run_dir))
    old = worker_pids(server)
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: not set(worker_pids(server)) & set(old))
    server.wait_until_ready()
    result = roll(run_dir)
    assert result.returncode == 0, result.stderr
