"""The skills, opened for one command that only looks at them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agentos_runtime.cli.terminal.shell import Failed, Shell
from agentos_runtime.config.settings import Settings
from agentos_runtime.skills.catalog import Catalog
from agentos_runtime.skills.opening import UNUSABLE, open_catalog


@asynccontextmanager
async def looked_at(shell: Shell, settings: Settings) -> AsyncIterator[Catalog]:
    """Every skill there is. Raises Failed."""
    try:
        async with open_catalog(settings, shell.environ) as catalog:
            yield catalog
    except UNUSABLE as error:
        raise Failed(str(error)) from None
