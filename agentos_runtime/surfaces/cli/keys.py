"""`agentos keys`: the group; its commands are in `keys_stored`, `keys_granted` and `keys_doctor`."""

from collections.abc import Mapping

import click

from agentos_runtime.surfaces.cli.lazy import LazyGroup

COMMANDS: Mapping[str, tuple[str, str]] = {
    "set": ("keys_granted:set_key", "Store a key; it is asked for, never given as an argument."),
    "list": ("keys_stored:list_keys", "List what is stored, without any value."),
    "remove": ("keys_stored:remove_key", "Forget a stored key."),
    "approve": ("keys_granted:approve", "Approve what a skill may do with its key."),
    "doctor": ("keys_doctor:keys_doctor", "Look where each key would come from, and who can read it."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def keys() -> None:
    """Store, list, approve and look after keys. A key goes only where it was shown to go.

    \b
    Example:
      agentos keys set openrouter
      pass show openrouter | agentos keys set openrouter
    """
