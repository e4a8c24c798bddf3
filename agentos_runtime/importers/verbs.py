"""Words that say what an operation does, as services name them."""

from collections.abc import Mapping

METHOD_VERBS: Mapping[str, str] = {
    "GET": "get", "HEAD": "check", "POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete",
}  # fmt: skip
SAME_VERB: Mapping[str, str] = {
    "retrieve": "get", "fetch": "get", "read": "get", "show": "get", "index": "list", "modify": "update",
    "edit": "update", "patch": "update", "destroy": "delete", "post": "create", "put": "update", "describe": "get",
}  # fmt: skip
PLAIN = frozenset({"get", "list", "create", "update", "delete", "remove", "add", "set", "replace", *SAME_VERB})
"""Verbs that are hardly ever something else."""
VERBS = PLAIN | frozenset({
    "abort", "accept", "acknowledge", "activate", "analyze", "announce", "answer", "append", "apply", "approve",
    "archive", "ask", "assign", "attach", "authorize", "autocomplete", "ban", "batch", "bind", "block",
    "browse", "bulk", "calculate", "cancel", "capture", "charge", "check", "claim", "classify", "clear",
    "clone", "close", "compare", "complete", "confirm", "connect", "convert", "copy", "count", "deactivate",
    "decline", "decrypt", "demote", "deny", "deploy", "deregister", "detach", "detect", "disable", "disconnect",
    "dismiss", "do", "download", "drain", "embed", "enable", "encrypt", "enroll", "escalate", "estimate",
    "evaluate", "exchange", "exec", "execute", "export", "extend", "extract", "finalize", "find", "flag",
    "follow", "fork", "forward", "generate", "grant", "hang", "hangup", "hide", "import", "install",
    "invalidate", "invite", "invoke", "join", "kick", "launch", "leave", "like", "link", "lock", "login",
    "logout", "lookup", "make", "mark", "merge", "migrate", "mint", "move", "mute", "notify", "open", "park",
    "pause", "pay", "pin", "ping", "place", "play", "preview", "process", "promote", "provision", "publish",
    "pull", "purge", "push", "query", "react", "reactivate", "reboot", "rebuild", "recover", "redeem",
    "redeliver", "refresh", "refund", "regenerate", "register", "reject", "release", "rename", "render",
    "renew", "reopen", "reorder", "replay", "reply", "report", "request", "rerank", "reschedule", "resend",
    "reserve", "reset", "resize", "resolve", "restart", "restore", "resume", "retry", "reverse", "revert",
    "revoke", "rollback", "rotate", "run", "save", "scale", "schedule", "search", "select", "send", "share",
    "shutdown", "sign", "simulate", "skip", "snooze", "star", "start", "stop", "submit", "subscribe", "suggest",
    "summarize", "suspend", "swap", "sync", "synthesize", "tag", "terminate", "test", "track", "transcribe",
    "transfer", "transition", "translate", "trigger", "unarchive", "unassign", "unban", "unbind", "unblock",
    "undelete", "undo", "unfollow", "unhide", "uninstall", "unlike", "unlink", "unlock", "unmute", "unpin",
    "unpublish", "unregister", "unresolve", "unshare", "unstar", "unsubscribe", "unsuspend", "unwatch",
    "upgrade", "upload", "upsert", "validate", "verify", "void", "vote", "watch", "withdraw", "write",
})  # fmt: skip
