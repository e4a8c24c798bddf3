"""What all errors have in common, and the five families that say who can do something about one."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json


@dataclass(frozen=True, slots=True)
class ParamProblem:
    """One thing wrong with the params: a path such as `messages[0].role`, and a sentence without the value."""

    path: str
    message: str


@dataclass(frozen=True, slots=True)
class UpstreamFailure:
    """What the upstream said about its failure; everything it did not say is None."""

    status: int | None = None
    code: Json = None
    message: str | None = None
    provider: str | None = None
    raw: Json = None
    retry_after: float | None = None
    details: Json = None
    """What it said beside these, under its own names."""

    def as_json(self) -> dict[str, Json]:
        said: dict[str, Json] = {
            "status": self.status,
            "code": self.code,
            "message": self.message,
            "provider": self.provider,
            "raw": self.raw,
            "retry_after": self.retry_after,
        }
        return said if self.details is None else said | {"details": self.details}


class AgentOSError(Exception):
    """An error with a code, a status and a sentence somebody can act on."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    may_have_arrived: bool = False
    """Whether a request that got no whole answer may have reached the upstream all the same."""
    answered: int | None = None
    """The status of an answer that could not be read."""
    simulated: str | None = None
    """In a simulation: which case answered, and whether it was the very request."""
    refused_by: str | None = None
    """The limit or safeguard that refused the call: rate, budget, concurrent, not_allowed, lane, breaker."""

    def __init__(
        self,
        message: str,
        *,
        problems: Sequence[ParamProblem] = (),
        help_url: str | None = None,
        upstream: UpstreamFailure | None = None,
        retry_after: float | None = None,
        details: Mapping[str, Json] | None = None,
        refused_by: str | None = None,
    ) -> None:
        super().__init__(message)
        self.refused_by = refused_by
        self.message = message
        self.problems = tuple(problems)
        self.help_url = help_url
        self.upstream = upstream
        self.retry_after = retry_after if retry_after is not None or upstream is None else upstream.retry_after
        self.details = dict(details or {})

    def as_json(self) -> dict[str, Json]:
        """The error body of the HTTP contract, without the request's id."""
        body: dict[str, Json] = {"error": self.message, "code": self.code}
        if self.problems:
            body["problems"] = [{"path": p.path, "message": p.message} for p in self.problems]
        if self.help_url:
            body["help_url"] = self.help_url
        if self.upstream:
            body["upstream"] = self.upstream.as_json()
        return body | self.details


class CallerError(AgentOSError):
    """The caller can fix it."""


class AuthorError(AgentOSError):
    """The author of the manifest can fix it."""


class OperatorError(AgentOSError):
    """The person who runs this machine can fix it."""


class UpstreamError(AgentOSError):
    """The upstream failed, or said no."""


class ServerError(AgentOSError):
    """The runtime itself."""
