"""What a dialect's file says that is a mistake there, told where it stands."""

from collections.abc import Collection, Iterator, Mapping
from typing import Literal

from agentos_runtime.diagnostics import Place
from agentos_runtime.frozen import dataclass
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
    for _, cursor in transformers.items() if transformers else ():
        yield from misspelt(cursor, ("mapping", "terminology"))  # without a mapping it does nothing
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


def misspelt_in_request(kind: str, executor: Cursor, callable_: Cursor) -> Iterator[Told]:
    """Misspelt keys of what is sent, and of how the answer is read."""
    if kind in _OF_REQUESTS:
        yield from misspelt(executor, _OF_REQUESTS[kind])
    response = executor.get("response") or callable_.get("response")
    if response is not None:
        yield from misspelt(response, _OF_RESPONSES)


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
