"""A console with an empty folder of skills."""

from pathlib import Path

import pytest

from tests.importers.workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop.at(tmp_path)
