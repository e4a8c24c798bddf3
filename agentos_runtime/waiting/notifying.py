"""A program of the operator's is told of each new question."""

import asyncio
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from agentos_runtime.config.tables import read_table
from agentos_runtime.error_logging import Troubles
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.waiting.entries import Entry

PATIENCE = 10.0
"""Seconds that the program may take."""
AT_ONCE = 4
PASSED = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY")
PASSED_ALSO = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
"""Variables that it gets, and no other: keys stand in the others."""


def read_notify(raw: object, file: object) -> tuple[str, ...]:
    """The table `notify`: the program and its arguments; empty when there is none. Raises SettingsError."""
    found: tuple[str, ...] = read_table(raw, f"{file}: notify", {"command": _command}).get("command", ())
    return found


class Notifier:
    """Runs the program once for each question, what it is about as JSON on its stdin; never a param of the call."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self._command = tuple(command)
        self._environ = {name: environ[name] for name in (*PASSED, *PASSED_ALSO) if name in environ}
        self._running: set[asyncio.Task[None]] = set()
        self._troubles = Troubles(__name__)

    @property
    def troubles(self) -> tuple[str, ...]:
        """A sentence while the program does not work."""
        return self._troubles.sentences

    def tell(self, entry: Entry) -> None:
        """Run it beside everything else."""
        if self._command and len(self._running) < AT_ONCE:
            task = asyncio.create_task(self._run(dump(_told(entry))))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def close(self) -> None:
        for task in tuple(self._running):
            task.cancel()

    async def _run(self, text: bytes) -> None:
        with self._troubles.going_on(f"notify.command ({self._command[0]}) failed"):
            process = await asyncio.create_subprocess_exec(
                *self._command,
                env=self._environ,
                cwd="/",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                async with asyncio.timeout(PATIENCE):
                    await process.communicate(text)
            except BaseException:
                process.kill()
                await process.wait()
                raise
            if process.returncode:
                raise OSError(0, f"it ended with {process.returncode}")


def _told(entry: Entry) -> dict[str, Json]:
    shown = entry.as_json()
    names = ("id", "agent", "skill", "utility", "asked_at", "expires_at", "console_only")
    return {name: shown[name] for name in names} | {"command": f"agentos waiting yes {entry.id}"}


def _command(value: Any) -> tuple[str, ...]:
    words = shlex.split(value) if isinstance(value, str) else value
    if not isinstance(words, list) or not words or not all(isinstance(each, str) and each for each in words):
        raise ValueError('must be a command such as "notify-send" or ["ntfy", "publish", "agentos"]')
    return tuple(words)
