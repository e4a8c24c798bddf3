"""`steps` of a callable: other calls, one after the other, each of which sees what those before it gave."""

import re
from collections.abc import Iterator

from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.dialects.local.callables import EXECUTORS, request_for
from agentos_runtime.manifest.dialects.placeholders import NotCarried
from agentos_runtime.manifest.dialects.tree import entries, text, under
from agentos_runtime.manifest.yaml.values import Cursor, Entries, Sequence, Value

_RUNS = ("rest", "graphql", *EXECUTORS)
_BESIDE = frozenset({"id", "skip_if", "connection", "description", "as"})
_TAKEN = frozenset({"params", "auth", "settings", "given"})
MOST = 50
Pairs = dict[str, "Cursor | Value"]


@dataclass(frozen=True, slots=True)
class WrittenStep:
    """A step as it is written."""

    id: str
    cursor: Cursor
    callable: Cursor
    """As a callable of its own."""
    skip: Value | None
    """A callable that says whether it is left out."""


def steps_of(executor: Cursor, cursor: Cursor) -> list[WrittenStep]:
    """The steps of a callable. Raises NotCarried."""
    listed = executor if isinstance(executor.value, Sequence) else executor.get("steps")
    if listed is None or not isinstance(listed.value, Sequence) or not listed.value.entries:
        raise NotCarried("has no list of `steps`")
    if isinstance(executor.value, Entries):
        for name in dict(executor.items()):
            if name not in ("steps", "response", "timeout"):
                raise NotCarried(f"`steps.{name[:60]}` is not supported")
    found = [*_each(listed, cursor)]
    if len(found) > MOST:
        raise NotCarried(f"has more than {MOST} steps")
    return found


def _each(listed: Cursor, cursor: Cursor) -> Iterator[WrittenStep]:
    seen: set[str] = set()
    for index, step in enumerate(listed.elements()):
        if not isinstance(step.value, Entries):
            raise NotCarried("has a step that is no map")
        name = step.text("id") or step.text("as") or f"step{index + 1}"
        if not re.fullmatch(r"[A-Za-z_]\w{0,60}", name) or name in seen or name in _TAKEN:
            raise NotCarried(f"has a step whose id `{name[:60]}` is taken or no name")
        seen.add(name)
        kinds = [key for key in dict(step.items()) if key not in _BESIDE]
        if len(kinds) != 1 or kinds[0] not in _RUNS:
            raise NotCarried(f"has a step that needs `{(kinds or ['nothing'])[0][:60]}`, which is not run here")
        kept: Pairs = {kinds[0]: step.at(kinds[0])}
        if (connection := step.get("connection") or cursor.get("connection")) is not None:
            kept["connection"] = connection
        if (params := cursor.get("params")) is not None:
            kept["params"] = params
        yield WrittenStep(name, step, under(step, entries(kept, step)), _skip(step, kept))


def _skip(step: Cursor, kept: Pairs) -> Value | None:
    condition = step.get("skip_if")
    if condition is None or condition.json is None:
        return None
    if not isinstance(condition.json, str):
        raise NotCarried("has a `skip_if` that is no jq")
    source = text(f"(({condition.json}\n) // false)", condition)
    body: Pairs = {"skip": under(condition, source)}
    pairs: Pairs = {"auth": text("none", step), "rest": entries(request_for("steps", step, body), step)}
    if "params" in kept:
        pairs["params"] = kept["params"]
    return entries(pairs, step)
