"""What gunicorn needs to start: `pressroom check` reports what is missing, and gunicorn does not start without it.

The error is the same sentence in both.
"""

import os
import resource
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from api.cli.main import cli
from api.settings import DOCSTRINGS_REQUIRED, Settings
from api.start.address import SOCKET_PATH_MAX_BYTES
from api.start.open_files import files_needed
from api.start.requirements import find_problems
from api.store.engine import start
from api.store.engine.database import Database
from api.store.errors import Unavailable
from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server, worker_pids
from tests.support.sockets import free_port
from tests.support.users import unprivileged

LONG = "x" * SOCKET_PATH_MAX_BYTES
WITHOUT_GEVENT = "import sys; sys.modules['gevent'] = None"
PROBLEMS = {
    "run directory missing": (
        {"PRESSROOM_RUN_DIR": "{}/nope"},
        "Invalid PRESSROOM_RUN_DIR '{}/nope': the directory {}/nope does not exist. Create it.",
    ),
    "run directory is a file": (
        {"PRESSROOM_RUN_DIR": "{}/file"},
        "Invalid PRESSROOM_RUN_DIR '{}/file': {}/file is not a directory.",
    ),
    "access log in no directory": (
        {"PRESSROOM_ACCESS_LOG": "{}/nope/x"},
        "Invalid PRESSROOM_ACCESS_LOG '{}/nope/x': the directory {}/nope does not exist. Create it.",
    ),
    "access log is a directory": (
        {"PRESSROOM_ACCESS_LOG": "{}/"},
        "Invalid PRESSROOM_ACCESS_LOG '{}/': {} is a directory. Add the name of a file.",
    ),
    "access log in a file": (
        {"PRESSROOM_ACCESS_LOG": "{}/file/x"},
        "Invalid PRESSROOM_ACCESS_LOG '{}/file/x': {}/file is not a directory.",
    ),
    "error log in no directory": (
        {"PRESSROOM_ERROR_LOG": "{}/nope/x"},
        "Invalid PRESSROOM_ERROR_LOG '{}/nope/x': the directory {}/nope does not exist. Create it.",
    ),
    "error log empty": (
        {"PRESSROOM_ERROR_LOG": ""},
        "Invalid PRESSROOM_ERROR_LOG '': use FILE, or - for standard error.",
    ),
    "no workers": ({"WEB_CONCURRENCY": "0"}, "Invalid WEB_CONCURRENCY '0': use a whole number from 1 to 1000."),
    "too many workers": (
        {"WEB_CONCURRENCY": "1001"},
        "Invalid WEB_CONCURRENCY '1001': use a whole number from 1 to 1000.",
    ),
    "control character in the number of workers": (
        {"WEB_CONCURRENCY": "2\r"},
        "Invalid WEB_CONCURRENCY: remove the control character U+000D, with which Windows ends lines.",
    ),
    "gevent missing": (
        {"PRESSROOM_WORKER_CLASS": "gevent", "PYTHONPATH": "{}"},
        "PRESSROOM_WORKER_CLASS=gevent requires gevent: run `pip install gevent`.",
    ),
    "port too high": (
        {"PRESSROOM_BIND": "127.0.0.1:65536"},
        "Invalid PRESSROOM_BIND '127.0.0.1:65536': use a port from 1 to 65535, or 0 for any that is free.",
    ),
    "unknown host": (
        {"PRESSROOM_BIND": "nowhere.invalid:8000"},
        "Invalid PRESSROOM_BIND 'nowhere.invalid:8000': the host nowhere.invalid cannot be resolved.",
    ),
    "malformed host": (
        {"PRESSROOM_BIND": "a..b:8000"},
        "Invalid PRESSROOM_BIND 'a..b:8000': the host a..b cannot be resolved.",
    ),
    "address of another machine": (
        {"PRESSROOM_BIND": "192.0.2.1:8000"},
        "Invalid PRESSROOM_BIND '192.0.2.1:8000': 192.0.2.1 is not an address of this machine.",
    ),
    "IPv6 address of another machine": (
        {"PRESSROOM_BIND": "[2001:db8::1]:8000"},
        "Invalid PRESSROOM_BIND '[2001:db8::1]:8000': 2001:db8::1 is not an address of this machine.",
    ),
    "socket in no directory": (
        {"PRESSROOM_BIND": "unix:{}/nope/x"},
        "Invalid PRESSROOM_BIND 'unix:{}/nope/x': the directory {}/nope does not exist. Create it.",
    ),
    "socket is a file": (
        {"PRESSROOM_BIND": "unix:{}/file"},
        "Invalid PRESSROOM_BIND 'unix:{}/file': {}/file is not a socket. Remove it, or choose another path.",
    ),
    "socket with a trailing slash": (
        {"PRESSROOM_BIND": "unix:{}/x/"},
        "Invalid PRESSROOM_BIND 'unix:{}/x/': remove the trailing slash.",
    ),
    "path of the socket too long": (
        {"PRESSROOM_BIND": f"unix:/{LONG}"},
        f"Invalid PRESSROOM_BIND 'unix:/{LONG}': the path has 108 bytes. Use one of at most 107.",
    ),
    "too many threads": (
        {"PRESSROOM_THREADS": "1001"},
        "Invalid PRESSROOM_THREADS '1001': use a whole number from 1 to 1000.",
    ),
}
DATABASE_PROBLEMS = {
    "in no directory": (
        {"PRESSROOM_DATABASE_URL": "sqlite:///{}/nope/x"},
        "Cannot create the database {}/nope/x: the directory {}/nope does not exist. Create it.",
    ),
    "is a directory": (
        {"PRESSROOM_DATABASE_URL": "sqlite:///{}"},
        "The database {} is a directory. Add the name of a file to PRESSROOM_DATABASE_URL.",
    ),
    "replica of SQLite": (
        {"PRESSROOM_REPLICA_URL": "postgresql://nowhere/x"},
        "PRESSROOM_REPLICA_URL requires PostgreSQL: remove it, or set PRESSROOM_DATABASE_URL to its primary.",
    ),
}


def environment_for(directory: Path, changes: Mapping[str, str]) -> dict[str, str]:
    """Return PRESSROOM_ settings with which a server could start in `directory`, but for the changes."""
    (directory / "file").touch()
    (directory / "sitecustomize.py").write_text(WITHOUT_GEVENT)
    return {
        "PATH": os.environ["PATH"],
        "PRESSROOM_DATABASE_URL": f"sqlite:///{directory}/pressroom.sqlite",
        "PRESSROOM_BIND": f"127.0.0.1:{free_port()}",
        **{name: text.replace("{}", str(directory)) for name, text in changes.items()},
    }


def run(directory: Path, *command: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a module in the directory of the code, with settings for `directory`."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=PROJECT_ROOT,
        env=environment_for(directory, changes),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `pressroom check` in this process, with settings for `tmp_path`."""

    def run_check(**changes: str) -> Result:
        for name in os.environ:
            if name.startswith("PRESSROOM_"):
                monkeypatch.delenv(name)
        for name, text in environment_for(tmp_path, changes).items():
            monkeypatch.setenv(name, text)
        if "gevent" in changes.values():
            monkeypatch.setitem(sys.modules, "gevent", None)  # as if it were not installed
        return CliRunner().invoke(cli, ["check"])

    return run_check


@pytest.mark.parametrize("name", PROBLEMS)
def test_gunicorn_and_check_report_a_missing_requirement_in_one_sentence(
    tmp_path: Path, check: Callable[..., Result], name: str
) -> None:
    environment, message = PROBLEMS[name]
    sentence = message.replace("{}", str(tmp_path))
    checked = check(**environment)
    assert (checked.exit_code, checked.stdout, checked.stderr) == (1, "", f"Error: {sentence}\n")
    gunicorn = run(tmp_path, "gunicorn", **environment)
    assert (gunicorn.returncode, gunicorn.stdout, gunicorn.stderr) == (1, "", f"{sentence}\n")
    assert not (tmp_path / "pressroom.sqlite").exists()


@pytest.mark.parametrize("name", DATABASE_PROBLEMS)
def test_check_reports_a_database_that_cannot_be_used(tmp_path: Path, check: Callable[..., Result], name: str) -> None:
    environment, message = DATABASE_PROBLEMS[name]
    checked = check(**environment)
    assert (checked.exit_code, checked.stdout) == (1, "")
    assert checked.stderr == f"Error: {message.replace('{}', str(tmp_path))}\n"


@pytest.fixture
def public_directory() -> Iterator[Path]:
    """A directory that all users can read, with one and a file that the owner alone can write."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        (path / "fixed").mkdir()
        (path / "fixed" / "log").touch()
        for each, mode in ((path, 0o755), (path / "fixed", 0o555), (path / "fixed" / "log", 0o444)):
            each.chmod(mode)
        yield path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"run_dir": "fixed"},
            "Invalid PRESSROOM_RUN_DIR 'fixed': the directory {}/fixed is not writable by this user.",
        ),
        (
            {"access_log": "fixed/new"},
            "Invalid PRESSROOM_ACCESS_LOG 'fixed/new': the directory {}/fixed is not writable by this user.",
        ),
        (
            {"error_log": "fixed/log"},
            "Invalid PRESSROOM_ERROR_LOG 'fixed/log': {}/fixed/log is not writable by this user.",
        ),
        (
            {"bind": "unix:fixed/x"},
            "Invalid PRESSROOM_BIND 'unix:fixed/x': the directory {}/fixed is not writable by this",
        ),
    ],
)
def test_a_path_that_is_not_writable_is_reported(public_directory: Path, changes: dict[str, Any], message: str) -> None:
    with unprivileged():
        [problem] = find_problems(Settings(**{"bind": "127.0.0.1:0", **changes}), directory=public_directory)
    assert problem.startswith(message.replace("{}", str(public_directory)))


@pytest.mark.parametrize("file", ["fixed/new", "fixed/log"])
def test_a_database_that_is_not_writable_is_reported_with_the_user(public_directory: Path, file: str) -> None:
    database = Database(Settings(database_url=f"sqlite:///{public_directory / file}"))
    with (
        unprivileged(),
        pytest.raises(Unavailable, match=f"^{public_directory}/fixed is not writable by [a-z]+[.] Change"),
    ):
        start.describe(database)


@pytest.mark.parametrize(
    ("module", "environment", "message"),
    [
        (
            "psycopg",
            {"PRESSROOM_DATABASE_URL": "postgresql://x/y"},
            "PRESSROOM_DATABASE_URL requires the PostgreSQL driver",
        ),
        ("redis", {"PRESSROOM_REDIS_URL": "redis://x"}, "PRESSROOM_REDIS_URL requires the Redis client"),
    ],
)
def test_check_reports_a_missing_package(
    tmp_path: Path, module: str, environment: dict[str, str], message: str
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(f"import sys; sys.modules[{module!r}] = None")
    checked = run(tmp_path, "api.cli", "check", PYTHONPATH="{}/site", **environment)
    assert (checked.returncode, checked.stderr.count("\n")) == (1, 1)
    assert checked.stderr.startswith(f"Error: {message}: run `pip install")


@pytest.mark.parametrize("text", ["x", "-1", "", "1.5", "0x2"])
def test_check_reports_a_number_of_workers_with_which_gunicorn_itself_fails(
    check: Callable[..., Result], text: str
) -> None:
    checked = check(WEB_CONCURRENCY=text)
    assert checked.stderr == f"Error: Invalid WEB_CONCURRENCY {text!r}: use a whole number from 1 to 1000.\n"
    assert checked.exit_code == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("--workers x", "argument -w/--workers: invalid int value: 'x'"),
        ("--nosuch", "unrecognized arguments: --nosuch"),
        ("--workers -1", "Value must be positive: -1"),
        ("--bind a:b", "'b' is not a valid port number."),
        ("'", "No closing quotation"),
        ("--user nosuchuser", "No such user: 'nosuchuser'"),
        ("--chdir /nosuch", "can't chdir to '/nosuch'"),
        ("--worker-class nosuch", "class uri 'nosuch' invalid or not found"),
        ("--help", "--help and --version start no server"),
        ("--version", "--help and --version start no server"),
    ],
)
def test_check_reports_invalid_options_of_gunicorn(check: Callable[..., Result], text: str, message: str) -> None:
    checked = check(GUNICORN_CMD_ARGS=text)
    assert (checked.exit_code, checked.stderr) == (1, f"Error: Invalid GUNICORN_CMD_ARGS: {message.rstrip('.')}.\n")


def test_check_reports_every_problem(check: Callable[..., Result]) -> None:
    environment = {
        "PRESSROOM_RUN_DIR": "{}/nope",
        "PRESSROOM_DATABASE_URL": "sqlite:///{}/nope/x",
        "WEB_CONCURRENCY": "0",
    }
    assert check(**environment).stderr.count("Error: ") == 3


@pytest.mark.parametrize("command", ["check", "serve"])
def test_check_and_serve_report_every_invalid_setting(tmp_path: Path, command: str) -> None:
    invalid = {"PRESSROOM_DATABASE_URL": "x", "PRESSROOM_THREADS": "0", "PRESSROOM_NO": "x", "WEB_CONCURRENCY": "x"}
    result = run(tmp_path, "api.cli", command, **invalid)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "Error: Unknown setting PRESSROOM_NO. `pressroom settings` prints all of them.",
        "Error: Invalid PRESSROOM_DATABASE_URL: use sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME.",
        "Error: Invalid PRESSROOM_THREADS '0': use a whole number from 1 to 1000.",
        "Error: Invalid WEB_CONCURRENCY 'x': use a whole number from 1 to 1000.",
    ]


def test_gunicorn_reports_every_invalid_setting(tmp_path: Path) -> None:
    result = run(tmp_path, "gunicorn", PRESSROOM_THREADS="0", PRESSROOM_PGBOUNCER="yes")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 2)


def test_serve_starts_gunicorn_in_the_current_directory(tmp_path: Path) -> None:
    """Modules of that directory do not take the place of Pressroom's."""
    (here := tmp_path / "here").mkdir()
    Path(here, "api").mkdir()
    Path(here, "api", "__init__.py").write_text("raise SystemExit('another package')")
    program = str(Path(sys.executable).with_name("pressroom"))
    server = Server([program, "serve"], tmp_path, here, PRESSROOM_DATABASE_URL="sqlite:///pressroom.sqlite")
    try:
        server.wait_until_ready()
    finally:
        status = server.stop()
    assert status == 0
    assert (here / "pressroom.sqlite").exists()


def test_check_reports_an_address_in_use_without_failing(check: Callable[..., Result]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        bind = f"127.0.0.1:{listener.getsockname()[1]}"
        checked = check(PRESSROOM_BIND=bind)
    assert (checked.exit_code, checked.stderr) == (0, "")
    assert checked.stdout.splitlines()[1].startswith(f"{bind} is in use now.")


def test_check_creates_nothing_for_a_new_installation(tmp_path: Path, check: Callable[..., Result]) -> None:
    (tmp_path / "run").mkdir()
    environment = {
        "PRESSROOM_RUN_DIR": "{}/run",
        "PRESSROOM_ACCESS_LOG": "{}/access.log",
        "PRESSROOM_ERROR_LOG": "{}/log",
    }
    checked = check(PRESSROOM_BIND="unix:{}/socket", **environment)
    expected = f"The settings are valid, and the database will be created at {tmp_path}/pressroom.sqlite.\n"
    assert (checked.exit_code, checked.stdout, checked.stderr) == (0, expected, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "run", "sitecustomize.py"]
    assert not [*(tmp_path / "run").iterdir()]


def test_an_empty_database_will_be_migrated(tmp_path: Path, check: Callable[..., Result]) -> None:
    (tmp_path / "pressroom.sqlite").touch()
    checked = check()
    assert checked.stdout.endswith("pressroom.sqlite will be migrated when the server starts.\n")


@pytest.mark.parametrize("command", ["check", "users promote ada", "openapi print", "gunicorn"])
def test_missing_docstrings_are_reported_in_one_sentence(tmp_path: Path, command: str) -> None:
    module = () if command == "gunicorn" else ("api.cli",)
    result = run(tmp_path, *module, *command.split(), PYTHONOPTIMIZE="2")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.removeprefix("Error: ") == f"{DOCSTRINGS_REQUIRED}\n"


def test_the_document_is_the_same_without_assertions(tmp_path: Path) -> None:
    document = run(tmp_path, "api.cli", "openapi", "print", PYTHONOPTIMIZE="1").stdout
    assert document == (PROJECT_ROOT / "openapi" / "openapi.json").read_text()


@pytest.fixture
def connect() -> Iterator[Callable[[Server, int], list[socket.socket]]]:
    """Open idle connections, which are closed after the test."""
    with ExitStack() as stack:
        yield lambda server, number: [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=5)) for _ in range(number)
        ]


def test_gunicorn_raises_a_low_limit_of_open_files(
    serve: Callable[..., Server], connect: Callable[[Server, int], list[socket.socket]]
) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    server = serve("tests.support.limited_files", "64", str(hard), "gunicorn")
    [worker] = worker_pids(server)
    assert resource.prlimit(worker, resource.RLIMIT_NOFILE) == (files_needed(Settings()), hard)
    for connection in connect(server, 200):
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert server.get_status("/posts") == 200
    assert worker_pids(server) == [worker]


@pytest.mark.parametrize("worker_class", ["gthread", pytest.param("gevent", marks=pytest.mark.heavy)])
def test_a_worker_with_the_files_it_needs_survives_more_connections_than_it_accepts(
    serve: Callable[..., Server], connect: Callable[[Server, int], list[socket.socket]], worker_class: str
) -> None:
    settings = Settings(worker_connections=20, threads=2, worker_class=worker_class)
    limit = str(files_needed(settings))
    server = serve(
        "tests.support.limited_files",
        limit,
        limit,
        "gunicorn",
        PRESSROOM_WORKER_CONNECTIONS="20",
        PRESSROOM_THREADS="2",
        PRESSROOM_WORKER_CLASS=worker_class,
    )
    workers = worker_pids(server)
    for connection in connect(server, 200):
        connection.close()
    assert server.get_status("/posts") == 200
    assert worker_pids(server) == workers


@pytest.mark.parametrize("command", [("gunicorn",), ("api.cli", "check")])
def test_a_limit_of_open_files_that_is_too_low_is_reported(tmp_path: Path, command: tuple[str, ...]) -> None:
    result = run(tmp_path, "tests.support.limited_files", "64", "128", *command)
    assert result.returncode == 1
    assert result.stderr.removeprefix("Error: ").startswith("A worker needs 604 open files, and the limit is 128.")
    assert result.stderr.count("\n") == 1
