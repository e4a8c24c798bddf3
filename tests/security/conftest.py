"""What was tried is counted and said at the end of the run, whichever process of the run tried it."""

from typing import Any

import pytest
from _pytest.terminal import TerminalReporter

from tests.security.tally import Tally

TALLY = pytest.StashKey[Tally]()


@pytest.fixture
def tally(pytestconfig: pytest.Config) -> Tally:
    return pytestconfig.stash.setdefault(TALLY, Tally())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist hands its counts over."""
    tally = session.config.stash.get(TALLY, None)
    handed_over: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if tally is not None and handed_over is not None:
        handed_over["tally"] = dict(tally.counts)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    counts: dict[str, int] = getattr(node, "workeroutput", {}).get("tally", {})
    total = node.config.stash.setdefault(TALLY, Tally())
    for what, number in counts.items():
        total.add(what, number)


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    tally = config.stash.get(TALLY, None)
    if tally is not None and not terminalreporter.stats.get("failed") and tally.counts:
        terminalreporter.write_line(str(tally))
