"""What an attacker finds in the source."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import PROJECT_ROOT

pytestmark = pytest.mark.heavy

EXCEPTIONS = {
    ("B311", "api/http/application.py"): "names of requests, which are no secrets",
    ("B307", "api/schemas/dumping.py"): "compiles what schemas say, which are ours; names are checked",
    ("B307", "api/store/connections.py"): "compiles the names of our own columns",
}
# What no file of ours may hold but these may look like: the ETag and the token of the document's examples.
EXAMPLES = "^(0a4d55a8d778e5022fab701977c5d840bbc486d0|prt_uNEZn0yH2pUPVzDwSvVrwAfF5dGcTfJ0x9sKqQn4b3E)$"


def told(tool: str, *arguments: str, directory: Path = PROJECT_ROOT) -> Any:
    """What the tool prints, as JSON; it may exit with 1 for what it finds."""
    command = [str(Path(sys.executable).with_name(tool)), *arguments]
    return json.loads(subprocess.run(command, cwd=directory, check=False, capture_output=True, text=True).stdout)


def test_bandit_finds_nothing_but_what_is_explained() -> None:
    # B105 takes every string beside "token" or "pass" for a password; ruff's S105 looks closer.
    report = told("bandit", "--quiet", "--recursive", "--format=json", "--skip=B105", "api")
    assert report["metrics"]["_totals"]["loc"] > 1000
    assert {(each["test_id"], each["filename"]) for each in report["results"]} == EXCEPTIONS.keys()


def test_no_secret_is_kept_in_the_repository() -> None:
    # By name, it would find every password that a test makes up; ruff looks for those of `api`.
    by_name = "--disable-plugin=KeywordDetector"
    assert told("detect-secrets", "scan", by_name, f"--exclude-secrets={EXAMPLES}")["results"] == {}


def test_a_secret_would_be_found(tmp_path: Path) -> None:
    # In two parts, or it would be found here.
    (tmp_path / "key.pem").write_text("-----BEGIN " + "PRIVATE KEY-----\n")
    assert list(told("detect-secrets", "scan", "--all-files", directory=tmp_path)["results"]) == ["key.pem"]
