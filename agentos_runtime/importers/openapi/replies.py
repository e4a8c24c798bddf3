"""`responses`: what comes back, whether it is a list, a stream or bytes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agentos_runtime.importers.api import Losses, Reply
from agentos_runtime.importers.messages import singular, snake
from agentos_runtime.importers.openapi.declare import Declarer
from agentos_runtime.importers.openapi.document import Located, media_types, resolve
from agentos_runtime.importers.openapi.examples import media_example
from agentos_runtime.importers.openapi.flat import Flat
from agentos_runtime.importers.openapi.going_on import (
    ABOVE_ADDRESSES,
    cursors,
    in_header,
    is_address,
    is_next_address,
    next_address,
)
from agentos_runtime.importers.paging import LINK, rows_of
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.lint import meant_by
from agentos_runtime.manifest.mistakes.rules import type_of_another_language

_EMPTY = frozenset({"204", "205"})
"""The only answers that never have a body."""
_FORMS: Mapping[str, str] = {
    "text/plain": "text", "text/html": "text", "text/markdown": "text", "text/csv": "csv", "application/csv": "csv",
    "application/xml": "xml", "text/xml": "xml", "application/x-ndjson": "ndjson", "application/ndjson": "ndjson",
    "application/jsonl": "ndjson", "application/yaml": "text", "application/x-yaml": "text",
    "application/json-seq": "text",
}  # fmt: skip
EVENTS = "text/event-stream"
END_MARK = "[DONE]"


class Replies:
    """Reads the responses of one import."""

    def __init__(self, declarer: Declarer, losses: Losses) -> None:
        self._declarer = declarer
        self._losses = losses

    def read(self, operation: Located, method: str, stream_field: str | None, label: str) -> Reply:
        """The reply of the lowest success status that has a body, else of the lowest one."""
        answers = self._successes(operation)
        with_body = {status: kinds for status, kinds in answers.items() if kinds}
        if method == "HEAD" or (answers and set(answers) <= _EMPTY):
            return Reply("void")
        if not with_body:
            return Reply(described=False)
        status, kinds = next(iter(with_body.items()))
        if len(with_body) > 1:
            others = ", ".join(list(with_body)[1:])
            self._losses.add(f"the answers to {others} may look different from the one to {status}", label)
        if status == "202":
            self._losses.add(
                "202 only accepts the job: add `poll` if the utility should wait until it is done", label
            )
        reply = self._by_kind(kinds, label)
        whole = resolve(operation.map("responses")[status], self._losses)
        if reply.next_address is None and in_header(whole, self._losses):
            reply = replace(reply, next_address=LINK)
        return self._streaming(reply, kinds, stream_field, label)

    def example(self, operation: Located) -> Json:
        """The body of the answer that `read` reads, as the document shows it."""
        with_body = (kinds for kinds in self._successes(operation).values() if kinds)
        chosen = next((node for kinds in with_body for kind, node in kinds.items() if _is_json(kind)), None)
        return media_example(chosen, self._losses) if chosen is not None else None

    def _successes(self, operation: Located) -> dict[str, dict[str, Located]]:
        found = {status: node for status, node in operation.map("responses").items() if status[:1] == "2"}
        if not found:
            found = {status: node for status, node in operation.map("responses").items() if status == "default"}
        return {
            status: media_types(resolve(node, self._losses), self._losses) for status, node in sorted(found.items())
        }

    def _by_kind(self, kinds: Mapping[str, Located], label: str) -> Reply:
        chosen = next((kind for kind in kinds if _is_json(kind)), None)
        for kind in kinds:
            if kind not in (chosen, EVENTS) and (chosen or len(kinds) > 1):
                self._losses.add(f"the answer may also come as {kind}", label)
        if chosen is None:
            if set(kinds) == {EVENTS}:
                return Reply()
            first = next(kind for kind in kinds if kind != EVENTS).split(";")[0].strip().lower()
            form = _FORMS.get(first) or ("text" if first.startswith("text/") else None)
            item = next((media.at("itemSchema") for media in kinds.values() if media.get("itemSchema")), None)
            if form == "ndjson" and item is not None:
                return Reply("json", form=form, rows="", entity=self._entity(Flat(items=(item,))))
            return Reply("json", form=form) if form else Reply("raw")
        flat = self._declarer.flattener.flat([kinds[chosen].at("schema")], label)
        if flat.is_binary and chosen != "application/json":
            return Reply("raw")
        rows, entity = self._rows(flat)
        return Reply(
            "json",
            self._declarer.returned(flat, label),
            rows,
            entity,
            fields=self._names(flat),
            next_address=next_address(flat, self._declarer.flattener),
            cursors=cursors(flat, self._declarer.flattener),
        )

    def _names(self, flat: Flat) -> dict[str, tuple[str, ...]]:
        flattener = self._declarer.flattener
        below = {name: flattener.flat(schemas, "") for name, schemas in flat.properties.items()}
        return {
            name: tuple(
                name for name, schemas in one.properties.items() if not is_address(flattener.flat(schemas, ""))
            )
            for name, one in below.items()
            if not is_next_address(name, one) and name not in ABOVE_ADDRESSES
        }

    def _rows(self, flat: Flat) -> tuple[str | None, str | None]:
        """Where the list stands that the reply is about, and what one of its rows is called."""
        if flat.types == ("array",):
            return "", self._entity(flat)
        lists = {
            name: below
            for name, schemas in flat.properties.items()
            if "array" in (below := self._declarer.flattener.flat(schemas, "")).types
        }
        name = rows_of(lists)
        if name is None:  # beside lists of texts
            name = rows_of([name for name, below in lists.items() if self._holds_objects(below)])
        if name is None and [*lists] == ["messages"] and self._holds_objects(lists["messages"]):
            name = "messages"  # mail and the like; what a service has to say of a reply stands beside its rows
        return (f"/{_escaped(name)}", self._entity(lists[name])) if name else (None, None)

    def _holds_objects(self, rows: Flat) -> bool:
        return bool(rows.items) and self._declarer.flattener.flat(rows.items, "").is_object

    def _entity(self, rows: Flat) -> str | None:
        named = snake(self._declarer.flattener.flat(rows.items, "").name) if rows.items else ""
        entity = singular(named.removesuffix("_object")) if named and named[0].isalpha() else ""
        is_name = entity and meant_by(f"{entity}[]") is None and type_of_another_language(entity) is None
        return entity if is_name else None

    def _streaming(self, reply: Reply, kinds: Mapping[str, Located], field: str | None, label: str) -> Reply:
        if EVENTS not in kinds:
            return reply
        if field is None and len(kinds) > 1:
            self._losses.add("it can answer as a stream, but nothing says how to ask for one", label)
            return reply
        if field is None:
            self._losses.add("it answers only as a stream: call it with `stream: true`", label)
        done = END_MARK if _mentions(kinds[EVENTS].value, END_MARK) else None
        return Reply(reply.kind, reply.returns, reply.rows, reply.entity, streams=True, done=done)


def _is_json(kind: str) -> bool:
    kind = kind.split(";")[0].strip().lower()
    return kind in ("application/json", "*/*", "text/json") or kind.endswith("+json")


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _mentions(value: Any, text: str, depth: int = 4) -> bool:
    """Whether a text stands somewhere in a value, a few levels deep."""
    if isinstance(value, str):
        return text in value
    if depth == 0 or not isinstance(value, Mapping | list):
        return False
    return any(
        _mentions(below, text, depth - 1) for below in (value.values() if isinstance(value, Mapping) else value)
    )
