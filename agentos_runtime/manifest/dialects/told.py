"""What a dialect's file says that is a mistake there, told where it stands."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Literal

from agentos_runtime.diagnostics import Place
from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.mistakes.rules import RETURNED, type_of_another_language
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.yaml.values import Cursor
from agentos_runtime.suggest import suggest

KEYS = frozenset(
    {
        "id", "name", "description", "icon", "color", "website", "privacy_url", "terms_url", "auth", "api",
        "database", "transformers", "adapters", "operations", "utilities", "connections", "instructions",
        "requires", "handles", "sources", "connects_to", "seed", "platforms", "testing", "credits", "agent",
        "provides", "platform", "display", "docs_url", "session", "settings", "depends_on", "inspired_by",
        "actions", "test", "version", "license", "metadata", "definitions", "domains", "parts",
        "strict_returns", "language", "tags", "author", "image", "image_headers", "wraps_as", "entities",
        "returns", "generator", "source_url", "skill_url",
    }
)  # fmt: skip
"""What stands at the top of skill files of AgentOS, and what of ours may stand there."""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing to say about a file. `index`: the character of the text that it is about; None = its key."""

    cursor: Cursor
    message: str
    fix: str
    severity: Literal["error", "warning"] = "error"
    index: int | None = None
    path: str | None = None
    """The key that it concerns, where that is not the cursor's own."""


def unknown_keys(root: Cursor) -> Iterator[Told]:
    """Keys of the top level that no skill file of AgentOS has: kept and shown, and nothing reads them."""
    transformers = root.get("transformers")
    for name, cursor in transformers.items() if transformers else ():
        told = [*misspelt(cursor, ("mapping", "terminology"))]  # without a mapping it does nothing
        yield from told
        fields = [key for key, _ in cursor.items() if key not in ("mapping", "terminology")]
        if fields and not told and cursor.get("mapping") is None:
            message = f"the transformer `{name[:60]}` has no `mapping`, so that it maps nothing"
            yield Told(cursor, message, "Write its fields below `mapping`", "warning")
    connections = root.get("connections")
    for _, cursor in connections.items() if connections else ():
        yield from misspelt(cursor, _OF_CONNECTIONS)
    for name, cursor in root.items():
        if name in KEYS:
            continue
        guess = suggest(name, KEYS)
        fix = f"Did you mean `{guess}`?" if guess else "Remove it, unless it is for your own programs"
        yield Told(cursor, f"`{name[:60]}` is not a key that anything reads", fix, "warning")


def misspelt(cursor: Cursor, known: Collection[str]) -> Iterator[Told]:
    """Keys that are nearly one that is known there; others may be for somebody else."""
    for name, below in cursor.items():
        guess = None if name in known else suggest(name, known)
        if guess is not None:
            yield Told(
                below, f"`{name[:60]}` is not a key that anything reads", f"Did you mean `{guess}`?", "warning"
            )


def unknown_connection(callable_: Cursor, connections: Collection[str]) -> Iterator[Told]:
    """A connection that is not there: its callable cannot be called."""
    below = callable_.get("connection")
    written = below.json if below is not None else None
    if below is None or not isinstance(written, str) or not connections or written in (*connections, "none"):
        return
    guess = suggest(written, connections)
    fix = f"Did you mean `{guess}`?" if guess else f"Known connections: {', '.join(connections)}"
    yield Told(below, f"there is no connection `{written[:60]}`, so this cannot be called", fix, "warning", 0)


def unknown_entity(callable_: Cursor, transformers: Collection[str]) -> Iterator[Told]:
    """An entity that is nearly one that a transformer makes: the answer would be handed out as it comes."""
    below = callable_.get("returns")
    written = below.json if below is not None else None
    if below is None or not isinstance(written, str) or re.fullmatch(r"[A-Za-z]\w*(?:\[\])?", written) is None:
        return
    name, many = written.removesuffix("[]"), written[len(written.removesuffix("[]")) :]
    if name in transformers or name in RETURNED:
        return
    lower = name.lower()
    near = next((each for each in transformers if lower in (each.lower(), f"{each.lower()}s")), None)
    guess = near or suggest(name, transformers)
    meant = f"{guess}{'[]' if lower.endswith('s') and near and near.lower() != lower else many}" if guess else None
    meant = meant or type_of_another_language(name) or suggest(name, ("void", "array"))
    if meant is not None:
        message = f"no transformer makes `{name[:60]}`, so the answer is handed out as it comes"
        yield Told(below, message, f"Did you mean `{meant}`?", "warning", 0)


def told_of(callable_: Cursor, kind: str, executor: Cursor, transformers: Collection[str]) -> Iterator[Told]:
    """A misspelt entity of a callable, and misspelt keys of what is sent, and of how the answer is read."""
    yield from unknown_entity(callable_, transformers)
    if kind in _OF_REQUESTS:
        yield from misspelt(executor, _OF_REQUESTS[kind])
    response = executor.get("response") or callable_.get("response")
    if response is not None:
        yield from misspelt(response, _OF_RESPONSES)


_OF_CONNECTIONS = frozenset(
    {
        "base_url", "description", "header", "headers", "query", "body", "cookies", "oauth", "optional", "label",
        "help_url", "account_params", "type", "prefix", "probe", "examples", "placeholder", "auth",
    }
)  # fmt: skip
_OF_REQUESTS: Mapping[str, frozenset[str]] = {
    "rest": frozenset(
        {
            "method", "url", "headers", "query", "params", "body", "encoding", "response", "auth", "timeout",
            "retry", "stream", "paginate", "poll", "nested", "keep_null", "body_extra", "ignored", "refuse",
        }
    ),
    "graphql": frozenset({"query", "variables", "endpoint", "response", "headers", "timeout", "partial"}),
}  # fmt: skip
_OF_RESPONSES = frozenset(
    {
        "root", "transform", "mapping", "raw", "static", "inject", "context", "error", "as", "charset", "csv",
        "xml", "empty",
    }
)  # fmt: skip


def report_told(told: Collection[Told], report: Report) -> None:
    for each in told:
        cursor = each.cursor
        length = cursor.key_length
        place = cursor.key_place
        if each.index is not None:
            place, length = cursor.document.place(cursor.path, cursor.offset_at(each.index)), 1
        if each.path is not None:
            place = Place(each.path, place.position)
        if each.severity == "error":
            report.error(place, each.message, each.fix, length)
        else:
            report.warning(place, each.message, each.fix, length)
