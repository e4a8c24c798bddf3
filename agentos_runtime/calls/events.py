"""Event streams as bytes become events, without I/O: right for any split of the bytes.

SSE follows the WHATWG rules (https://html.spec.whatwg.org/multipage/server-sent-events.html): lines end in LF, CR
or CRLF, a colon starts a comment, several `data` lines are joined. Three rules are kinder: an event that the end of
the stream cut off from its blank line still counts, since upstreams forget their last newline; a `data` line after
one that is a JSON object by itself begins another event, since some forget the blank lines between; and a line
without a field that is a JSON object with an `error`, or an object behind a field of that name, is an event of that
name, since gateways write their own into a stream, and llama.cpp tells its failures so.
"""

import re
from collections.abc import Mapping
from json import JSONDecoder
from typing import Protocol

from agentos_runtime.calls.failure_words import beginning
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import JsonTextError, is_json, parse
from agentos_runtime.regexes import regex


@dataclass(frozen=True, slots=True)
class UpstreamEvent:
    """One event: its name (`message` when the upstream gave none) and its data."""

    data: bytes
    name: str = "message"


_SILENT = (b":", b"id", b"retry", b"event")
"""How lines begin that are no news."""
_ERROR_FIELD = b"error:"
_SIGNS_OF_LIFE = frozenset({"ping", "heartbeat", "keepalive", "keep-alive", "keep_alive"})
"""Names of events that gateways send while a service is silent."""
_BEGIN_WORDS = frozenset({b"p", b"P", b"h", b"H", b"k", b"K"})
_LONGEST_STRAY = 300
_MARK = b"\xef\xbb\xbf"
_MOST_TOGETHER = 1000
"""Events on one line."""
_READER = JSONDecoder()
_BETWEEN: Mapping[str, re.Pattern[str]] = {"sse": regex(r"\s*data:\s*"), "ndjson": regex(r"\s*")}
"""What stands between events on one line: two JSON texts in one event of a stream are none that can be read."""


class EventTooLarge(ValueError):
    """One event is larger than the bound; nothing sensible can follow."""


class Decoder(Protocol):
    """Bytes in, whole events out."""

    def feed(self, chunk: bytes) -> list[UpstreamEvent]:
        """The events that this chunk completes. Raises EventTooLarge."""
        ...

    def is_next_whole(self, chunk: bytes) -> bool:
        """Whether the chunk, which ends in an empty line, begins with an event and is not too large for one."""
        ...

    def end(self) -> list[UpstreamEvent]:
        """The event that the end of the stream completes, if any."""
        ...


class _Lines:
    """Lines of a byte stream; a CR at the end of a chunk waits, because an LF may follow it.

    Pieces of an unfinished line are kept apart and joined once, so that an event of many megabytes in small chunks
    costs linear time.
    """

    def __init__(self, limit: int, *, carriage_returns: bool) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._limit = limit
        self._carriage_returns = carriage_returns
        self._skip_lf = False

    def feed(self, chunk: bytes) -> list[bytes]:
        if self._skip_lf and chunk:
            self._skip_lf = False
            chunk = chunk.removeprefix(b"\n")
        if self._carriage_returns and b"\r" in chunk:
            self._skip_lf = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        first, *rest = chunk.split(b"\n")
        self._add(first)
        if not rest:
            return []
        lines = [b"".join(self._pieces), *rest[:-1]]
        self._pieces, self._size = [], 0
        self._add(rest[-1])
        return lines

    @property
    def pending(self) -> bool:
        """Whether a line, or a line's end, was begun."""
        return bool(self._pieces) or self._skip_lf

    def end(self) -> bytes:
        line = b"".join(self._pieces)
        self._pieces, self._size = [], 0
        return line

    def _add(self, piece: bytes) -> None:
        if piece:
            self._pieces.append(piece)
            self._size += len(piece)
            if self._size > self._limit:
                raise EventTooLarge(f"an event is larger than {self._limit} bytes (AGENTOS_MAX_REPLY)")


class SseDecoder:
    """Server-sent events."""

    stray = b""
    """The beginning of the last line that belongs to no event and is no comment: what a gateway says of itself."""

    def __init__(self, limit: int) -> None:
        self._lines = _Lines(limit, carriage_returns=True)
        self._limit = limit
        self._data: list[bytes] = []
        self._size = 0
        self._name = "message"
        self._at_start = b""
        self._started = False
        self._pending = False
        """Whether an event was begun."""
        self._has_told = False
        """Whether there was an event."""

    def feed(self, chunk: bytes) -> list[UpstreamEvent]:
        if not self._started:
            chunk = self._without_mark(chunk)
        if not self._pending and len(chunk) <= self._limit and (whole := _whole_events(chunk)):
            self._has_told = True
            return whole
        events: list[UpstreamEvent] = []
        for line in self._lines.feed(chunk):
            self._line(line, events)
        self._has_told = self._has_told or bool(events)
        self._pending = bool(self._data) or self._name != "message" or self._lines.pending
        return events

    def is_next_whole(self, chunk: bytes) -> bool:
        return self._started and not self._pending and len(chunk) <= self._limit

    def end(self) -> list[UpstreamEvent]:
        events: list[UpstreamEvent] = []
        if not self._started:
            self._started = True
            events += self.feed(self._at_start)
        self._line(self._lines.end(), events)
        self._line(b"", events)
        return events

    def _without_mark(self, chunk: bytes) -> bytes:
        """Drop a byte order mark at the very start, however the chunks cut it."""
        chunk = self._at_start + chunk
        if len(chunk) < len(_MARK) and _MARK.startswith(chunk):
            self._at_start = chunk
            return b""
        self._at_start, self._started = b"", True
        return chunk.removeprefix(_MARK)

    def _line(self, line: bytes, events: list[UpstreamEvent]) -> None:
        if not line:
            if self._data:
                data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                events.append(UpstreamEvent(data, self._name))
            self._data, self._size, self._name = [], 0, "message"
        elif line.startswith(b"data:") or line == b"data":
            value = line[6:] if line[5:6] == b" " else line[5:]
            if self._data and _is_whole(self._data):
                self._line(b"", events)
            self._size += len(value) + 1  # with its line end: lines of nothing grow too
            if self._size - 1 > self._limit:
                raise EventTooLarge(f"an event is larger than {self._limit} bytes (AGENTOS_MAX_REPLY)")
            self._data.append(value)
        elif line.startswith(b"event:"):
            self._name = line[6:].strip().decode("utf-8", "replace") or "message"
        elif not line.startswith(_SILENT):
            self._of_no_field(line, events)

    def _of_no_field(self, line: bytes, events: list[UpstreamEvent]) -> None:
        said = line.removeprefix(_ERROR_FIELD).strip() if line.startswith(_ERROR_FIELD) else b""
        if line.startswith(b"{") and b'"error"' in line:
            after_others = self._has_told or bool(events) or bool(self._data)
            said = line if _says_error(line, within=after_others) else b""
        if said[:1] == b"{" and (said is line or is_json(said)):
            self._line(b"", events)
            events.append(UpstreamEvent(said, "error"))
        else:
            self.stray = beginning(line.strip(), _LONGEST_STRAY).encode()


def is_silent(event: UpstreamEvent) -> bool:
    """Whether it says nothing, or only that the connection is alive, in whatever words.

    Gateways hand on comments, and such words, as if they were data.
    """
    said = event.data.strip()
    if (
        not said
        or said[:1] == b":"
        or (said[:1] in _BEGIN_WORDS and said.lower().decode("latin-1") in _SIGNS_OF_LIFE)
    ):
        return True
    return event.name.lower() in _SIGNS_OF_LIFE and not is_json(event.data)


def is_mark_otherwise(event: UpstreamEvent, done: bytes) -> bool:
    """Whether it is the end mark as others write it: `[done]`, `DONE`."""
    if len(event.data) > len(done) + 4:
        return False
    return event.data.strip().strip(b"[]").lower() == done.strip(b"[]").lower()


def _unwrapped(event: UpstreamEvent) -> UpstreamEvent | None:
    """The event that a gateway has wrapped into another, field and all; None for any other."""
    said = event.data.strip()
    if not said.startswith(b"data:"):
        return None
    while said.startswith(b"data:"):
        said = said[5:].strip()
    return UpstreamEvent(said, event.name)


def parted(event: UpstreamEvent, form: str, done: bytes | None) -> list[UpstreamEvent]:
    """The events that stand in the line of one, where a service forgot the ends between, or a gateway put its field
    before that of the service; none in all others.

    form: `sse` or `ndjson`. done: the end mark, which may be the last of them.
    """
    if (within := _unwrapped(event)) and (within.data == done or is_json(within.data)):
        return [within]
    try:
        text = event.data.decode()
    except UnicodeDecodeError:
        return []
    events: list[UpstreamEvent] = []
    place = 0
    while place < len(text):
        if len(events) >= _MOST_TOGETHER or text[place] != "{":
            is_mark = done is not None and text[place:].strip().encode() == done
            return [*events, UpstreamEvent(done, event.name)] if is_mark and done is not None else []
        try:
            _, end = _READER.raw_decode(text, place)
        except (ValueError, RecursionError):
            return []
        events.append(UpstreamEvent(text[place:end].encode(), event.name))
        found = _BETWEEN[form].match(text, end)
        if found is None and text[end:].strip():
            return []
        place = found.end() if found else len(text)
    return events if len(events) > 1 else []


def _is_whole(data: list[bytes]) -> bool:
    """Whether what came of an event is a JSON object in one line, which no further line can belong to."""
    return len(data) == 1 and data[0][:1] == b"{" and data[0][-1:] == b"}" and is_json(data[0])


def _says_error(line: bytes, *, within: bool) -> bool:
    """Whether an object that stands in a line of its own holds an error: a whole reply has a null there, or the
    word somewhere in what it tells. within: it stands among events, where no whole reply does.
    """
    try:
        document = parse(line)
    except JsonTextError:
        return True
    if isinstance(document, dict) and "error" in document:
        return bool(document["error"])
    return within


def _whole_events(chunk: bytes) -> list[UpstreamEvent] | None:
    """The events of a chunk that holds whole ones of one line of data each, as nearly all do; None of others."""
    if chunk[-2:] != b"\n\n":
        return None  # the first half of a line's end may be the last that is there
    lines = chunk.splitlines()
    if len(lines) == 2:
        line, end = lines
        return [UpstreamEvent(line[6:])] if line[:6] == b"data: " and not end else None
    events = [UpstreamEvent(line[6:]) for line in lines[::2] if line[:6] == b"data: "]
    return events if 2 * len(events) == len(lines) and not any(lines[1::2]) else None


class NdjsonDecoder:
    """One JSON text a line; empty lines, and a byte order mark at the very start, are skipped."""

    stray = b""

    def __init__(self, limit: int) -> None:
        self._lines = _Lines(limit, carriage_returns=False)
        self._started = False

    def feed(self, chunk: bytes) -> list[UpstreamEvent]:
        return self._events(self._lines.feed(chunk))

    def is_next_whole(self, chunk: bytes) -> bool:
        return False  # its events stand on lines of their own

    def end(self) -> list[UpstreamEvent]:
        return self._events([self._lines.end()])

    def _events(self, lines: list[bytes]) -> list[UpstreamEvent]:
        if lines and not self._started:
            self._started = True
            lines[0] = lines[0].removeprefix(_MARK)
        return [UpstreamEvent(text) for line in lines if (text := line.strip())]


DECODERS: Mapping[str, type[SseDecoder] | type[NdjsonDecoder]] = {"sse": SseDecoder, "ndjson": NdjsonDecoder}
