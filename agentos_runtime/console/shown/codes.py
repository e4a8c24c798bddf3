"""What the code of a call that did not go well means, and who can mend it."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from agentos_runtime.errors import AgentOSError, AuthorError, CallerError, OperatorError, ServerError, UpstreamError
from agentos_runtime.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Meaning:
    """A sentence about the code, and who can do something about it."""

    sentence: str
    who: str


_WHO: Mapping[type[AgentOSError], str] = MappingProxyType(
    {
        CallerError: "The agent that called can mend it.",
        AuthorError: "The author of the skill can mend it.",
        OperatorError: "You can mend it: keys, approvals or limits.",
        UpstreamError: "The service that was called said so.",
        ServerError: "The runtime itself: its log has more under the request's id.",
    }
)


def _all(kind: type[AgentOSError]) -> Iterator[type[AgentOSError]]:
    for below in kind.__subclasses__():
        yield below
        yield from _all(below)


def _meaning(kind: type[AgentOSError]) -> Meaning:
    who = next((told for group, told in _WHO.items() if issubclass(kind, group)), "")
    return Meaning((kind.__doc__ or "").partition("\n")[0], who)


CODES: Mapping[str, Meaning] = MappingProxyType({kind.code: _meaning(kind) for kind in _all(AgentOSError)})
