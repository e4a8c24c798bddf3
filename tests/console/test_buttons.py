"""In a real browser: every button of every page; a minute and a half, so `scripts/prove console` runs it."""

import os

import pytest

from tests.console.conftest import Opened
from tests.console.driving import MARKS, calls, driven, names
from tests.server.client import ask

pytestmark = [
    *MARKS,
    pytest.mark.skipif("AGENTOS_TEST_BUTTONS" not in os.environ, reason="run by `scripts/prove console`"),
]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return driven(tmp_path_factory.mktemp("buttons"), "buttons", first=_many)


@pytest.mark.parametrize("name", names("buttons"))
def test_in_a_browser(found: dict[str, str], name: str) -> None:
    assert found[name] == ""


def _many(it: Opened) -> None:
    """More than one page of the activity holds."""
    calls(it)
    for _ in range(60):
        ask(it, "POST", "/api/skills/forms/look", {}, {"X-Agent": "busy"})
