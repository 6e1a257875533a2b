"""schemathesis by its command line, against gunicorn instead of a test client: on the tests' site, and on the demo."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from http.client import HTTPConnection
from itertools import takewhile
from pathlib import Path

import pytest

from api.settings import TOKEN_DAYS_MAX
from tests.contract import scene
from tests.contract.catalogue import OPERATIONS
from tests.support.pages import console_session, section
from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server

pytestmark = pytest.mark.heavy
ENVIRONMENT = {
    "PRESSROOM_DATABASE_URL": f"sqlite:///{scene.DATABASE}",
    "PRESSROOM_RATE_LIMITS": "off",
    "PRESSROOM_TOKEN_DAYS": str(TOKEN_DAYS_MAX),
}


# The second repeats its random phases for a minute, from a random seed.
@pytest.mark.nightly
@pytest.mark.parametrize("option", ["--seed=1", "--max-time=60"])
def test_schemathesis_finds_no_failure_in_gunicorns_responses(
    serve: Callable[..., Server],
    tmp_path: Path,
    pytestconfig: pytest.Config,
    capsys: pytest.CaptureFixture[str],
    option: str,
) -> None:
    scene.reset()
    server = serve(**ENVIRONMENT)
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "schemathesis.cli", "run", "openapi/openapi.json", option]
    command.append("--suppress-health-check=too_slow")  # how fast it generates requests depends on the machine
    result = subprocess.run(
        [*command, f"--url=http://127.0.0.1:{server.port}", "--report=json", f"--report-json-path={report}"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "SCHEMATHESIS_HOOKS": scene.__name__, "SCENE": str(scene.DIRECTORY), "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    results = json.loads(report.read_text())
    with capsys.disabled():
        pytestconfig.get_terminal_writer().line(
            f" {results['test_cases']['generated']} requests, seed {results['seed']}"
        )
    assert results["complete"]
    # The last repetition may be so short that its requests name only resources that do not exist.
    possible = {"base_url_mismatch", "missing_test_data"} if "--max-time" in option else set()
    assert {name for name, found in results["warnings"].items() if found} <= possible
    operations = results["operations"]
    assert operations["tested"] == operations["total"] == len(results["valid_rates"])
    for operation, phases in results["valid_rates"].items():
        assert sum(counted["accepted"] for counted in phases.values()), operation
    # Otherwise the workflows, which run last, would have got 401; the last of repeated ones may.
    assert "--max-time" in option or is_valid(server, scene.TOKENS["root"])
    assert "Traceback" not in server.log.read_text()


def test_schemathesis_finds_no_failure_on_the_demo_by_the_documented_commands(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    """All operations get requests, and accept some, as documented, and there are no warnings."""
    commands = [shlex.split(command) for command, _ in console_session(section("openapi/README.md", "Test a server"))]
    (start, start_environment), (run, run_environment) = map(separate, commands[1:])
    server = serve(*start, str(tmp_path / "demo.sqlite"), **start_environment)
    report = tmp_path / "report.json"
    run = [argument.replace(":8000", f":{server.port}") for argument in run]
    result = subprocess.run(
        [*run, "--report=json", f"--report-json-path={report}"],
        cwd=PROJECT_ROOT,
        env={**os.environ, **run_environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    results = json.loads(report.read_text())
    assert results["complete"]
    assert {name for name, found in results["warnings"].items() if found} == set()
    accepting = [
        operation
        for operation, phases in results["valid_rates"].items()
        if any(counted["accepted"] for counted in phases.values())
    ]
    assert len(accepting) == results["operations"]["tested"] == results["operations"]["total"] == len(OPERATIONS)
    assert f"All {len(OPERATIONS)} operations get requests, and all {len(OPERATIONS)} accept" in " ".join(
        section("openapi/README.md", "Test a server").split()
    )
    assert "Traceback" not in server.log.read_text()


def separate(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return a command, with the path of its program, and the variables before it."""
    variables = dict(word.split("=", 1) for word in takewhile(lambda word: "=" in word, words))
    program, *arguments = words[len(variables) :]
    return [str(Path(sys.executable).parent / Path(program).name), *arguments], variables


def is_valid(server: Server, token: str) -> bool:
    """Return whether a token still signs in."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/me", headers={"Authorization": f"Bearer {token}"})
    status = connection.getresponse().status
    connection.close()
    return status == 200
