"""Our server with one protection taken away: `python -m benchmarks.fortress VARIANT`, to know what each costs.

Only for measuring: nothing of this can be switched off in the runtime itself. Sealing is none of the variants: what
is compiled asks no worker, so jq in this process instead would be slower, and say nothing of what workers cost.
"""

import os
import sys
from collections.abc import Callable, Mapping

from agentos_runtime.cli.main import run
from agentos_runtime.security.agents import Caller
from agentos_runtime.server.guard import Admission
from agentos_runtime.storage.activity.ledger import Ledger
from agentos_runtime.storage.activity.rows import Closing, Entry


async def _no_start(self: Ledger, **_: str) -> Entry:
    return Entry(None, ())


async def _no_finish(self: Ledger, entry: Entry, end: Closing, *, reads: bool = False) -> bool:
    return True


def _without_guard() -> None:
    setattr(Admission, "check", lambda *_: Caller("bench"))  # noqa: B010 - mypy forbids assigning to a method


def _without_ledger() -> None:
    setattr(Ledger, "start", _no_start)  # noqa: B010
    setattr(Ledger, "finish", _no_finish)  # noqa: B010


VARIANTS: Mapping[str, Callable[[], None]] = {
    "guard": _without_guard,
    "ledger": _without_ledger,
}

if __name__ == "__main__":
    VARIANTS[sys.argv[1]]()
    sys.exit(run(["serve"], os.environ))
