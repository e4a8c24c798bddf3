"""Why a token was not renewed, as a value that many calls and other processes can make an error of."""

from collections.abc import Mapping
from typing import Any, Self

from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.calls.retry_after import retry_after
from agentos_runtime.errors import (
    AgentOSError,
    ApprovalRequired,
    CredentialNotFound,
    CredentialRejected,
    DatabaseUnavailable,
    UpstreamFailed,
    UpstreamInvalid,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamTruncated,
    UpstreamUnavailable,
    UpstreamUnreachable,
)
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.security.login.answers import error_code
from agentos_runtime.storage.sqlite.files import DatabaseTrouble

ENDED = frozenset({"invalid_grant", "bad_refresh_token", "invalid_refresh_token"})
"""What services say of a refresh token that renews nothing any more: OAuth, GitHub, Slack."""
_PASSING: Mapping[str, type[AgentOSError]] = {
    "temporarily_unavailable": UpstreamUnavailable,
    "server_error": UpstreamUnavailable,
    **dict.fromkeys(("slow_down", "ratelimited", "rate_limited", "rate_limit_exceeded"), UpstreamRateLimited),
}
"""What they say, some with a 400 or 200, of what passes by itself."""
_CLASSES: Mapping[str, type[AgentOSError]] = {
    each.code: each
    for each in (
        ApprovalRequired,
        CredentialNotFound,
        CredentialRejected,
        DatabaseUnavailable,
        UpstreamFailed,
        UpstreamInvalid,
        UpstreamRateLimited,
        UpstreamTimeout,
        UpstreamTruncated,
        UpstreamUnavailable,
        UpstreamUnreachable,
    )
}
_BY_STATUS: Mapping[int, type[AgentOSError]] = {429: UpstreamRateLimited, 503: UpstreamUnavailable}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing was renewed: the error's code, and the sentence, which holds no secret."""

    code: str
    text: str
    wait: float | None = None
    """Seconds that the service asked to wait."""

    def error(self, skill: str) -> AgentOSError:
        """The error of one call."""
        return _CLASSES.get(self.code, UpstreamFailed)(self.text, retry_after=self.wait, details={"skill": skill})

    def as_note(self) -> dict[str, Json]:
        return {"code": self.code, "text": self.text}

    @classmethod
    def from_note(cls, note: Mapping[str, Any], wait: float) -> Self | None:
        """What another process was told; None for a note that is none."""
        code, text = note.get("code"), note.get("text")
        return cls(str(code), text, wait) if code in _CLASSES and isinstance(text, str) else None


def refusal_of(response: UpstreamResponse, words: str, host: str, begin: str, remedy: str, now: float) -> Refusal:
    """What an answer that is no token means; `words` are the service's, without secrets."""
    status, passing = response.status, _PASSING.get(error_code(response))
    if passing is None and (status < 300 or (400 <= status < 500 and status not in (408, 429))):
        return Refusal(CredentialRejected.code, f"{begin}: {host} refused it ({status}): {words}. {remedy}")
    kind = _BY_STATUS.get(status) or (passing if passing is not None and status < 500 else UpstreamFailed)
    text = f"{begin}: {host} answered {status}: {words}. It is tried again later"
    return Refusal(kind.code, text, retry_after(response.headers, now))


def others_turn(begin: str) -> Refusal:
    """Another process asks, and has not ended in time."""
    return Refusal(UpstreamUnavailable.code, f"{begin}: another process is at it. Try again")


def unusable(begin: str, error: Exception) -> Refusal:
    """What has to be kept about it cannot be read or written."""
    if isinstance(error, DatabaseTrouble):
        return Refusal(DatabaseUnavailable.code, f"{begin}: {error}", 1.0)
    return Refusal(CredentialNotFound.code, f"{begin}: {error}")


def is_ended(response: UpstreamResponse) -> bool:
    """Whether the refresh token will never renew anything again."""
    return response.status < 500 and response.status != 429 and error_code(response) in ENDED
