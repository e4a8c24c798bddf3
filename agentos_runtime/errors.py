"""Every error a caller can meet.

AgentOSError
├─ CallerError     the caller can fix it: the request, its headers, its params
├─ AuthorError     the author of the manifest can fix it
├─ OperatorError   the person who runs this machine can fix it: keys, approvals, limits
├─ UpstreamError   the service that was called failed
└─ ServerError     the runtime itself: starting, stopping, full, or a bug

A class is one code of the HTTP contract and carries its status. Errors of the upstream keep what the upstream
said in `upstream`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

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

    def __init__(
        self,
        message: str,
        *,
        problems: Sequence[ParamProblem] = (),
        help_url: str | None = None,
        upstream: UpstreamFailure | None = None,
        retry_after: float | None = None,
        details: Mapping[str, Json] | None = None,
    ) -> None:
        super().__init__(message)
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


class BadRequest(CallerError):
    """What arrived is not HTTP."""

    code, status = "bad_request", 400


class InvalidJson(CallerError):
    """The body is not one JSON object."""

    code, status = "invalid_json", 400


class InvalidParams(CallerError):
    """The params do not match what the utility declares."""

    code, status = "invalid_params", 400


class InvalidAgent(CallerError):
    """X-Agent is not 1 to 64 printable ASCII characters."""

    code, status = "invalid_agent", 400


class NotStreamable(CallerError):
    """A stream was asked of a utility that has none."""

    code, status = "not_streamable", 400


class Unauthorized(CallerError):
    """A token is set, and missing or wrong."""

    code, status = "unauthorized", 401


class BudgetExceeded(OperatorError):
    """A money or token limit set by the operator was reached."""

    code, status = "budget_exceeded", 402


class ForbiddenOrigin(CallerError):
    """A web page may not call this."""

    code, status = "forbidden_origin", 403


class ForbiddenPeer(CallerError):
    """Another local user may not call this."""

    code, status = "forbidden_peer", 403


class NotAllowed(OperatorError):
    """This agent may not call this utility."""

    code, status = "not_allowed", 403


class UnknownSkill(CallerError):
    """No skill has this id."""

    code, status = "unknown_skill", 404


class UnknownUtility(CallerError):
    """The skill has no such utility."""

    code, status = "unknown_utility", 404


class NotCallable(CallerError):
    """The skill has instructions only."""

    code, status = "not_callable", 404


class Gone(CallerError):
    """The service no longer has what the utility called; the manifest says what to do instead."""

    code, status = "gone", 410


class NotFound(CallerError):
    """Nothing at this path."""

    code, status = "not_found", 404


class MethodNotAllowed(CallerError):
    """The path answers other methods."""

    code, status = "method_not_allowed", 405


class RequestTimeout(CallerError):
    """The request did not arrive in time."""

    code, status = "request_timeout", 408


class ApprovalRequired(OperatorError):
    """The skill wants the key at a place nobody approved."""

    code, status = "approval_required", 409


class IdempotencyUnknown(CallerError):
    """A call with this key was under way and its end is not known: it may have been made."""

    code, status = "idempotency_unknown", 409


class PayloadTooLarge(CallerError):
    """The request is larger than this server takes."""

    code, status = "payload_too_large", 413


class UnsupportedMediaType(CallerError):
    """The body is not application/json."""

    code, status = "unsupported_media_type", 415


class MisdirectedHost(CallerError):
    """The Host header names another server."""

    code, status = "misdirected_host", 421


class CredentialNotFound(OperatorError):
    """No credential is stored for the skill."""

    code, status = "credential_not_found", 424


class CredentialRejected(OperatorError):
    """The upstream refused the credential (401)."""

    code, status = "credential_rejected", 424


class RateLimited(OperatorError):
    """A rate limit set by the operator was reached."""

    code, status = "rate_limited", 429


class ExpressionFailed(AuthorError):
    """A jq expression of the manifest failed on this data."""

    code, status = "expression_failed", 500


class ExpressionLimit(AuthorError):
    """A jq expression of the manifest took more time or memory than it may."""

    code, status = "expression_limit", 500


class InternalError(ServerError):
    """A bug."""

    code, status = "internal_error", 500


class ReplyMismatch(AuthorError):
    """The reply does not match what the manifest says the utility returns."""

    code, status = "reply_mismatch", 502


class UpstreamRejected(UpstreamError):
    """The upstream refused the request (4xx): the caller can fix it."""

    code, status = "upstream_rejected", 400


class UpstreamPaymentRequired(UpstreamError):
    """The upstream wants money (402)."""

    code, status = "upstream_payment_required", 402


class UpstreamForbidden(UpstreamError):
    """The upstream forbids it (403)."""

    code, status = "upstream_forbidden", 403


class UpstreamNotFound(UpstreamError):
    """The upstream has no such thing (404)."""

    code, status = "upstream_not_found", 404


class UpstreamConflict(UpstreamError):
    """The upstream is in another state (409)."""

    code, status = "upstream_conflict", 409


class UpstreamRateLimited(UpstreamError):
    """The upstream limits the rate (429)."""

    code, status = "upstream_rate_limited", 429


class UpstreamUnreachable(UpstreamError):
    """No connection to the upstream."""

    code, status = "upstream_unreachable", 502


class UpstreamFailed(UpstreamError):
    """The upstream failed (5xx, or a failure inside a 200)."""

    code, status = "upstream_failed", 502


class UpstreamInvalid(UpstreamError):
    """The upstream's answer is not what HTTP or JSON allow, or too large."""

    code, status = "upstream_invalid", 502


class UpstreamTruncated(UpstreamError):
    """The upstream's answer stopped before its end."""

    code, status = "upstream_truncated", 502


class SkillBroken(AuthorError):
    """The skill's manifest has problems; `details["problems"]` lists them."""

    code, status = "skill_broken", 503


class NotSupported(ServerError):
    """What the callable needs is not run here."""

    code, status = "not_supported", 501


class UnsupportedPlatform(ServerError):
    """The skill does not run on this operating system."""

    code, status = "unsupported_platform", 503


class Overloaded(ServerError):
    """Too many calls at once."""

    code, status = "overloaded", 503


class ShuttingDown(ServerError):
    """The server is stopping."""

    code, status = "shutting_down", 503


class UpstreamUnavailable(UpstreamError):
    """The upstream is overloaded or down (503, 529)."""

    code, status = "upstream_unavailable", 503


class UpstreamTimeout(UpstreamError):
    """The upstream did not answer in time."""

    code, status = "upstream_timeout", 504
