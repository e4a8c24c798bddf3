"""A console with the toy skill, and the promise that no command ever prints a key."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.console import Console
from tests.cli.skills import CANARY, TOY


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    made = Console(tmp_path / "home", tmp_path / "skills")
    made.write("toy/readme.md", TOY)
    yield made
    assert not any(CANARY in text for text in made.seen)
