"""What an answer that passes through says of tokens and cost: found without holding the answer."""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from json import JSONDecodeError, JSONDecoder
from typing import Protocol

from agentos_runtime.calls.metering import said_by_google
from agentos_runtime.jsontext import Json, JsonTextError, dump, fields, parse
from agentos_runtime.regexes import regex

LARGEST_DOCUMENT = 1 << 20
"""Bytes of a JSON answer that are kept to be read at its end; of a larger one, only its end."""
TAIL = 64 * 1024
LARGEST_EVENT = 16 << 20
"""Bytes of one event that are held until it is whole; a larger one passes in pieces."""
_USAGE = regex(rb'"usage(?:Metadata)?"\s*:\s*(?=\{)')
_ERROR = regex(rb'"errors?"\s*:\s*(?=[{\["])|"type"\s*:\s*"error"')
_EVENTS = (b"data:", b"event:", b"id:", b":")
"""How a text of events begins."""
_MARK = b"\xef\xbb\xbf"
_DATA = regex(rb"data:([^\r\n]*)")
_BINARY = regex(r"(?:image|audio|video|font)/.*|application/(?:octet-stream|pdf|zip|gzip)")
_BLANK_LINES = (b"\n\n", b"\r\n\r\n", b"\r\r")
_BLANK_LINE = regex(b"|".join(_BLANK_LINES))
_NAMES = ("model", "id", "provider")
_USED = "usage"
_INSIDE = ("x_groq", "message", "response")
"""Where an event holds what a plain answer would be: of Groq's usage, Anthropic's messages, OpenAI's responses."""
_CHOICES = "choices"
"""Some tell the usage in the first of these."""
_OF_GOOGLE = ("modelVersion", "responseId", "usageMetadata")
_LOOKED_AT = (*_NAMES, _USED, *_INSIDE, _CHOICES, *_OF_GOOGLE)


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

    def error(self) -> bytes:
        """The JSON text in which an error may stand, or nothing."""
        ...


def meter_of(content_type: str) -> AnswerMeter:
    """The meter for answers of a type, which is lower case and has no parameters."""
    if content_type == "text/event-stream":
        return EventMeter()
    return NoMeter() if _BINARY.fullmatch(content_type) else DocumentMeter()


class NoMeter:
    """For what says nothing of the kind."""

    def feed(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""

    def document(self) -> dict[str, Json]:
        return {}

    def error(self) -> bytes:
        return b""


class DocumentMeter(NoMeter):
    """For one JSON text, whatever it is called, and for events or lines of JSON under another type."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._head = b""
        """The beginning of what is not kept whole."""
        self._size = 0
        self._cut = False
        self._read: dict[str, Json] | None = None

    def feed(self, data: bytes) -> bytes:
        self._read = None
        self._pieces.append(data)
        self._size += len(data)
        if self._size > LARGEST_DOCUMENT:
            self._head = self._head or b"".join(self._pieces)[:TAIL]
            self._cut = True
            while self._size - len(self._pieces[0]) > TAIL:
                self._size -= len(self._pieces.popleft())
        return data

    def document(self) -> dict[str, Json]:
        if self._read is None:
            self._read = self._said_in_part() if self._cut else self._said_in_all()
        return self._read

    def error(self) -> bytes:
        text = b"" if self._cut else self._text()
        if text.startswith(_EVENTS):
            return _events(text).error()
        return text if _ERROR.search(text) else b""

    def _text(self) -> bytes:
        text = b"".join(self._pieces).removeprefix(_MARK).lstrip()
        return _listed_by_google(text) or text

    def _said_in_all(self) -> dict[str, Json]:
        text = self._text()
        if text.startswith(_EVENTS):
            return _events(text).document()
        said = _said(text)
        if _USED not in said and text.startswith(b"{") and b"\n{" in text and _value(text) is None:
            return _events(b"".join(b"data:%b\n\n" % line for line in text.splitlines())).document()
        return said

    def _said_in_part(self) -> dict[str, Json]:
        return _said(_usage_in(b"".join(self._pieces)[-TAIL:]) or _usage_in(self._head))


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
        self._error = b""
        self._read: dict[str, Json] | None = None

    def feed(self, data: bytes) -> bytes:
        if not self._held and data.endswith(b"\n\n"):  # whole events, as they mostly come
            self._note(data)
            return data
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
        if self._read is None:
            self._read = self._merged()
        return self._read

    def error(self) -> bytes:
        return self._error

    def _merged(self) -> dict[str, Json]:
        last = _said(self._last)
        if self._first is self._last:
            return last
        first = _said(self._first)
        usages = [usage for each in (first, last) if isinstance(usage := each.get("usage"), dict)]
        merged: dict[str, Json] = {}
        for usage in usages:  # some end with 0 of what they told at the start
            merged |= {name: value for name, value in usage.items() if value or merged.get(name) is None}
        return first | last | ({"usage": merged} if usages else {})

    def _release(self, size: int) -> bytes:
        if not size:
            return b""
        data = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        whole, rest = data[:size], data[size:]
        self._held, self._size, self._end = [rest] if rest else [], len(rest), rest[-3:]
        self._note(whole)
        return whole

    def _note(self, events: bytes) -> None:
        """Only events with a usage or an error are looked at: most have none."""
        events = events.removeprefix(_MARK)
        if b'"error"' in events:
            self._error = [self._error, *_data_of(events, _ERROR)][-1]
        if b'"usage' not in events:
            return
        for data in _data_of(events, _USAGE):
            self._last, self._read = data, None
            self._first = self._first or self._last


def _data_of(events: bytes, mark: re.Pattern[bytes]) -> Iterator[bytes]:
    """The data of each event in which the mark stands."""
    end = 0
    for found in mark.finditer(events):
        if found.end() <= end:
            continue  # in data that was looked at
        start = events.rfind(b"\n", end, found.start()) + 1 or end
        start = events.rfind(b"\r", start, found.start()) + 1 or start
        line = _DATA.match(events, start)
        if line is None or found.end() >= line.end():
            end = line.end() if line else found.end()
        elif _is_object(line[1].strip()):
            yield line[1]
            end = line.end()
        else:
            data, end = _joined(events, start, end)
            yield from [data] if data else []


def _is_object(text: bytes) -> bool:
    """Whether a line can be a whole document: then another line is another event."""
    return text[:1] == b"{" and text[-1:] == b"}"


def _joined(events: bytes, at: int, floor: int) -> tuple[bytes, int]:
    """The data of the event around a place, which stands in several lines, and where the event ends."""
    begins = (events.rfind(blank, floor, at) for blank in _BLANK_LINES)
    blank_line = _BLANK_LINE.search(events, at)
    end = blank_line.start() if blank_line else len(events)
    lines = events[max(floor, *begins) : end].splitlines()
    return b"\n".join(line[5:] for line in lines if line.startswith(b"data:")), end


def _events(text: bytes) -> EventMeter:
    """What a whole text of events says."""
    meter = EventMeter()
    meter.feed(text)
    meter.end()
    return meter


def _said(data: bytes) -> dict[str, Json]:
    """Names and usage of a JSON text; nothing of what is none."""
    document = _known(data) if data else {}
    said = _said_in_choice(document.get(_CHOICES))
    for source in (*(_known(document[name]) for name in _INSIDE if name in document), document):
        for name in _NAMES:
            if isinstance(value := _value(source.get(name)), str) and value:
                said[name] = value
        if isinstance(usage := _value(source.get(_USED)), dict):
            said[_USED] = usage
    of_google = {name: _value(document.get(name)) for name in _OF_GOOGLE if name in document}
    return said | said_by_google(of_google)


def _listed_by_google(text: bytes) -> bytes:
    """What Gemini would have streamed, told as one list, as a text of events; nothing of any other text."""
    listed = _value(text) if text.startswith(b"[") and b'"candidates"' in text else None
    if not isinstance(listed, list) or not any(isinstance(each, dict) and "candidates" in each for each in listed):
        return b""
    return b"".join(b"data:%b\n\n" % dump(each) for each in listed)


def _said_in_choice(text: bytes | None) -> dict[str, Json]:
    choices = _value(text) if text and b'"usage"' in text else None
    first = choices[0] if isinstance(choices, list) and choices else None
    usage = first.get(_USED) if isinstance(first, dict) else None
    return {_USED: usage} if isinstance(usage, dict) else {}


def _known(text: bytes) -> Mapping[str, bytes]:
    """What is looked at of an object, which may be large; nothing of what is none."""
    found = fields(text, _LOOKED_AT)
    if found is not None:
        return found
    whole = _value(text)  # what is not quickly read
    return {name: dump(whole[name]) for name in _LOOKED_AT if name in whole} if isinstance(whole, dict) else {}


def _value(text: bytes | None) -> Json:
    try:
        return parse(text) if text else None
    except JsonTextError:
        return None


def _usage_in(tail: bytes) -> bytes:
    """The last usage that stands in the end of a JSON text, under its name, as a JSON text of its own."""
    found = [*_USAGE.finditer(tail)]
    if not found:
        return b""
    text = tail[found[-1].end() :].decode("utf-8", "replace")
    try:
        _, end = JSONDecoder().raw_decode(text)
    except (JSONDecodeError, RecursionError):
        return b""
    return b"{%b%b}" % (found[-1][0], text[:end].encode())
