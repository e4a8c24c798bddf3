"""A runtime of the command's own, opened for one command and closed after it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.cli.terminal.shell import Failed, Shell
from agentos_runtime.config.settings import Settings
from agentos_runtime.runtime import Runtime
from agentos_runtime.skills.opening import UNUSABLE


@asynccontextmanager
async def opened(shell: Shell, settings: Settings) -> AsyncIterator[Runtime]:
    """The runtime with its skills loaded, without looking for changes. Raises Failed."""
    try:
        async with open_runtime(settings, shell.environ, watch=False) as runtime:
            yield runtime
    except UNUSABLE as error:
        raise Failed(str(error)) from None
