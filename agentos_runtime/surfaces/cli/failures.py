"""A failed call on stderr: for people a sentence and what helps, for programs the error body."""

from typing import Any

import click

from agentos_runtime import jsontext
from agentos_runtime.surfaces.cli.output import dim, plain
from agentos_runtime.surfaces.cli.shell import on_terminal


def print_failure(body: dict[str, Any]) -> None:
    """The error body of the HTTP contract; as JSON unless a person reads stdout."""
    if not on_terminal():
        click.echo(jsontext.dump(body), err=True)
        return
    sentence, code = plain(str(body.get("error"))), dim(str(body.get("code")))
    click.echo(f"{click.style('error:', fg='red', bold=True)} {sentence} {code}", err=True)
    for problem in body.get("problems", []):
        click.echo(f"  {click.style(plain(problem['path']), bold=True)} {plain(problem['message'])}", err=True)
    upstream = body.get("upstream") or {}
    said = {name: value for name, value in upstream.items() if value is not None and name not in ("message", "raw")}
    if said:
        click.echo(
            dim("  upstream: " + ", ".join(f"{name} {plain(str(value))}" for name, value in said.items())), err=True
        )
    if body.get("help_url"):
        click.echo(f"  see {plain(body['help_url'])}", err=True)
