"""A database per worker, and one per test where a test changes what all share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.console import Console
from tests.stores.databases import made, server


@pytest.fixture(scope="session")
def postgres() -> str:
    """The address of a server."""
    return server()


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """The address of a database of the test's own, migrated."""
    with made(postgres) as address:
        yield address


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path / "home", tmp_path / "skills")
