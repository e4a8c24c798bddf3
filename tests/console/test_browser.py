"""The console in a real browser, which the Python of `build/clients` drives: one run, a test for each scenario."""

from random import Random

import pytest

from tests.console.driving import MARKS, driven, names
from tests.console.schemas import any_case

CASES = 1000
pytestmark = MARKS


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    random = Random(20261128)
    cases = [any_case(random) for _ in range(CASES)]
    return driven(tmp_path_factory.mktemp("browser"), "scenarios", cases=cases)


@pytest.mark.parametrize("name", names("scenarios"))
def test_in_a_browser(found: dict[str, str], name: str) -> None:
    assert found[name] == ""
