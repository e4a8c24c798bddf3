"""The console in the other engine that people use: every page once."""

import os
import shutil
from pathlib import Path

import pytest

from tests.console.driving import MARKS, driven

FIREFOX = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
pytestmark = [
    *MARKS,
    pytest.mark.skipif(
        FIREFOX is None or "AGENTOS_TEST_FIREFOX" not in os.environ, reason="run by `scripts/prove firefox`"
    ),
]


def test_every_page_opens_in_firefox_and_a_call_is_made_and_seen(tmp_path: Path) -> None:
    assert driven(tmp_path, "firefox", program="firefox.py", browser=FIREFOX) == {"tour": ""}
