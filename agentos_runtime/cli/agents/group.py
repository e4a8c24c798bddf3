"""`agentos agents`: the group; its commands are in `agents_bound`."""

from collections.abc import Mapping

import click

from agentos_runtime.cli.lazy import LazyGroup

COMMANDS: Mapping[str, tuple[str, str]] = {
    "add": ("agents.bound:add_agent", "Bind a name to a new token, which is shown once."),
    "list": ("agents.bound:list_agents", "List agents with a token or limits, and what they have used."),
    "stop": ("agents.bound:stop_agent", "Let an agent make no call."),
    "resume": ("agents.bound:resume_agent", "Let a stopped agent call again."),
    "remove": ("agents.bound:remove_agent", "End an agent's token."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def agents() -> None:
    """Bind agents' names to tokens, and look at their limits. Without a token, X-Agent is only a label.

    \b
    Example:
      agentos agents add cursor
      agentos agents list
    """
