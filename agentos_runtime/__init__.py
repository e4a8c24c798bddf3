"""A local-first runtime for skills: one Markdown file in, one HTTP endpoint per utility out.

The public names, for programs that hold a runtime of their own. A name is looked up when it is first used, so that
`import agentos_runtime` alone, which each start of the command line does, loads next to nothing.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from agentos_runtime.version import __version__

if TYPE_CHECKING:
    from agentos_runtime.bootstrap import open_runtime
    from agentos_runtime.calls.call import Call, Event, RawReply, Reply, Timings
    from agentos_runtime.config.settings import Settings, SettingsError
    from agentos_runtime.errors import (
        AgentOSError,
        AlreadyDecided,
        AmbiguousSkill,
        ApprovalRequired,
        AuthorError,
        BadRequest,
        BudgetExceeded,
        CallerError,
        ConsoleLocked,
        CredentialNotFound,
        CredentialRejected,
        CredentialSealed,
        DatabaseUnavailable,
        DecisionDenied,
        DecisionExpired,
        DecisionPending,
        ExpressionFailed,
        ExpressionLimit,
        ForbiddenOrigin,
        ForbiddenPeer,
        Gone,
        IdempotencyUnknown,
        InternalError,
        InvalidAgent,
        InvalidJson,
        InvalidParams,
        MethodNotAllowed,
        MisdirectedHost,
        ModelNotFound,
        NotAllowed,
        NotAvailable,
        NotCallable,
        NotFound,
        NotStreamable,
        NotSupported,
        OperatorError,
        Overloaded,
        ParamProblem,
        PayloadTooLarge,
        RateLimited,
        ReplyMismatch,
        RequestTimeout,
        ServerError,
        ShuttingDown,
        SkillBroken,
        Unauthorized,
        UnknownOrigin,
        UnknownSkill,
        UnknownUtility,
        UnsupportedMediaType,
        UnsupportedPlatform,
        UpstreamConflict,
        UpstreamError,
        UpstreamFailed,
        UpstreamFailure,
        UpstreamForbidden,
        UpstreamInvalid,
        UpstreamNotFound,
        UpstreamPaymentRequired,
        UpstreamRateLimited,
        UpstreamRejected,
        UpstreamTimeout,
        UpstreamTruncated,
        UpstreamUnavailable,
        UpstreamUnreachable,
    )
    from agentos_runtime.jq.pool import JqUnusable
    from agentos_runtime.runtime.answering.streaming import EventStream
    from agentos_runtime.runtime.service import Runtime
    from agentos_runtime.security.agents import Caller
    from agentos_runtime.security.credentials.store import KeyringError
    from agentos_runtime.storage.private_files import PrivateFileError
    from agentos_runtime.storage.sqlite.files import NewerFile
    from agentos_runtime.sync import SyncEventStream, SyncRuntime, open_runtime_sync
    from agentos_runtime.testing.simulation import simulation

__all__ = [
    "AgentOSError",
    "AlreadyDecided",
    "AmbiguousSkill",
    "ApprovalRequired",
    "AuthorError",
    "BadRequest",
    "BudgetExceeded",
    "Call",
    "Caller",
    "CallerError",
    "ConsoleLocked",
    "CredentialNotFound",
    "CredentialRejected",
    "CredentialSealed",
    "DatabaseUnavailable",
    "DecisionDenied",
    "DecisionExpired",
    "DecisionPending",
    "Event",
    "EventStream",
    "ExpressionFailed",
    "ExpressionLimit",
    "ForbiddenOrigin",
    "ForbiddenPeer",
    "Gone",
    "IdempotencyUnknown",
    "InternalError",
    "InvalidAgent",
    "InvalidJson",
    "InvalidParams",
    "JqUnusable",
    "KeyringError",
    "MethodNotAllowed",
    "MisdirectedHost",
    "ModelNotFound",
    "NewerFile",
    "NotAllowed",
    "NotAvailable",
    "NotCallable",
    "NotFound",
    "NotStreamable",
    "NotSupported",
    "OperatorError",
    "Overloaded",
    "ParamProblem",
    "PayloadTooLarge",
    "PrivateFileError",
    "RateLimited",
    "RawReply",
    "Reply",
    "ReplyMismatch",
    "RequestTimeout",
    "Runtime",
    "ServerError",
    "Settings",
    "SettingsError",
    "ShuttingDown",
    "SkillBroken",
    "SyncEventStream",
    "SyncRuntime",
    "Timings",
    "Unauthorized",
    "UnknownOrigin",
    "UnknownSkill",
    "UnknownUtility",
    "UnsupportedMediaType",
    "UnsupportedPlatform",
    "UpstreamConflict",
    "UpstreamError",
    "UpstreamFailed",
    "UpstreamFailure",
    "UpstreamForbidden",
    "UpstreamInvalid",
    "UpstreamNotFound",
    "UpstreamPaymentRequired",
    "UpstreamRateLimited",
    "UpstreamRejected",
    "UpstreamTimeout",
    "UpstreamTruncated",
    "UpstreamUnavailable",
    "UpstreamUnreachable",
    "__version__",
    "open_runtime",
    "open_runtime_sync",
    "simulation",
]

_HOMES: Mapping[str, str] = {
    "Call": "calls.call",
    "Caller": "security.agents",
    "Event": "calls.call",
    "EventStream": "runtime.answering.streaming",
    "JqUnusable": "jq.pool",
    "KeyringError": "security.credentials.store",
    "NewerFile": "storage.sqlite.files",
    "PrivateFileError": "storage.private_files",
    "RawReply": "calls.call",
    "Reply": "calls.call",
    "Runtime": "runtime.service",
    "Settings": "config.settings",
    "SettingsError": "config.settings",
    "SyncEventStream": "sync",
    "SyncRuntime": "sync",
    "Timings": "calls.call",
    "open_runtime": "bootstrap",
    "open_runtime_sync": "sync",
    "simulation": "testing.simulation",
}
"""Where each public name lives; those that are not here are errors."""

if not TYPE_CHECKING:  # for mypy a module with `__getattr__` has every name

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
