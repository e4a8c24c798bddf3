"""`agentos keys`: the group; its commands are in the modules that it names."""

from collections.abc import Mapping

import click

from agentos_runtime.cli.lazy import LazyGroup

COMMANDS: Mapping[str, tuple[str, str]] = {
    "set": ("keys.granted:set_key", "Store a key; it is asked for, never given as an argument."),
    "list": ("keys.stored:list_keys", "List what is stored, without any value."),
    "test": ("keys.probed:test_keys", "Call what a skill names as the probe of its key."),
    "remove": ("keys.stored:remove_key", "Forget a stored key."),
    "rotate": ("keys.rotating:rotate_keys", "Seal the database's keys anew under the first master key."),
    "approve": ("approving:approve", "The same as `agentos approve`."),
    "doctor": ("keys.doctor:keys_doctor", "Look where each key would come from, and who can read it."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def keys() -> None:
    """Store, list, approve and look after keys. A key goes only where it was shown to go.

    \b
    Example:
      agentos keys set openrouter
      pass show openrouter | agentos keys set openrouter
    """
