"""Fixtures for the contract tests."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from api.settings import Settings
from tests.support.change_feed_site import Site, open_site


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[Site]:
    """A site for the tests of change feeds, on SQLite and on PostgreSQL."""
    postgresql = None
    if request.param == "postgresql":
        postgresql = request.getfixturevalue("postgresql")
        settings = replace(settings, database_url=request.getfixturevalue("postgresql_url"))
    with open_site(settings, tmp_path, postgresql) as site:
        yield site
