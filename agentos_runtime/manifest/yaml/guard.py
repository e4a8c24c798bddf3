"""Guarded YAML: bounded before it is built, strict while it is built.

libyaml's event parser is fast and does not recurse, so a hostile text is refused while its events are counted,
before any value exists. What plain YAML reads by surprise is read as written: booleans are `true` and `false` only,
numbers are JSON's numbers (`1.10` keeps its text beside its value; `010`, `0x1F`, `1_000`, `1:30` are text), dates
are text, keys are text. Tags, merge keys, second documents and duplicate keys are refused.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, ClassVar, TypeAlias

import yaml

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.mistakes.quoting import badly_quoted
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.yaml.messages import explain
from agentos_runtime.manifest.yaml.values import Document, Entries, Key, Scalar, Sequence, Value, join
from agentos_runtime.regexes import regex

MAX_CHARACTERS = 512 * 1024
MAX_DEPTH = 64
MAX_EVENTS = 50_000
MAX_ALIASES = 100
LONGEST_NUMBER = 300

Event: TypeAlias = Any
"""One of PyYAML's events, which are untyped."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_OPENING = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_CLOSING = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
_NUMBER = regex(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORDS: Mapping[str, Json] = {"true": True, "false": False, "null": None, "~": None, "": None}
_ANCHOR = regex(r"&\S+\s*")
_REMARK = regex(r"[ \t]+(#[^\s#].*)")
_PROSE = (".description", ".instructions", ".label", "description", "name")
"""Ends of the paths at which words for people stand."""
_UNPRINTABLE = regex(
    "[^\\t\\n\\x20-\\x7e\\xa0-\\u2027\\u202a-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]"
)


class _Refused(Exception):
    """The text is refused: where, why, and what to do."""

    def __init__(self, offset: int, message: str, fix: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message
        self.fix = fix


def read_yaml(document: Document, start: int, end: int, report: Report) -> Value | None:
    """The value written in `document.text[start:end]`, or None after reporting why it cannot be read."""
    text = document.text[start:end]
    try:
        _check_text(text)
        _scan(text)
        return _Builder(document, start, report).build(text)
    except _Refused as refused:
        report.error(document.place("", start + refused.offset), refused.message, refused.fix)
    except yaml.MarkedYAMLError as error:
        message, fix, offset = explain(text, error, document.lines.position(start).line)
        report.error(document.place("", start + offset), message, fix)
    return None


def _check_text(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise _Refused(
            0,
            f"the YAML is {len(text) // 1024} KB long, more than {MAX_CHARACTERS // 1024} KB",
            "Make it shorter",
        )
    found = _UNPRINTABLE.search(text)
    if found:
        raise _Refused(
            found.start(),
            f"an invisible character (U+{ord(found[0]):04X}) stands here",
            "Remove it, or write it as an escape in double quotes",
        )


# ------------------------------------------------------------------ the first look: events only


@dataclass(slots=True)
class _Census:
    """What has been counted so far; aliases count as all they stand for."""

    events: int = 0
    depth: int = 0
    aliases: int = 0
    documents: int = 0
    open: list[tuple[str | None, int]] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)


def _scan(text: str) -> None:
    loader = _Loader(text)
    census = _Census()
    get_event = loader.get_event
    try:
        while True:
            event = get_event()
            census.events += 1
            kind = type(event)
            if kind is yaml.ScalarEvent:
                if event.tag is not None or event.anchor is not None:
                    _scan_properties(event, census)
            elif kind is yaml.StreamEndEvent:
                return
            else:
                _SCANNERS[kind](event, census)
            if census.events > MAX_EVENTS:
                raise _Refused(
                    event.start_mark.index, f"more than {MAX_EVENTS:,} values", "Split the file into several skills"
                )
    finally:
        loader.dispose()


def _scan_properties(event: Event, census: _Census) -> None:
    tag = getattr(event, "tag", None)
    if tag is not None:
        raise _Refused(
            event.start_mark.index, "YAML tags (`!…`) are not allowed", "Remove the tag, or quote the value"
        )
    if event.anchor is not None and isinstance(event, yaml.ScalarEvent):
        census.sizes[event.anchor] = 1


def _scan_opening(event: Event, census: _Census) -> None:
    _scan_properties(event, census)
    census.open.append((event.anchor, census.events))
    if len(census.open) > MAX_DEPTH:
        raise _Refused(event.start_mark.index, f"nested more than {MAX_DEPTH} levels deep", "Make it flatter")


def _scan_closing(event: Event, census: _Census) -> None:
    anchor, before = census.open.pop()
    if anchor is not None:
        census.sizes[anchor] = census.events - before + 1


def _scan_alias(event: Event, census: _Census) -> None:
    census.aliases += 1
    if census.aliases > MAX_ALIASES:
        raise _Refused(event.start_mark.index, f"more than {MAX_ALIASES} aliases (`*…`)", "Write the values out")
    if event.anchor not in census.sizes:
        raise _Refused(
            event.start_mark.index,
            f"`*{event.anchor}` stands for nothing that was named before it",
            f"Name a value `&{event.anchor}` first; a value that begins with `*` must be quoted",
        )
    census.events += census.sizes[event.anchor]


def _scan_document(event: Event, census: _Census) -> None:
    census.documents += 1
    if census.documents > 1:
        raise _Refused(event.start_mark.index, "a second YAML document begins here", "Keep one")


def _scan_nothing(event: Event, census: _Census) -> None:
    pass


_SCANNERS: Mapping[type, Callable[[Event, _Census], None]] = {
    yaml.MappingStartEvent: _scan_opening,
    yaml.SequenceStartEvent: _scan_opening,
    yaml.MappingEndEvent: _scan_closing,
    yaml.SequenceEndEvent: _scan_closing,
    yaml.AliasEvent: _scan_alias,
    yaml.DocumentStartEvent: _scan_document,
    yaml.DocumentEndEvent: _scan_nothing,
    yaml.StreamStartEvent: _scan_nothing,
}


# ------------------------------------------------------------------ the second look: values


class _Builder:
    """Builds values from events that were counted and found harmless: the recursion is at most MAX_DEPTH deep."""

    def __init__(self, document: Document, start: int, report: Report) -> None:
        self._document = document
        self._start = start
        self._report = report
        self._named: dict[str, Value] = {}
        self._unasked: dict[str, tuple[str, int]] = {}
        """Names of single values that nothing has asked for so far: where they stand."""
        self._next: Callable[[], Any]

    def build(self, text: str) -> Value:
        loader = _Loader(text)
        self._next = loader.get_event
        try:
            event = self._next()
            while isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent):
                event = self._next()
            if isinstance(event, yaml.StreamEndEvent):
                return Entries({}, {}, self._start, self._start)
            value = self._value(event, "")
            self._warn_of_names()
            return value
        finally:
            loader.dispose()

    def _value(self, event: Event, path: str) -> Value:
        kind = type(event)
        if kind is yaml.AliasEvent:
            self._report.keeps_apart = False
            self._unasked.pop(event.anchor, None)
            return self._named[event.anchor]
        value = self._BUILDERS[kind](self, event, path)
        if event.anchor is not None:
            self._named[event.anchor] = value
            if kind is yaml.ScalarEvent:
                self._unasked[event.anchor] = (path, self._start + event.start_mark.index)
        return value

    def _warn_of_names(self) -> None:
        """`&c cats` is the text `cats`."""
        for name, (path, offset) in self._unasked.items():
            message = (
                f"`&{name[:60]}` is no part of the text: it names the value for a `*{name[:60]}`, and there is none"
            )
            place = self._document.place(path, offset)
            self._report.warning(place, message, "Put the whole value in quotes", len(name) + 1)

    def _scalar(self, event: Event, path: str) -> Scalar:
        start, end = self._span(event)
        style = event.style or ""
        if not style and path.endswith(_PROSE):
            self._warn_of_remark(event.value, path, end)
        value = event.value if style else self._plain(event.value, path, start)
        return Scalar(value, event.value, style, start, end)

    def _plain(self, text: str, path: str, start: int) -> Json:
        if text in _WORDS:
            return _WORDS[text]
        if not _NUMBER.fullmatch(text):
            return text
        number = _number(text)
        if number is None:
            self._report.error(
                self._document.place(path, start),
                "this number is too large",
                "Write it in quotes when text is meant",
                len(text),
            )
        return number

    def _warn_of_remark(self, text: str, path: str, end: int) -> None:
        """`Find #1 things` is the text `Find`."""
        remark = _REMARK.match(self._document.text, end)
        if remark is not None and text:
            message = f"`{remark[1].strip()[:60]}` is a remark to YAML, and no part of the text"
            whole = f"{text} {remark[1].strip()}".replace("\\", "\\\\").replace('"', '\\"')
            fix = f'Write it in quotes: "{whole}"' if len(whole) <= 80 else "Put the whole value in quotes"
            self._report.warning(self._document.place(path, remark.start(1)), message, fix, len(remark[1].strip()))

    def _sequence(self, event: Event, path: str) -> Sequence:
        entries: list[Value] = []
        following = self._next()
        while type(following) is not yaml.SequenceEndEvent:
            entries.append(self._value(following, f"{path}[{len(entries)}]"))
            following = self._next()
        start, end = self._span(event)[0], self._span(following)[1]
        return Sequence([entry.value for entry in entries], tuple(entries), start, end)

    def _mapping(self, event: Event, path: str) -> Entries:
        entries: dict[str, tuple[Key, Value]] = {}
        following = self._next()
        while type(following) is not yaml.MappingEndEvent:
            key = self._key(following, path)
            value = self._value(self._next(), join(path, key.text))
            self._refuse_duplicate(key, entries.get(key.text), path)
            entries.setdefault(key.text, (key, value))
            following = self._next()
        start, end = self._span(event)[0], self._span(following)[1]
        return Entries({name: value.value for name, (_, value) in entries.items()}, entries, start, end)

    def _key(self, event: Event, path: str) -> Key:
        offset = event.start_mark.index
        if type(event) is not yaml.ScalarEvent:
            unquoted = badly_quoted(self._document.text, self._start + offset)
            if unquoted is not None:
                raise _Refused(unquoted.offset - self._start, unquoted.message, unquoted.fix)
            raise _Refused(offset, "a key must be a word, not a map, a list or an alias", "Put quotes around it")
        if event.value == "<<" and not event.style:
            raise _Refused(offset, "merge keys (`<<`) are not part of the language", "Write the keys out")
        start, end = self._span(event)
        return Key(event.value, start, end)

    def _refuse_duplicate(self, key: Key, first: tuple[Key, Value] | None, path: str) -> None:
        if first is None:
            return
        if self._report.full:
            raise _Refused(key.start - self._start, "too many keys are given twice", "Keep one of each")
        line = self._document.lines.position(first[0].start).line
        self._report.error(
            self._document.place(join(path, key.text), key.start),
            f"`{key.text[:60]}` is given twice: here and on line {line}",
            "Keep one of them",
            key.end - key.start,
        )

    def _span(self, event: Event) -> tuple[int, int]:
        start = self._start + event.start_mark.index
        if getattr(event, "anchor", None) is not None:
            named = _ANCHOR.match(self._document.text, start)
            start = named.end() if named else start
        return start, self._start + event.end_mark.index

    _BUILDERS: ClassVar[dict[type, Callable[..., Value]]] = {
        yaml.ScalarEvent: _scalar,
        yaml.SequenceStartEvent: _sequence,
        yaml.MappingStartEvent: _mapping,
    }


def _number(text: str) -> int | float | None:
    if len(text) > LONGEST_NUMBER:
        return None
    if text.lstrip("-").isdigit():
        return int(text)
    number = float(text)
    return None if math.isinf(number) else number
