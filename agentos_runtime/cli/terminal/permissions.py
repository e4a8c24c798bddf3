"""What a skill may do, and who said so: shown before a key is given or a skill is approved."""

from collections.abc import Iterable
from typing import Any

from agentos_runtime.cli.terminal.output import dim, print_table, say

NOWHERE = "the file does not say where"


def print_permissions(permissions: Iterable[Any]) -> None:
    """`Permission.as_json` of each as a table: where a call goes, with what, and who approved it."""
    rows = [
        (found["method"], found["origin"] or NOWHERE, _what(found), found["approved_by"] or "nobody yet")
        for found in permissions
    ]
    if rows:
        print_table(("METHOD", "ORIGIN", "CARRIES", "APPROVED BY"), rows, indent="  ")
    else:
        say(dim("  Calls without a key, to public addresses only."))


def _what(grant: Any) -> str:
    if grant["placement"] == "open":
        return "no key"
    opens, _, path = grant["placement"].partition(":")
    if opens == "use":
        carried = "no key" if grant["credential"] is None else "the key"
        return f"{carried}; {path or 'any path'}, as agents ask (agentos use)"
    if grant["credential"] is None:
        return "no key; an address of this machine or its network"
    if grant["placement"] == "login":
        return "no key; a code, to log in and be given one"
    if grant["placement"] == "client":
        return "the client's id and secret, to be given tokens"
    name = "the key" if grant["credential"] == "default" else f"the {grant['credential']} key"
    return f"{name} in {grant['placement'].replace(':', ' ', 1)}"
