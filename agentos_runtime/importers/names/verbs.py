"""Words that say what an operation does, as services name them, and how its path says it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from urllib.parse import unquote

from agentos_runtime.importers.api import Operation
from agentos_runtime.importers.messages import is_plural, singular, words
from agentos_runtime.regexes import regex

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
    "archive", "ask", "assign", "attach", "authorize", "autocomplete", "ban", "batch", "bind", "block", "browse",
    "bulk", "calculate", "cancel", "capture", "charge", "check", "claim", "classify", "clear", "clone", "close",
    "compare", "complete", "confirm", "connect", "convert", "copy", "count", "deactivate", "decline", "decrypt",
    "demote", "deny", "deploy", "deregister", "detach", "detect", "disable", "disconnect", "dismiss", "do",
    "download", "drain", "embed", "enable", "encrypt", "enroll", "escalate", "estimate", "evaluate", "exchange",
    "exec", "execute", "export", "extend", "extract", "finalize", "find", "flag", "follow", "fork", "forward",
    "generate", "grant", "hang", "hangup", "hide", "import", "install", "invalidate", "invite", "invoke", "join",
    "kick", "launch", "leave", "like", "link", "lock", "login", "logout", "lookup", "make", "mark", "merge",
    "migrate", "mint", "move", "mute", "notify", "open", "park", "pause", "pay", "pin", "ping", "place", "play",
    "poll", "preview", "process", "promote", "provision", "publish", "pull", "purge", "push", "query", "react",
    "reactivate", "reboot", "rebuild", "recover", "redact", "redeem", "redeliver", "refresh", "refund",
    "regenerate", "register", "reject", "release", "rename", "render", "renew", "reopen", "reorder", "replay",
    "reply", "report", "request", "rerank", "rerequest", "rerun", "reschedule", "resend", "reserve", "reset",
    "resize", "resolve", "restart", "restore", "resume", "retry", "reverse", "revert", "review", "revoke",
    "rollback", "rotate", "run", "save", "scale", "schedule", "search", "select", "send", "share", "shutdown",
    "sign", "simulate", "skip", "snooze", "star", "start", "stop", "submit", "subscribe", "suggest", "summarize",
    "suspend", "swap", "sync", "synthesize", "tag", "terminate", "test", "track", "transcribe", "transfer",
    "transition", "translate", "trigger", "unarchive", "unassign", "unban", "unbind", "unblock", "undelete",
    "undo", "unfollow", "unhide", "uninstall", "unlike", "unlink", "unlock", "unmute", "unpin", "unpublish",
    "unregister", "unresolve", "unshare", "unstar", "unsubscribe", "unsuspend", "unwatch", "upgrade", "upload",
    "upsert", "validate", "verify", "void", "vote", "watch", "withdraw", "write",
})  # fmt: skip
_OF_READING = ("search", "autocomplete", "lookup", "suggest")
_BEFORE_VERBS = ("actions", "action", "lifecycle", "operations")
"""`/campaigns/{id}/actions/send`."""
_VERSION = regex(r"v\d+\w*|v?\d+(?:\.\d+)+|\d{1,2}|api|\d{4}-\d{2}(?:-\d{2})?|unstable|latest")
FEWEST = 3
"""Operations whose paths show what stands before all of them."""


def without_prefix(operations: Sequence[Operation]) -> list[Operation]:
    """The same with paths that begin behind the version that all of them begin with: `/admin/api/2024-01`."""
    split = [one.path.split("/") for one in operations]
    same = [len({*parts}) == 1 for parts in zip(*split, strict=False)]
    common = same.index(False) if False in same else len(same)
    length = next((at for at in range(common, 1, -1) if _VERSION.fullmatch(split[0][at - 1])), 0)
    if len(operations) < FEWEST or length == 0 or any(len(parts) <= length for parts in split):
        return [*operations]
    return [replace(one, path="/" + "/".join(parts[length:])) for one, parts in zip(operations, split, strict=True)]


def path_words(path: str) -> list[str]:
    """`/v1/guardrails/{id}/assignments/keys` → guardrail, assignments, keys."""
    parts = [part for part in path.strip("/").split("/") if part]
    found: list[str] = []
    for part, following in zip_longest(parts, parts[1:], fillvalue=""):
        if not part.startswith("{") and not _VERSION.fullmatch(part):
            own = segment_words(part)
            found += [*own[:-1], singular(own[-1])] if own and following.startswith("{") else own
    return found


def segment_words(part: str) -> list[str]:
    part = unquote(part)
    part = re.sub(r"(?<=[\w}])[:#][A-Za-z_]+$", "", part)
    part = re.sub(r"^([\w-]+)\.[\w.-]+\.(?:io|com|dev|org|net)$", r"\1", part)  # `rbac.authorization.k8s.io`
    return words(re.sub(r"\{[^}]*\}|\.(?:json|xml)$|\?.*", "", part))


def path_verb(one: Operation, nouns: list[str]) -> tuple[str, list[str]]:
    """The verb of an operation that has no id, and its nouns."""
    custom = re.search(r":([A-Za-z]+)$", one.path)
    if custom is not None:  # `/jobs/{id}:cancel`
        verb, *more = words(custom[1])
        return verb, [*nouns, *more]
    one_thing = one.path.endswith("}")
    verbs = VERBS if one.method == "POST" else _OF_READING
    if nouns and not one_thing and nouns[-1] in verbs:
        doubled = nouns[-1] in SAME_VERB and len(nouns) > 1 and nouns[-2] in VERBS  # `execute_read`
        return (nouns[-2], nouns[:-2]) if doubled else (nouns[-1], _thing(nouns[:-1]))
    last = [] if one_thing else segment_words(one.path.rstrip("/").rpartition("/")[2])
    if len(last) > 1 and last[0] in verbs and (one.method != "POST" or not is_plural(last[-1])):
        return last[0], [*_thing(nouns[: -len(last)]), *last[1:]]  # `/members/{id}/delete-permanent`
    verb = METHOD_VERBS.get(one.method, one.method.lower())
    if one.method == "POST" and one_thing:
        verb = "update"
    listed = one.method == "GET" and one.reply.rows is not None and not one.path.endswith("}")
    return "list" if listed else verb, nouns or ["root"]


def _thing(nouns: list[str]) -> list[str]:
    """What is done something with, without the word that only says that something is done."""
    return nouns[:-1] if len(nouns) > 1 and nouns[-1] in _BEFORE_VERBS else nouns
