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

from collections.abc import Iterator

from agentos_runtime.error_families import (
    AgentOSError,
    AuthorError,
    CallerError,
    OperatorError,
    ParamProblem,
    ServerError,
    UpstreamError,
    UpstreamFailure,
)

__all__ = [
    "AgentOSError",
    "AuthorError",
    "CallerError",
    "OperatorError",
    "ParamProblem",
    "ServerError",
    "UpstreamError",
    "UpstreamFailure",
]
"""Those that stand apart, and are asked for here like all others."""


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


class ConsoleLocked(CallerError):
    """The console was not opened in this browser, or was locked again."""

    code, status = "console_locked", 401


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


class DecisionDenied(OperatorError):
    """A person said no to the call."""

    code, status = "decision_denied", 403


class DecisionExpired(OperatorError):
    """Nobody answered whether the call may be made, or the yes was not used in time."""

    code, status = "decision_expired", 403


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


class UnknownOrigin(CallerError):
    """No skill names the address."""

    code, status = "unknown_origin", 404


class AmbiguousSkill(CallerError):
    """Several skills name the address."""

    code, status = "ambiguous_skill", 409


class ModelNotFound(CallerError):
    """No skill has this model, or it does not speak this wire."""

    code, status = "model_not_found", 404


class MethodNotAllowed(CallerError):
    """The path answers other methods."""

    code, status = "method_not_allowed", 405


class RequestTimeout(CallerError):
    """The request did not arrive in time."""

    code, status = "request_timeout", 408


class ApprovalRequired(OperatorError):
    """The skill wants the key at a place nobody approved."""

    code, status = "approval_required", 409


class DecisionPending(OperatorError):
    """A person has yet to say whether the call may be made; `details["waiting"]` says where that is asked for."""

    code, status = "decision_pending", 409


class AlreadyDecided(CallerError):
    """What waited for a person was decided before, or its yes is used up."""

    code, status = "already_decided", 409


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


class CredentialSealed(OperatorError):
    """The credential is sealed under a master key that is not there, or was changed where it is kept."""

    code, status = "credential_sealed", 424


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


class NotAvailable(ServerError):
    """A file, program or database of this machine is not there; the message names it."""

    code, status = "not_available", 503


class UnsupportedPlatform(ServerError):
    """The skill does not run on this operating system."""

    code, status = "unsupported_platform", 503


class Overloaded(ServerError):
    """Too many calls at once."""

    code, status = "overloaded", 503


class DatabaseUnavailable(ServerError):
    """The database that replicas share cannot be reached, so what it has to decide is not done."""

    code, status = "database_unavailable", 503


class ShuttingDown(ServerError):
    """The server is stopping."""

    code, status = "shutting_down", 503


class UpstreamUnavailable(UpstreamError):
    """The upstream is overloaded or down (503, 529)."""

    code, status = "upstream_unavailable", 503


class UpstreamTimeout(UpstreamError):
    """The upstream did not answer in time."""

    code, status = "upstream_timeout", 504


def codes(kind: type[AgentOSError] = AgentOSError) -> Iterator[str]:
    """Every code of the contract that errors of a kind have."""
    for below in kind.__subclasses__():
        if below.__module__ in (__name__, AgentOSError.__module__):
            if "code" in vars(below):
                yield below.code
            yield from codes(below)
