"""A conversation without a server: slower to start, since the skills are loaded for it."""

import asyncio
from collections.abc import Mapping
from typing import Any

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.cli.mcp.serving import talk
from agentos_runtime.cli.terminal.identity import name_here
from agentos_runtime.cli.terminal.shell import Failed, Shell
from agentos_runtime.config.settings import Settings
from agentos_runtime.mcp.local import LocalDesk
from agentos_runtime.mcp.methods import Methods
from agentos_runtime.mcp.toolsets import Toolset, patterns_of, read_mcp
from agentos_runtime.skills.opening import UNUSABLE


def serve(shell: Shell, settings: Settings, given: Mapping[str, Any], named: str | None) -> None:
    """Raises Failed, SettingsError."""
    agent = name_here(settings, named) if named is not None or settings.agent_token is not None else None
    try:
        asyncio.run(_serve(shell, settings, given, agent))
    except UNUSABLE as error:
        raise Failed(str(error)) from None


async def _serve(shell: Shell, settings: Settings, given: Mapping[str, Any], agent: str | None) -> None:
    table = read_mcp(settings.mcp, settings.config_file)
    chosen = given["tools"] or given["mode"] or given["read_only"]
    usual = table.of(agent or "")
    patterns = patterns_of((given["tools"] or "").split(",")) or usual.patterns
    toolset = Toolset(patterns, given["mode"] or usual.mode, given["read_only"] or usual.read_only, use=usual.use)
    async with open_runtime(settings, shell.environ) as runtime:
        methods = Methods(runtime, table, notices=True)
        await talk(LocalDesk(runtime, methods, agent, toolset if chosen else None))
