"""The attacked site, and the table of results."""

from collections.abc import Iterator

import pytest

from tests.attacks.site import COLUMNS, Site, rows
from tests.support.nginx import EXECUTABLE, NGINX_MISSING, nginx_and_gunicorn

FORMAT = "{:<48} {:>8}  {:>23}  {:<24}  {}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if rows:
        terminalreporter.section("attacks")
        for row in (COLUMNS, *rows):
            terminalreporter.write_line(FORMAT.format(*row))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if EXECUTABLE is None:
        pytest.skip(NGINX_MISSING)
    with nginx_and_gunicorn(tmp_path_factory.mktemp("site"), WEB_CONCURRENCY="2") as (nginx, server):
        yield Site(nginx, server)
        # No attack may raise an exception or kill a worker.
        log = server.log.read_text()
        assert "Traceback" not in log
        assert "SIGKILL" not in log
