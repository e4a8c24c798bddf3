"""In a real browser: without a mouse, enlarged, from other ports, with many calls and a server that begins anew."""

import os

import pytest

from tests.console.driving import MARKS, driven, names

CALLS = int(os.environ.get("AGENTOS_TEST_SHOWN_CALLS", "150"))
"""Made while the activity is looked at."""
pytestmark = MARKS


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return driven(tmp_path_factory.mktemp("reach"), "reach", storm=CALLS)


@pytest.mark.parametrize("name", names("reach"))
def test_in_a_browser(found: dict[str, str], name: str) -> None:
    assert found[name] == ""
