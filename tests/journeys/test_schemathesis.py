"""schemathesis by its command line against the real gunicorn, which no test client is like."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.contract import scene
from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server

pytestmark = pytest.mark.heavy
SETTINGS = {"PRESSROOM_DATABASE_URL": f"sqlite:///{scene.DATABASE}", "PRESSROOM_RATE_LIMITS": "off"}


# The second repeats what is random for a minute, from a seed of its own.
@pytest.mark.parametrize("option", ["--seed=1", "--max-time=60"])
def test_any_request_over_the_wire(
    serve: Callable[..., Server],
    tmp_path: Path,
    pytestconfig: pytest.Config,
    capsys: pytest.CaptureFixture[str],
    option: str,
) -> None:
    scene.reset()
    server = serve(**SETTINGS)
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "schemathesis.cli", "run", "openapi/openapi.json", option]
    ran = subprocess.run(
        [*command, f"--url=http://127.0.0.1:{server.port}", "--report=json", f"--report-json-path={report}"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "SCHEMATHESIS_HOOKS": scene.__name__, "SCENE": str(scene.DIRECTORY), "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = json.loads(report.read_text())
    with capsys.disabled():
        pytestconfig.get_terminal_writer().line(f" {told['test_cases']['generated']} requests, seed {told['seed']}")
    assert told["complete"]
    # A round that is as short as the time left may by chance have named only what is not there.
    chance = {"base_url_mismatch", "missing_test_data"} if "--max-time" in option else set()
    assert {name for name, found in told["warnings"].items() if found} <= chance
    assert told["operations"]["tested"] == told["operations"]["total"] == len(told["valid_rates"])
    for operation, phases in told["valid_rates"].items():
        assert sum(counted["accepted"] for counted in phases.values()), operation
    # Else the workflows, which come last, would have been turned away; where they are repeated, the last may be.
    assert "--max-time" in option or sign_in(server, scene.TOKENS["root"])
    assert "Traceback" not in server.log.read_text()


def sign_in(server: Server, token: str) -> bool:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/me", headers={"Authorization": f"Bearer {token}"})
    status = connection.getresponse().status
    connection.close()
    return status == 200
