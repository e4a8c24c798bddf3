"""What a skill may do, and who said so: shown before a key is given or a skill is approved."""

from collections.abc import Iterable
from typing import Any

from agentos_runtime.cli.terminal.output import dim, print_table, say
from agentos_runtime.security.authority import carried

OPEN = "open"
"""In place of a placement: the call needs nobody's approval."""
NOWHERE = "the file does not say where"


def print_permissions(permissions: Iterable[Any]) -> None:
    """`Permission.as_json` of each as a table: where a call goes, with what, and who approved it."""
    rows = [
        (
            found["method"],
            found["origin"] or NOWHERE,
            "no key" if found["placement"] == OPEN else carried(found),
            found["approved_by"] or "nobody yet",
        )
        for found in permissions
    ]
    if rows:
        print_table(("METHOD", "ORIGIN", "CARRIES", "APPROVED BY"), rows, indent="  ")
    else:
        say(dim("  Calls without a key, to public addresses only."))
