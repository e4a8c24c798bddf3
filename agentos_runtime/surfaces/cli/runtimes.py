"""A runtime of the command's own, opened for one command and closed after it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agentos_runtime.activity.database import LedgerRefused
from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.credentials.store import KeyringError
from agentos_runtime.expressions.pool import JqUnusable
from agentos_runtime.private_files import PrivateFileError
from agentos_runtime.runtime import Runtime
from agentos_runtime.settings import Settings
from agentos_runtime.surfaces.cli.shell import Failed, Shell

UNUSABLE = (JqUnusable, KeyringError, LedgerRefused, PrivateFileError)
"""What can be missing or refused when a runtime is opened; each message says what to do."""


@asynccontextmanager
async def opened(shell: Shell, settings: Settings) -> AsyncIterator[Runtime]:
    """The runtime with its skills loaded, without looking for changes. Raises Failed."""
    try:
        async with open_runtime(settings, shell.environ, watch=False) as runtime:
            yield runtime
    except UNUSABLE as error:
        raise Failed(str(error)) from None
