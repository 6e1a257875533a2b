"""The README's sessions, as printed."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.servers import Server
from tests.test_documentation import section


def session(text: str) -> Iterator[tuple[str, str]]:
    """The commands of console blocks, each with what is printed below it."""
    for block in re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL):
        for command, _, printed in (part.partition("\n") for part in block.split("$ ")[1:]):
            yield command, printed


def matches(printed: str, shown: str) -> bool:
    """Whether `printed` is what is `shown`, where … is anything."""
    pattern = ".*".join(map(re.escape, shown.strip().split("…")))
    return re.fullmatch(pattern, printed.replace("\r", "").strip(), flags=re.DOTALL) is not None


@pytest.mark.skipif(shutil.which("curl") is None, reason="the session needs curl: apt-get install curl")
def test_the_session_works_as_printed(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve()
    commands = [*session(section("A session")), *session(section("At a terminal"))]
    assert len(commands) > 10
    script = [f'cd "{tmp_path}"', f"export PRESSROOM_DATABASE_URL={server.database_url}"]
    for command, _ in commands:
        script += [command, "echo; echo ====="]
    here = "\n".join(script).replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
    here = here.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    ran = subprocess.run(["bash", "-c", here], capture_output=True, text=True, check=True)
    for (command, shown), printed in zip(commands, ran.stdout.split("=====\n"), strict=False):
        assert matches(printed, shown), f"$ {command}\n{printed}{ran.stderr}"
