"""Fixtures for the contract tests."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from api.settings import Settings
from tests.support.change_feed_site import Site, open_site

DIRECTORY = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure no coverage here: the other tests cover the same code, and these would take 70 % longer."""
    for item in items:
        if item.path.is_relative_to(DIRECTORY):
            item.add_marker("no_cover")


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[Site]:
    """A site for the tests of change feeds, on SQLite and on PostgreSQL."""
    postgresql = None
    if request.param == "postgresql":
        postgresql = request.getfixturevalue("postgresql")
        settings = replace(settings, database_url=request.getfixturevalue("postgresql_url"))
    with open_site(settings, tmp_path, postgresql) as site:
        yield site
