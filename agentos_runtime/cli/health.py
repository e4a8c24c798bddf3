"""What is in order and what is not, for people."""

from collections.abc import Iterable, Mapping

from agentos_runtime.cli.terminal.output import plain, say, style
from agentos_runtime.runtime.home.findings import Finding

MARKS: Mapping[str, tuple[str, str]] = {
    "fine": ("ok", "green"),
    "note": ("note", "yellow"),
    "wrong": ("wrong", "red"),
}


def print_findings(findings: Iterable[Finding]) -> None:
    for found in findings:
        mark, colour = MARKS[found.state]
        say(f"{style(f'{mark:>5}', fg=colour)}  {found.name}: {plain(found.text)}")
