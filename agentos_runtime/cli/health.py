"""What is in order and what is not, for people."""

from collections.abc import Iterable, Mapping

from agentos_runtime.cli.terminal.output import columns, plain, say, style, wrapped
from agentos_runtime.cli.terminal.shell import on_terminal
from agentos_runtime.runtime.home.findings import Finding

MARKS: Mapping[str, tuple[str, str]] = {
    "fine": ("ok", "green"),
    "note": ("note", "yellow"),
    "wrong": ("wrong", "red"),
}


def print_findings(findings: Iterable[Finding]) -> None:
    for found in findings:
        mark, colour = MARKS[found.state]
        text = f"{found.name}: {plain(found.text)}"
        first, *more = wrapped(text, columns() - 7) if on_terminal() else [text]
        say(f"{style(f'{mark:>5}', fg=colour)}  {first}")
        for line in more:
            say(f"       {line}")
