"""What an operator should know of the lists that clients get."""

from agentos_runtime.mcp.lists import MOST_CHARACTERS, MOST_TOOLS, Shown
from agentos_runtime.mcp.toolsets import McpSettings, Toolset
from agentos_runtime.skills.visibility import VisibleSkills

CONFIG = "Choose with [mcp] tools and mode in config.toml"


def tools_advice(skills: VisibleSkills, settings: McpSettings) -> str:
    """How many tools a client is shown that asks for nothing else, how large they are, and what that means.

    skills: what the caller sees. Sizes are of the definitions, in KB.
    """
    usual = settings.toolset
    whole = Shown(skills, Toolset(usual.patterns, "tools", usual.read_only), select=settings.select)
    characters = len(whole.listed.decode("utf-8", "replace"))
    size = f"{len(whole.tools)} tools, {max(1, round(characters / 1000))} KB"
    if len(whole.tools) <= MOST_TOOLS and characters <= MOST_CHARACTERS:
        return size
    much = f"{size}: more than clients show ({MOST_TOOLS} tools in some) or a model should read"
    if Shown(skills, usual, select=settings.select).searches:
        return f"{much}, so they are searched for instead of listed. {CONFIG}"
    return f"{much}, and all are listed. {CONFIG}"
