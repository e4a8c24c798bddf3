"""What an answer that passes through says of tokens and cost: found without holding the answer."""

import re
from collections import deque
from json import JSONDecodeError, JSONDecoder
from typing import Protocol

from agentos_runtime.jsontext import Json, JsonTextError, parse

LARGEST_DOCUMENT = 1 << 20
"""Bytes of a JSON answer that are kept to be read at its end; of a larger one, only its end."""
TAIL = 64 * 1024
LARGEST_EVENT = 16 << 20
"""Bytes of one event that are held until it is whole; a larger one passes in pieces."""
_USAGE = re.compile(rb'"usage"\s*:\s*(?=\{)')
_BLANK_LINES = (b"\n\n", b"\r\n\r\n", b"\r\r")
_NAMES = ("model", "id", "provider")
_CACHED = ("cache_read_input_tokens", "cache_creation_input_tokens")
_INSIDE = ("message", "response")
"""Where an event holds what a plain answer would be: of Anthropic's messages, of OpenAI's responses."""


class AnswerMeter(Protocol):
    """Is shown an answer piece by piece."""

    def feed(self, data: bytes) -> bytes:
        """What of it can be passed on now."""
        ...

    def end(self) -> bytes:
        """What was held back, when the answer is whole."""
        ...

    def document(self) -> dict[str, Json]:
        """Model, id and usage, as far as they were said."""
        ...


def meter_of(content_type: str) -> AnswerMeter:
    """The meter for answers of a type, which is lower case and has no parameters."""
    if content_type == "text/event-stream":
        return EventMeter()
    return DocumentMeter() if content_type.endswith("json") else NoMeter()


class NoMeter:
    """For what says nothing of the kind."""

    def feed(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""

    def document(self) -> dict[str, Json]:
        return {}


class DocumentMeter(NoMeter):
    """For one JSON text."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._cut = False
        self._read: dict[str, Json] | None = None

    def feed(self, data: bytes) -> bytes:
        self._read = None
        self._pieces.append(data)
        self._size += len(data)
        if self._size > LARGEST_DOCUMENT:
            self._cut = True
            while self._size - len(self._pieces[0]) > TAIL:
                self._size -= len(self._pieces.popleft())
        return data

    def document(self) -> dict[str, Json]:
        if self._read is None:
            data = b"".join(self._pieces)
            self._read = _with_cache(_said(_usage_in(data[-TAIL:]) if self._cut else data))
        return self._read


class EventMeter:
    """For server-sent events. It passes whole events on, so that whatever follows them is an event of its own.

    Of the events with usage the first and the last count: Anthropic says in the first what went in, and in the
    last what came out.
    """

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0
        self._end = b""
        """The last bytes of what is held: a blank line may come in pieces."""
        self._first = b""
        self._last = b""

    def feed(self, data: bytes) -> bytes:
        self._held.append(data)
        self._size += len(data)
        recent = self._end + data
        self._end = recent[-3:]
        end = max(recent.rfind(blank) + len(blank) if blank in recent else 0 for blank in _BLANK_LINES)
        if not end:
            return self._release(self._size) if self._size > LARGEST_EVENT else b""
        return self._release(max(0, self._size - (len(recent) - end)))

    def end(self) -> bytes:
        return self._release(self._size)

    def document(self) -> dict[str, Json]:
        first, last = _said(self._first), _said(self._last)
        usages = [usage for each in (first, last) if isinstance(usage := each.get("usage"), dict)]
        merged: dict[str, Json] = {
            name: value for usage in usages for name, value in usage.items() if value is not None
        }
        return _with_cache(first | last | ({"usage": merged} if usages else {}))

    def _release(self, size: int) -> bytes:
        if not size:
            return b""
        data = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        whole, rest = data[:size], data[size:]
        self._held, self._size, self._end = [rest] if rest else [], len(rest), rest[-3:]
        if b'"usage"' in whole:
            self._note(whole)
        return whole

    def _note(self, events: bytes) -> None:
        for line in events.splitlines():
            if line.startswith(b"data:") and _USAGE.search(line):
                self._last = line[len(b"data:") :]
                self._first = self._first or self._last


def _said(data: bytes) -> dict[str, Json]:
    """Names and usage of a JSON text; nothing of what is none."""
    try:
        document = parse(data) if data else None
    except JsonTextError:
        return {}
    if not isinstance(document, dict):
        return {}
    inside = [below for name in _INSIDE if isinstance(below := document.get(name), dict)]
    said: dict[str, Json] = {}
    for source in (*inside, document):
        said |= {name: value for name in _NAMES if isinstance(value := source.get(name), str) and value}
        if isinstance(source.get("usage"), dict):
            said["usage"] = source["usage"]
    return said


def _with_cache(said: dict[str, Json]) -> dict[str, Json]:
    """With what Anthropic read from its cache and wrote to it among the tokens that went in, as in chats."""
    usage = said.get("usage")
    if not isinstance(usage, dict):
        return said
    cached = [count for name in _CACHED if isinstance(count := usage.get(name), int)]
    count = usage.get("input_tokens")
    if not cached or not isinstance(count, int):
        return said
    return said | {"usage": usage | {"input_tokens": count + sum(cached)}}


def _usage_in(tail: bytes) -> bytes:
    """The last usage that stands in the end of a JSON text, as a JSON text of its own."""
    found = [*_USAGE.finditer(tail)]
    if not found:
        return b""
    text = tail[found[-1].end() :].decode("utf-8", "replace")
    try:
        _, end = JSONDecoder().raw_decode(text)
    except (JSONDecodeError, RecursionError):
        return b""
    return b'{"usage": %b}' % text[:end].encode()
