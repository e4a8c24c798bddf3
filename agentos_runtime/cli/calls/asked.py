"""A call that a person is asked about: the command waits for the answer, and then makes the call."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from agentos_runtime.calls.call import Call
from agentos_runtime.cli.calls.backend import Backend, CallFailed
from agentos_runtime.cli.terminal.output import dim, plain, say, say_over
from agentos_runtime.cli.terminal.shell import can_ask


async def once_allowed(backend: Backend, call: Call, make: Callable[[Call], Awaitable[None]]) -> None:
    """Make the call; where it waits for a person, make it again once they have answered. Raises CallFailed."""
    call = replace(call, patience=0.0)
    while True:
        try:
            return await make(call)
        except CallFailed as error:
            waiting: Any = error.body.get("waiting")
            if not isinstance(waiting, dict) or waiting.get("state") not in ("pending", "void"):
                raise
            again = waiting["id"] if waiting["state"] == "pending" else None
            if again is not None:
                await _count_down(backend, call, waiting)
        call = replace(call, waiting_id=again)


async def _count_down(backend: Backend, call: Call, waiting: Any) -> None:
    what = f"{plain(call.skill)}/{plain(call.utility)}"
    say(f"{what} waits for a person's yes: agentos waiting yes {plain(str(waiting['id']))}", err=True)
    shows = can_ask()
    until = datetime.fromisoformat(str(waiting["expires_at"])).timestamp()
    state = "pending"
    while state == "pending":
        left = max(0, round(until - time.time()))
        if shows:
            say_over(f"{left // 60} m {left % 60:02d} s left")
        state = (await backend.waiting(str(waiting["id"]), 1.0 if shows else 30.0))["state"]
    if shows:
        say_over("")
    say(dim(f"It is {plain(state)}."), err=True)
