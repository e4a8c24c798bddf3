"""Changes of a YAML text, made where they belong: what is not changed stays as it is, to the last blank.

Comments, order, quotes and blank lines of the file survive, because nothing is written anew but the entries that
have another value now.
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.merge import equal, order
from agentos_runtime.importers.yamltext import WIDTH, entry, flow_text, scalar
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.yaml.values import Entries, Key, Scalar, Sequence, Value

Entry: TypeAlias = tuple[str, Value]


@dataclass(frozen=True, slots=True)
class Edit:
    """`text[start:end]` becomes `text`."""

    start: int
    end: int
    text: str


def splice(text: str, root: Entries, wanted: Mapping[str, Json]) -> str:
    """The text with the entries of `root` (as read from it) made to say what is wanted."""
    edits = sorted(_map_edits(text, root, wanted, ()), key=lambda edit: (edit.start, edit.end))
    out: list[str] = []
    at = 0
    for edit in edits:
        out += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*out, text[at:]])


def _map_edits(text: str, value: Entries, wanted: Mapping[str, Json], path: tuple[str, ...]) -> Iterator[Edit]:
    """Edits of a block map."""
    first = next(iter(value.entries.values()))[0]
    indent = first.start - _line_start(text, first.start)
    insertion = _line_start(text, first.start)
    apart = not path or path == ("utilities",)
    for key in order(value.value, wanted):
        if key not in value.entries:
            fresh = entry(key, wanted[key], indent, flow=path != ("utilities",))
            yield Edit(
                insertion, insertion, f"{_break_before(text, insertion)}{_apart(text, insertion, fresh, apart)}"
            )
            continue
        span = Span.of(text, *value.entries[key])
        insertion = span.end
        if key not in wanted:
            yield Edit(_with_blank_line(text, span) if apart else span.start, span.end, "")
        elif not equal(value.value[key], wanted[key]):
            yield from _entry_edits(text, key, value.entries[key][1], wanted[key], span, indent, path)


def _entry_edits(
    text: str, key: str, value: Value, wanted: Json, span: "Span", indent: int, path: tuple[str, ...]
) -> Iterator[Edit]:
    stands_here = value.start >= span.key_end
    if (
        stands_here
        and isinstance(value, Entries)
        and isinstance(wanted, dict)
        and wanted
        and _is_block(text, value)
    ):
        yield from _map_edits(text, value, wanted, (*path, key))
        return
    inline = _inline(text, value, wanted) if stands_here else None
    if inline is not None and value.start - _line_start(text, value.start) + len(inline) <= WIDTH:
        yield Edit(value.start, value.end, inline)
        return
    fresh = entry(key, wanted, indent, flow=path != ("utilities",))
    yield Edit(span.start, span.end, _with_comment(fresh, text[span.tail : span.end]))


def _inline(text: str, value: Value, wanted: Json) -> str | None:
    """The new value in the place of the old one, when both fit on one line."""
    old = text[value.start : value.end]
    if not old or "\n" in old or (isinstance(wanted, str) and "\n" in wanted):
        return None
    if isinstance(value, Scalar) and value.style not in ("|", ">") and not isinstance(wanted, dict | list):
        return scalar(wanted)
    if isinstance(value, Entries | Sequence) and old[0] in "{[" and isinstance(wanted, type(value.value)):
        return flow_text(wanted)
    return None


def _is_block(text: str, value: Entries) -> bool:
    return bool(value.entries) and text[value.start : value.start + 1] != "{"


@dataclass(frozen=True, slots=True)
class Span:
    """The lines of an entry: from the start of its key's line to the end of its value's last line."""

    start: int
    key_end: int
    """A value that begins before this is an alias: it stands elsewhere."""
    tail: int
    """Behind the last character of the value."""
    end: int

    @classmethod
    def of(cls, text: str, key: Key, value: Value) -> "Span":
        tail = max(key.end + 1, _tail(text, value))
        line_end = text.find("\n", tail)
        return cls(_line_start(text, key.start), key.end, tail, len(text) if line_end < 0 else line_end + 1)


def _tail(text: str, value: Value) -> int:
    """Behind the last character that belongs to a value (the end of a block's events lies further on)."""
    if isinstance(value, Entries) and _is_block(text, value):
        return max(
            _tail(text, below) if below.end > key.end else key.end + 1 for key, below in value.entries.values()
        )
    if isinstance(value, Sequence) and text[value.start : value.start + 1] != "[" and value.entries:
        return max(_tail(text, below) for below in value.entries)
    end = value.end
    while end > value.start and text[end - 1] in " \t\n":
        end -= 1
    return end


def _line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, offset) + 1


def _break_before(text: str, offset: int) -> str:
    """A line break, where the text before ends without one."""
    return "\n" if offset and text[offset - 1] != "\n" else ""


def _apart(text: str, offset: int, fresh: str, apart: bool) -> str:
    """A blank line before an entry, where the entries around it are set apart by blank lines."""
    if not apart or "\n\n" not in text:
        return fresh
    return f"\n{fresh}" if text[max(0, offset - 2) : offset] != "\n\n" else f"{fresh}\n"


def _with_blank_line(text: str, span: Span) -> int:
    """The start of an entry, the blank line before it included."""
    return span.start - 1 if text[span.start - 2 : span.start] == "\n\n" else span.start


def _with_comment(fresh: str, rest: str) -> str:
    """A new entry with the comment that stood behind the old one."""
    comment = rest.strip()
    if not comment.startswith("#"):
        return fresh
    first, line_break, more = fresh.partition("\n")
    return f"{first}  {comment}{line_break}{more}"
