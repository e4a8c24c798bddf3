"""What a person should know of a skill whose id one that ships has, too."""

from agentos_runtime.cli.terminal.output import say, style
from agentos_runtime.security.bundled import read_bundled


def say_if_bundled(skill_id: str, indent: str = "") -> None:
    """Say that a skill takes the place of one that ships, where it does."""
    if skill_id in read_bundled():
        text = f"{indent}It takes the place of the skill {skill_id} that ships with the runtime."
        say(style(text, fg="yellow"))
