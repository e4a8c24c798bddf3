"""What a call gave, as the result of `tools/call`. Text and structured content say the same."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from agentos_runtime.calls.call import RawReply, Reply
from agentos_runtime.calls.formats.charsets import FormatError, decode
from agentos_runtime.errors import AgentOSError
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.mcp.kept import KEPT_FOR, NOT_KEPT, Kept, KeptReplies, fitting
from agentos_runtime.mcp.protocol import Fields

LARGEST_INLINE = 1024 * 1024
"""Bytes of a raw reply that are sent as they are; a larger one is kept to be read."""
LOOK = 2_000
"""Characters of an object that is too large, to see what it is."""


def error_fields(error: AgentOSError, request_id: str) -> Fields:
    """The error as over HTTP, all of it in the text: what stands elsewhere, clients drop."""
    body: dict[str, Json] = {**error.as_json(), "request_id": request_id}
    if error.retry_after is not None:
        body.setdefault("retry_after", error.retry_after)
    return _fields([_text(dump(body).decode())], is_error=True)


def value_fields(text: bytes, value: Json, *, structured: bool, notes: list[str]) -> Fields:
    """JSON, its text as it stands: integers of any size stay what they are."""
    said = value if isinstance(value, str) else text.decode("utf-8")
    fields = _fields([_text(said)], notes=notes)
    if structured and value is not None:
        fields["structuredContent"] = text
    return fields


@dataclass(frozen=True, slots=True)
class Room:
    """How much one result may have, where the rest is kept, and how to ask for less."""

    most: int
    """Characters."""
    agent: str
    kept: KeptReplies
    how: str
    notes: list[str]
    """What stands behind the reply, however much of it is there."""

    def reply(self, reply: Reply, *, structured: bool) -> Fields:
        """A reply of JSON; one that is too large is cut between rows, or an error, and says so."""
        if len(reply.text) <= self.most or len(reply.text.decode("utf-8")) <= self.most:
            return value_fields(reply.text, reply.value, structured=structured, notes=self.notes)
        if isinstance(reply.value, str):
            return self._cut_text(reply.value, "text/plain")
        if isinstance(reply.value, list):
            return self._cut_rows(reply.text, [dump(row) for row in reply.value])
        return self._too_large(reply.text, "application/json")

    def raw(self, raw: RawReply) -> Fields:
        """Bytes: pictures, sounds and texts as such, anything else as a resource."""
        kind = _media_type(raw.content_type)
        text = _as_text(raw) if _is_text(kind) else None
        if text is not None:
            return self._fields([_text(text)]) if len(text) <= self.most else self._cut_text(text, kind)
        uri = self.kept.keep(self.agent, Kept(raw.body, kind))
        if len(raw.body) > LARGEST_INLINE:
            return (
                self._too_large(raw.body, kind) if uri is None else self._fields([_link(uri, kind, len(raw.body))])
            )
        data = base64.b64encode(raw.body).decode()
        family = kind.partition("/")[0]
        if family in ("image", "audio"):
            return self._fields([{"type": family, "data": data, "mimeType": kind}])
        return self._fields(
            [{"type": "resource", "resource": {"uri": uri or NOT_KEPT, "mimeType": kind, "blob": data}}]
        )

    def _cut_rows(self, text: bytes, rows: list[bytes]) -> Fields:
        end = fitting(rows, 0, self.most)
        if end == 0:
            return self._too_large(text, "application/json")
        uri = self.kept.keep(self.agent, Kept(text, "application/json", rows=tuple(rows)))
        note = f"These are the first {end} of {len(rows)} rows. {self._further(uri, end)}"
        return self._fields([_text((b"[%s]" % b",".join(rows[:end])).decode()), _text(note)])

    def _cut_text(self, text: str, kind: str) -> Fields:
        uri = self.kept.keep(self.agent, Kept(text.encode("utf-8", "replace"), kind, text))
        note = f"These are the first {self.most} of {len(text)} characters. {self._further(uri, self.most)}"
        return self._fields([_text(text[: self.most]), _text(note)])

    def _too_large(self, text: bytes, kind: str) -> Fields:
        """Half an object that fits its schema would be a wrong answer that looks right."""
        shown = text.decode("utf-8", "replace")
        uri = self.kept.keep(self.agent, Kept(text, kind, shown))
        body: dict[str, Json] = {
            "error": f"The reply has {len(shown)} characters, and a result has {self.most} at most. "
            f"The call itself was made. {self._further(uri, 0)}",
            "code": "reply_too_large",
            "look": shown[:LOOK],
        }
        return self._fields([_text(dump(body).decode())], is_error=True)

    def _fields(self, content: list[dict[str, Json]], *, is_error: bool = False) -> Fields:
        return _fields(content, is_error=is_error, notes=self.notes)

    def _further(self, uri: str | None, offset: int) -> str:
        on = f", or read {uri}?offset={offset} (kept for {KEPT_FOR // 60} minutes)" if uri else ""
        return f"Ask for less ({self.how}){on}."


def _fields(content: list[dict[str, Json]], *, is_error: bool = False, notes: Sequence[str] = ()) -> Fields:
    texts = (_text(note) for note in notes)
    return {"content": dump([*content, *texts]), "isError": b"true" if is_error else b"false"}


def _text(text: str) -> dict[str, Json]:
    return {"type": "text", "text": text}


def _link(uri: str, kind: str, size: int) -> dict[str, Json]:
    name = uri.rpartition("/")[2]
    return {"type": "resource_link", "uri": uri, "name": name, "mimeType": kind, "size": size}


def _media_type(content_type: str) -> str:
    kind = content_type.partition(";")[0].strip().lower()
    return kind if kind.isascii() and kind.isprintable() and kind.count("/") == 1 else "application/octet-stream"


def _is_text(kind: str) -> bool:
    return kind.startswith("text/") or kind in _TEXTS or kind.endswith(("+json", "+xml"))


def _as_text(raw: RawReply) -> str | None:
    try:
        return decode(raw.body, raw.content_type)
    except FormatError:
        return None


def beside(reply: Reply, request_id: str) -> dict[str, Json]:
    """What stands in headers over HTTP."""
    found: dict[str, Any] = {
        "agentos/cost": None if reply.replayed else reply.cost,
        "agentos/warning": reply.warning,
        "agentos/more": reply.more or None,
        "agentos/ignored": [*reply.ignored] or None,
        "agentos/replayed": reply.replayed or None,
        "agentos/simulated": reply.simulated,
    }
    said: Mapping[str, Json] = {name: value for name, value in found.items() if value is not None}
    timings: Json = round(reply.timings.total_ms, 2)
    return {"agentos/request_id": request_id, "agentos/duration_ms": timings, **said}


_TEXTS = frozenset({"application/json", "application/xml", "application/javascript", "application/x-ndjson"})
