"""A failed call on stderr: for people a sentence and what helps, for programs the error body."""

from typing import Any

from agentos_runtime.cli.terminal.output import dim, plain, print_json, say, style
from agentos_runtime.cli.terminal.shell import on_terminal


def print_failure(body: dict[str, Any]) -> None:
    """The error body of the HTTP contract; as JSON unless a person reads stdout."""
    if not on_terminal():
        print_json(body, pretty=False, err=True)
        return
    sentence, code = plain(str(body.get("error"))), dim(str(body.get("code")))
    say(f"{style('error:', fg='red', bold=True)} {sentence} {code}", err=True)
    for problem in body.get("problems", []):
        say(f"  {style(plain(problem['path']), bold=True)} {plain(problem['message'])}", err=True)
    upstream = body.get("upstream") or {}
    said = {name: value for name, value in upstream.items() if value is not None and name not in ("message", "raw")}
    if said:
        say(
            dim("  upstream: " + ", ".join(f"{name} {plain(str(value))}" for name, value in said.items())), err=True
        )
    if body.get("help_url"):
        say(f"  see {plain(body['help_url'])}", err=True)
