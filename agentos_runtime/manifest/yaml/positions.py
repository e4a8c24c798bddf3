"""From a character of a value back to the character of the file it was written as.

A YAML scalar may be plain, quoted, literal or folded; escapes and folded lines make the value differ from its
source. `origins` reads the source again by the rules of YAML 1.1, as libyaml applies them, and keeps where each
character was.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping

from agentos_runtime.diagnostics import Position


class Lines:
    """Turns offsets of a text into lines and columns, both from 1."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._starts = [0]
        offset = text.find("\n")
        while offset >= 0:
            self._starts.append(offset + 1)
            offset = text.find("\n", offset + 1)

    def position(self, offset: int) -> Position:
        line = bisect_right(self._starts, offset)
        return Position(self._file, line, offset - self._starts[line - 1] + 1)


def origins(text: str, start: int, end: int, style: str, value: str) -> list[int]:
    """The offset in `text` of each character of `value`, and at last that of its end.

    `text[start:end]` is the scalar as written, with its quotes or its `|`. Should the source read differently from
    what the parser read, every character is said to stand at the start.
    """
    decoded, offsets, stop = _READERS[style](text, start, end)
    if decoded != value:
        return [start] * (len(value) + 1)
    return [*offsets, stop]


def index_of(value: str, line: int, column: int) -> int:
    """The index of a line and column (from 1) inside a string; places outside are moved to the nearest inside."""
    lines = value.split("\n")
    line = min(max(line, 1), len(lines))
    before = sum(len(earlier) + 1 for earlier in lines[: line - 1])
    return before + min(max(column - 1, 0), len(lines[line - 1]))


class _Decoded:
    """Characters with the offsets they came from."""

    def __init__(self) -> None:
        self.chars: list[str] = []
        self.offsets: list[int] = []

    def add(self, chars: str, offset: int) -> None:
        self.chars.append(chars)
        self.offsets.extend([offset] * len(chars))

    def done(self, stop: int) -> tuple[str, list[int], int]:
        return "".join(self.chars), self.offsets, stop


_Read = tuple[str, list[int], int]
_BLANK = " \t\n"


def _blank_end(text: str, offset: int, end: int) -> int:
    while offset < end and text[offset] in _BLANK:
        offset += 1
    return offset


def _fold(text: str, offset: int, stop: int, out: _Decoded) -> None:
    """A run of blanks inside a flow scalar: one line break is a space, n breaks are n - 1 breaks."""
    breaks = [at for at in range(offset, stop) if text[at] == "\n"]
    if not breaks:
        for at in range(offset, stop):
            out.add(text[at], at)
    elif len(breaks) == 1:
        out.add(" ", breaks[0])
    for at in breaks[1:]:
        out.add("\n", at)


def _flow(text: str, start: int, end: int, step: Callable[[str, int, int, _Decoded], int]) -> _Read:
    out = _Decoded()
    offset = start
    while offset < end:
        if text[offset] in _BLANK:
            stop = _blank_end(text, offset, end)
            _fold(text, offset, stop, out)
            offset = stop
        else:
            offset = step(text, offset, end, out)
    return out.done(end)


def _plain_step(text: str, offset: int, _end: int, out: _Decoded) -> int:
    out.add(text[offset], offset)
    return offset + 1


def _single_step(text: str, offset: int, _end: int, out: _Decoded) -> int:
    out.add(text[offset], offset)
    return offset + (2 if text.startswith("''", offset) else 1)


def _double_step(text: str, offset: int, end: int, out: _Decoded) -> int:
    if text[offset] != "\\":
        return _plain_step(text, offset, end, out)
    code = text[offset + 1]
    if code == "\n":
        stop = _blank_end(text, offset + 2, end)
        for at in range(offset + 2, stop):
            if text[at] == "\n":
                out.add("\n", at)
        return stop
    digits = _HEX_DIGITS.get(code, 0)
    decoded = chr(int(text[offset + 2 : offset + 2 + digits], 16)) if digits else _ESCAPES.get(code, "")
    out.add(decoded, offset)
    return offset + 2 + digits


def _plain(text: str, start: int, end: int) -> _Read:
    return _flow(text, start, end, _plain_step)


def _single(text: str, start: int, end: int) -> _Read:
    return _flow(text, start + 1, end - 1, _single_step)


def _double(text: str, start: int, end: int) -> _Read:
    return _flow(text, start + 1, end - 1, _double_step)


def _block(text: str, start: int, end: int) -> _Read:
    """A literal or folded block, after libyaml's yaml_parser_scan_block_scalar."""
    folded = text[start] == ">"
    header_end = text.find("\n", start, end)
    if header_end < 0:
        return "", [], end
    header = text[start + 1 : header_end].split("#")[0]
    lines = _block_lines(text, header_end + 1, end)
    indent = _block_indent(text, lines, header, start)
    out = _Decoded()
    pending: list[int] = []
    last_break: int | None = None
    after_blank = False
    for begin, stop in lines:
        content = begin + indent
        if content >= stop or text[begin:content].strip(" "):
            pending.append(stop)
            continue
        blank = text[content] in " \t"
        if last_break is not None:
            _join(out, last_break, pending, folded and not after_blank and not blank)
        else:
            for at in pending:
                out.add("\n", at)
        for at in range(content, stop):
            out.add(text[at], at)
        pending, last_break, after_blank = [], stop, blank
    return _chomp(out, header, last_break, pending, end)


def _join(out: _Decoded, last_break: int, pending: list[int], fold: bool) -> None:
    if not fold:
        out.add("\n", last_break)
    elif not pending:
        out.add(" ", last_break)
    for at in pending:
        out.add("\n", at)


def _chomp(out: _Decoded, header: str, last_break: int | None, pending: list[int], end: int) -> _Read:
    if "-" not in header and last_break is not None and last_break < end:
        out.add("\n", last_break)
    if "+" in header:
        for at in pending:
            out.add("\n", at)
    return out.done(end)


def _block_lines(text: str, offset: int, end: int) -> list[tuple[int, int]]:
    """Where each line begins and where its line break stands; a last line without one ends at `end`."""
    lines = []
    while offset < end:
        stop = text.find("\n", offset, end)
        stop = end if stop < 0 else stop
        lines.append((offset, stop))
        offset = stop + 1
    return lines


def _block_indent(text: str, lines: list[tuple[int, int]], header: str, start: int) -> int:
    digits = [int(char) for char in header if char.isdigit()]
    if digits:
        return _parent_indent(text, start) + digits[0]
    for begin, stop in lines:
        line = text[begin:stop]
        if line.strip(" "):
            return len(line) - len(line.lstrip(" "))
    return 0


def _parent_indent(text: str, start: int) -> int:
    """The column of the collection that a block scalar stands in: its key's, or the innermost `- ` before it."""
    begin = text.rfind("\n", 0, start) + 1
    line = text[begin:start]
    column = 0
    while line[column:].startswith((" ", "- ")):
        column += 1
    if line[column:].strip():
        return column
    dash = line.rfind("- ")
    return max(dash, 0)


_ESCAPES: Mapping[str, str] = {
    "0": "\0",
    "a": "\x07",
    "b": "\x08",
    "t": "\t",
    "\t": "\t",
    "n": "\n",
    "v": "\x0b",
    "f": "\x0c",
    "r": "\r",
    "e": "\x1b",
    " ": " ",
    '"': '"',
    "/": "/",
    "\\": "\\",
    "N": "\x85",
    "_": "\xa0",
    "L": "\u2028",
    "P": "\u2029",
}
_HEX_DIGITS: Mapping[str, int] = {"x": 2, "u": 4, "U": 8}
_READERS: Mapping[str, Callable[[str, int, int], _Read]] = {
    "": _plain,
    "'": _single,
    '"': _double,
    "|": _block,
    ">": _block,
}
