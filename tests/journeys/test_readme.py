"""The README's console sessions work as documented."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.readme import console_session, matches, section
from tests.support.servers import Server


@pytest.mark.skipif(shutil.which("curl") is None, reason="the session needs curl: apt-get install curl")
def test_the_readmes_sessions_work_as_documented(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve()
    commands = [*console_session(section("A session")), *console_session(section("At a terminal"))]
    assert len(commands) > 10
    lines = [f'cd "{tmp_path}"', f"export PRESSROOM_DATABASE_URL={server.database_url}"]
    for command, _ in commands:
        lines += [command, "echo; echo ====="]
    script = "\n".join(lines).replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
    script = script.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    # The prompts for a password read standard input if there is no terminal.
    passwords = "correct horse battery staple\n" * 2
    result = subprocess.run(
        ["bash", "-c", script], input=passwords, capture_output=True, text=True, check=True, start_new_session=True
    )
    for (command, documented), actual in zip(commands, result.stdout.split("=====\n"), strict=False):
        assert matches(actual, documented), f"$ {command}\n{actual}{result.stderr}"
