"""The conversation on stdin and stdout: through the server that runs, or with a runtime of its own."""

import asyncio
import signal
from contextlib import suppress
from typing import Any

from agentos_runtime.cli.lazy import load
from agentos_runtime.cli.mcp.forwarding import ForwardDesk, path_of, running_server
from agentos_runtime.cli.terminal.identity import given_name
from agentos_runtime.cli.terminal.output import flush, say_bytes
from agentos_runtime.cli.terminal.shell import Shell
from agentos_runtime.mcp.stdio import Desk, converse

STDIN = 0


def serve_stdio(shell: Shell, **given: Any) -> None:
    """Until stdin ends, or SIGTERM or SIGINT. Raises Failed, SettingsError."""
    home = {name: given[name] for name in ("home", "skills")}
    settings = shell.settings(**home)
    named = given_name(settings, given["agent"])
    local = given["local"] or any(home.values())
    server = None if local else running_server(settings)
    if server is None:
        load("mcp.in_process:serve")(shell, settings, given, named)
        return
    path = path_of(given["tools"], given["mode"], read_only=given["read_only"])
    token = settings.agent_token or settings.token or settings.operator_token
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if named is not None:
        headers["X-Agent"] = named
    itself = named is None and settings.agent_token is None
    asyncio.run(talk(ForwardDesk(*server, path, headers, itself)))


async def talk(desk: Desk) -> None:
    """Answer stdin on stdout."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def say(message: bytes) -> None:
        try:
            say_bytes(message + b"\n")
            flush()
        except OSError:  # whoever asked is gone
            stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError, ValueError, RuntimeError):
            loop.add_signal_handler(number, stop.set)
    await converse(desk, say, STDIN, stop)
