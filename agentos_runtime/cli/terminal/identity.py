"""Who a call made by hand is: to the server that it goes through, and in this process."""

from agentos_runtime.cli.terminal.shell import AGENT, Failed
from agentos_runtime.config.settings import Settings
from agentos_runtime.security.agents import Agents, is_agent_name
from agentos_runtime.storage.files import file_of


def headers_for(settings: Settings, named: str | None) -> dict[str, str]:
    """What a request to the server says of its sender; `named` is `--agent`. Raises Failed.

    An agent's token goes before the operator's, and that before the one for all callers: who was given the means to
    be an agent is one. Then the token alone says the name, unless one is given.
    """
    token = settings.agent_token or settings.operator_token or settings.token
    name = given_name(settings, named) or (None if settings.agent_token else AGENT)
    proof = {"Authorization": f"Bearer {token}"} if token else {}
    return proof | ({"X-Agent": name} if name else {})


def name_here(settings: Settings, named: str | None) -> str:
    """The name of a call in this process; whoever opens the home may take any. Raises Failed, PrivateFileError."""
    name = given_name(settings, named)
    if settings.agent_token is None:
        return name or AGENT
    owner = Agents(file_of(settings, settings.agents_file)).owner_of(settings.agent_token)
    if owner is None:
        raise Failed(f"AGENTOS_AGENT_TOKEN is not known in {settings.home}. Make one: agentos agents add NAME")
    if name not in (None, owner):
        raise Failed(f'AGENTOS_AGENT_TOKEN belongs to the agent "{owner}", not to "{name}". Leave the name out.')
    return owner


def given_name(settings: Settings, named: str | None) -> str | None:
    """The name that was given, on the command line or in the settings. Raises Failed."""
    name = named or settings.agent
    if name is not None and not is_agent_name(name):
        raise Failed(
            f"{name!r} cannot be an agent's name: it has 1 to 64 printable ASCII characters, no space at the ends."
        )
    return name
