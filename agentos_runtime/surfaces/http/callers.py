"""Who calls: a name that anybody may give, or one that is bound to a token."""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from agentos_runtime.agents import PREFIX, Agents
from agentos_runtime.errors import InvalidAgent, NotAllowed, Unauthorized
from agentos_runtime.private_files import PrivateFileError

ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Proof:
    """What the `Authorization` header proves."""

    valid: bool = False
    """It is the server's token, or an agent's."""
    agent: str | None = None
    """Whose token it is; None for the server's, which is nobody's in particular."""
    revoked: bool = False
    """It looks like an agent's token and is none."""


@dataclass(frozen=True, slots=True)
class Callers:
    """The server's token (None = none is asked for), and the agents that have one of their own."""

    token: bytes | None
    agents: Agents

    def proof(self, headers: Mapping[bytes, bytes]) -> Proof:
        """Raises Unauthorized when the agents' file cannot be read and would be needed."""
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        given = given.strip()
        if scheme.lower() != b"bearer" or not given:
            return _NOTHING
        if self.token is not None and hmac.compare_digest(given, self.token):
            return Proof(valid=True)
        if not given.startswith(PREFIX.encode()):
            return _NOTHING
        try:
            agent = self.agents.owner_of(given.decode("latin-1"))
        except PrivateFileError as error:
            raise Unauthorized(f"Agents' tokens cannot be checked: {error}") from None
        return Proof(agent is not None, agent, revoked=agent is None)

    def agent(self, headers: Mapping[bytes, bytes], proof: Proof) -> str:
        """The caller's name. Raises InvalidAgent, Unauthorized, NotAllowed."""
        named = named_agent(headers)
        if proof.revoked:
            raise Unauthorized(
                "This agent token is not known here, or was removed. Ask for a new one: agentos agents add"
            )
        if self.token is not None and not proof.valid:
            raise Unauthorized("Send the server's token (AGENTOS_TOKEN) as Authorization: Bearer …")
        if proof.agent is None:
            return self._unbound(named)
        if named is not None and named != proof.agent:
            raise NotAllowed(
                f'This token belongs to the agent "{proof.agent}", and X-Agent says "{named}". '
                f'Leave X-Agent out, or send "{proof.agent}".'
            )
        return proof.agent

    def _unbound(self, named: str | None) -> str:
        if named is None:
            return ANONYMOUS
        try:
            bound = self.agents.is_bound(named)
        except PrivateFileError as error:
            raise Unauthorized(f"Whether {named} is bound to a token cannot be checked: {error}") from None
        if bound:
            raise Unauthorized(
                f'The name "{named}" is bound to a token: send that token as Authorization: Bearer {PREFIX}…, '
                "or call under another X-Agent."
            )
        return named


def named_agent(headers: Mapping[bytes, bytes]) -> str | None:
    """What `X-Agent` says. Raises InvalidAgent."""
    given = headers.get(b"x-agent")
    if given is None:
        return None
    if not _AGENT.fullmatch(given):
        raise InvalidAgent("X-Agent must be 1 to 64 printable ASCII characters without a space at the ends.")
    return given.decode("ascii")


_AGENT = re.compile(rb"[!-~](?:[ -~]{0,62}[!-~])?")
_NOTHING = Proof()
