"""Who calls: a name that anybody may give, or one that is bound to a token."""

import hmac
from collections.abc import Mapping
from typing import Protocol

from agentos_runtime.config.settings import AGENT_PREFIX
from agentos_runtime.errors import ConsoleLocked, InvalidAgent, NotAllowed, Unauthorized
from agentos_runtime.frozen import dataclass
from agentos_runtime.regexes import regex
from agentos_runtime.security.agents import ANONYMOUS, Agents, Caller
from agentos_runtime.storage.private_files import PrivateFileError

KEY_HEADERS = (b"x-api-key", b"x-goog-api-key")
"""Where clients of Anthropic and of Google put a key."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What the `Authorization` header proves."""

    valid: bool = False
    """It is the server's token, the operator's, or an agent's."""
    operator: bool = False
    """It is the operator's."""
    session: str | None = None
    """It is a console session's: its label."""
    agent: str | None = None
    """Which agent's it is."""
    revoked: bool = False
    """It looks like an agent's token and is none."""


class Sessions(Protocol):
    """The sessions of the console."""

    def label_of(self, key: str, host: str) -> str | None:
        """The label of the session that has this key; None when none has, it has ended, or not at this `Host`."""
        ...

    def is_known_origin(self, host: str) -> bool:
        """Whether it is the operator's word that a proxy stands in front of this `Host`."""
        ...


@dataclass(frozen=True, slots=True)
class Callers:
    """The server's token (None = none is asked for), the operator's, and the agents that have one of their own.

    sessions: those of the console, whose key proves the operator below CONSOLE_OPENS.
    """

    token: bytes | None
    operator_token: bytes | None
    agents: Agents
    sessions: Sessions | None = None

    def proof(self, headers: Mapping[bytes, bytes], path: str, *, api_key: bool = False) -> Proof:
        """What the token proves; api_key: it may stand where clients of Anthropic and Google put a key, too.

        Raises Unauthorized when the agents' file cannot be read and would be needed.
        """
        if self.sessions is not None and CONSOLE_KEY in headers and path.startswith(CONSOLE_OPENS):
            label = self.sessions.label_of(
                headers[CONSOLE_KEY].decode("latin-1"), headers[b"host"].decode("latin-1")
            )
            if label is not None:
                return Proof(valid=True, operator=True, session=label)
            if not path.startswith(CONSOLE):
                raise ConsoleLocked("The console was locked meanwhile. Open it again: agentos console")
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        proof = self._proof_of(given.strip()) if scheme.lower() == b"bearer" else _NOTHING
        if not api_key or proof.valid:
            return proof
        others = [self._proof_of(headers[name].strip()) for name in KEY_HEADERS if name in headers]
        return next((other for other in others if other.valid or other.revoked), proof)

    def _proof_of(self, given: bytes) -> Proof:
        if not given:
            return _NOTHING
        if self.operator_token is not None and hmac.compare_digest(given, self.operator_token):
            return Proof(valid=True, operator=True)
        if self.token is not None and hmac.compare_digest(given, self.token):
            return Proof(valid=True)
        if not given.startswith(AGENT_PREFIX.encode()):
            return _NOTHING
        try:
            agent = self.agents.owner_of(given.decode("latin-1"))
        except PrivateFileError as error:
            raise Unauthorized(f"Agents' tokens cannot be checked: {error}") from None
        return Proof(agent is not None, agent=agent, revoked=agent is None)

    def caller(self, headers: Mapping[bytes, bytes], proof: Proof) -> Caller:
        """Who asks. The operator may take any name. Raises InvalidAgent, Unauthorized, NotAllowed."""
        named = named_agent(headers)
        if proof.operator:
            return Caller(named or ANONYMOUS, operator=True, session=proof.session)
        if proof.revoked:
            raise Unauthorized(
                "This agent token is not known here, or was removed. Ask for a new one: agentos agents add"
            )
        if self.token is not None and not proof.valid:
            raise Unauthorized("Send the server's token (AGENTOS_TOKEN) as Authorization: Bearer …")
        if proof.agent is None:
            return Caller(self._unbound(named))
        if named is not None and named != proof.agent:
            raise NotAllowed(
                f'This token belongs to the agent "{proof.agent}", and X-Agent says "{named}". '
                f'Leave X-Agent out, or send "{proof.agent}".'
            )
        return Caller(proof.agent, bound=True)

    def _unbound(self, named: str | None) -> str:
        if named is None:
            return ANONYMOUS
        try:
            bound = self.agents.is_bound(named)
        except PrivateFileError as error:
            raise Unauthorized(f"Whether {named} is bound to a token cannot be checked: {error}") from None
        if bound:
            raise Unauthorized(
                f'The name "{named}" is bound to a token: send that as Authorization: Bearer {AGENT_PREFIX}…, '
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


CONSOLE_KEY = b"x-console-key"
CONSOLE = "/console/"
CONSOLE_OPENS = (CONSOLE, "/api/")
"""Where the key of a console session counts, and nowhere else."""
_AGENT = regex(rb"[!-~](?:[ -~]{0,62}[!-~])?")
_NOTHING = Proof()
