"""A console whose home is empty."""

from pathlib import Path

import pytest

from tests.cli.console import Console


@pytest.fixture
def console(tmp_path: Path) -> Console:
    made = Console(tmp_path / "home", tmp_path / "none")
    made.as_installed()
    return made
