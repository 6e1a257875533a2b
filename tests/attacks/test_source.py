"""Static analysis of the source for vulnerabilities and secrets."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import PROJECT_ROOT

pytestmark = pytest.mark.heavy

EXCEPTIONS = {
    ("B406", "api/atom.py"): "escapes text, and parses none",
    ("B606", "api/cli/serve.py"): "starts gunicorn by a path of its own",
    ("B311", "api/http/request_ids.py"): "request ids, which are not secret",
    ("B307", "api/schemas/compiled.py"): "compiles our own schemas; field names are checked",
    ("B108", "api/start/directories.py"): "makes a directory with a random name in /dev/shm",
    ("B608", "api/store/archive_locks.py"): "names of our own tables",
    ("B608", "api/store/change_positions.py"): "names of our own tables",
    ("B311", "api/store/columns.py"): "revisions, which are not secret",
    ("B307", "api/store/engine/connections.py"): "compiles our own column names",
    ("B608", "api/store/comments_table.py"): "two constants",
    ("B608", "api/store/engine/migrate.py"): "constants",
    ("B311", "api/store/engine/retries.py"): "pauses, which are not secret",
    ("B608", "api/store/engine/sqlite_rebuild.py"): "names of our own tables and columns",
    ("B608", "api/store/migrations/versions/0005_tags_of_authors.py"): "constants",
    ("B608", "api/store/migrations/versions/0008_revisions.py"): "constants",
    ("B608", "api/store/posts_inserts.py"): "two constants",
    ("B608", "api/store/posts_words.py"): "constants",
    ("B608", "api/store/timeline.py"): "constants",
}
# detect-secrets must not report the ETag, the revision and the token in the examples of the OpenAPI document.
EXAMPLES = "^(7d3f0c2a91b8e654(\\.[0-9a-f]{32})?|prt_uNEZn0yH2pUPVzDwSvVrwAfF5dGcTfJ0x9sKqQn4b3E)$"


def run(tool: str, *arguments: str, directory: Path = PROJECT_ROOT) -> Any:
    """Run a tool and return its JSON output; it may exit with 1 to report findings."""
    command = [str(Path(sys.executable).with_name(tool)), *arguments]
    return json.loads(subprocess.run(command, cwd=directory, check=False, capture_output=True, text=True).stdout)


def test_bandit_finds_only_the_known_exceptions() -> None:
    # B105 takes every string next to "token" or "pass" for a password; ruff's S105 is more precise.
    report = run("bandit", "--quiet", "--recursive", "--format=json", "--skip=B105", "api")
    assert report["metrics"]["_totals"]["loc"] > 1000
    assert {(each["test_id"], each["filename"]) for each in report["results"]} == EXCEPTIONS.keys()


def test_detect_secrets_finds_no_secret_in_the_repository() -> None:
    # The keyword detector would report every password that a test invents; ruff checks `api` for passwords.
    no_keywords = "--disable-plugin=KeywordDetector"
    assert run("detect-secrets", "scan", no_keywords, f"--exclude-secrets={EXAMPLES}")["results"] == {}


def test_detect_secrets_would_find_a_private_key(tmp_path: Path) -> None:
    # In two parts, so that detect-secrets does not report this file.
    (tmp_path / "key.pem").write_text("-----BEGIN " + "PRIVATE KEY-----\n")
    assert list(run("detect-secrets", "scan", "--all-files", directory=tmp_path)["results"]) == ["key.pem"]
