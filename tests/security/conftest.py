"""What was tried is counted and said at the end of the run."""

import pytest
from _pytest.terminal import TerminalReporter

from tests.security.tally import Tally

TALLY = pytest.StashKey[Tally]()


@pytest.fixture
def tally(pytestconfig: pytest.Config) -> Tally:
    return pytestconfig.stash.setdefault(TALLY, Tally())


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    tally = config.stash.get(TALLY, None)
    if tally is not None and not terminalreporter.stats.get("failed") and tally.counts:
        terminalreporter.write_line(str(tally))
