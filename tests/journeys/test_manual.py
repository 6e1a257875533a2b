"""The console sessions of the README and of the manual work as documented."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clients import PASSWORD
from tests.support.pages import console_session, matches
from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server, make_demo_site, sign_up

PAGES = {
    str(page.relative_to(PROJECT_ROOT)): commands
    for page in (PROJECT_ROOT / "README.md", *sorted((PROJECT_ROOT / "docs").rglob("*.md")))
    if (commands := [*console_session(page.read_text())])
}


@pytest.mark.skipif(shutil.which("curl") is None, reason="the sessions need curl: apt-get install curl")
@pytest.mark.parametrize("name", PAGES)
def test_the_session_of_the_page_works_as_documented(serve: Callable[..., Server], tmp_path: Path, name: str) -> None:
    """That of the README begins with the demo site, those of the guides where the tutorial has ada's token."""
    if name == "README.md":
        make_demo_site(tmp_path)
    server = serve()
    environment = {**os.environ, "PRESSROOM_DATABASE_URL": server.database_url}
    if name.startswith("docs/guides/"):
        ada = sign_up(server)
        environment["TOKEN"] = ada["Authorization"].removeprefix("Bearer ")
        # The posts of the tutorial are there, so that no guide depends on ids.
        post = server.post_json("/posts", {"title": "Published before", "body": "b"}, ada)
        server.post_json(f"{post['url']}/comments", {"body": "Written before."}, ada)
    lines = [line for command, _ in PAGES[name] for line in (command, "echo; echo =====")]
    script = "\n".join(lines).replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
    script = script.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    result = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment,
        # The prompts for a password read standard input if there is no terminal.
        input=f"{PASSWORD}\n" * 2,
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,
    )
    for (command, documented), actual in zip(PAGES[name], result.stdout.split("=====\n"), strict=False):
        assert matches(actual, documented), f"$ {command}\n{actual}{result.stderr}"


@pytest.mark.skipif(shutil.which("node") is None, reason="the module needs Node: apt-get install nodejs")
def test_the_module_of_the_guide_prints_what_is_documented(serve: Callable[..., Server]) -> None:
    server = serve()
    sign_up(server)
    page = (PROJECT_ROOT / "docs" / "guides" / "fetch.md").read_text()
    [(module, documented)] = re.findall(r"^```js\n(.*?)^```.*?^```text\n(.*?)^```", page, flags=re.DOTALL | re.M)
    result = subprocess.run(
        ["node", "--input-type=module"],
        input=module.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert matches(result.stdout, documented), result.stderr
