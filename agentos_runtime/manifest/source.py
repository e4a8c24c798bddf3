"""A skill file's bytes: decoded, split into front matter and Markdown, the front matter read."""

import re

from agentos_runtime.diagnostics import Place, Position
from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.mistakes.front_matter import cut, unclosed, unopened
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.yaml.guard import read_yaml
from agentos_runtime.manifest.yaml.positions import Lines
from agentos_runtime.manifest.yaml.values import Cursor, Document, Entries
from agentos_runtime.regexes import regex

MAX_BYTES = 4 * 1024 * 1024

_OPENING = regex(r"\s*^---[ \t]*$\n?", re.MULTILINE)
_CLOSING = regex(r"^---[ \t]*$\n?", re.MULTILINE)
_HEADING = regex(r"^#{1,6}[ \t]+(.+?)[ \t#]*$")
_FENCE = regex(r"^ {0,3}(```|~~~)")
_ID_LINE = regex(r"^id:[ \t]*[\"']?([A-Za-z0-9_-]{1,64})", re.MULTILINE)
_LONGEST_TITLE = 200


@dataclass(frozen=True, slots=True)
class Source:
    """A file in its parts. `root` is None when the front matter cannot be read; the report then says why."""

    document: Document
    root: Cursor | None
    has_front_matter: bool
    docs: str
    written_id: str | None
    """What stands after `id:`, found without YAML, so that a file that is broken YAML is still known by its id."""


def read_source(data: bytes, file: str, report: Report) -> Source | None:
    """Decode and split a file; None, after reporting, for what is no text at all."""
    text = decode_text(data, file, report)
    if text is None:
        return None
    document = Document(text, Lines(file, text))
    opening = _OPENING.match(text)
    if not opening:
        missing = unopened(text)
        if missing is not None:
            report.error(document.place("", missing.offset), missing.message, missing.fix, missing.length)
            return Source(document, None, True, "", _written_id(text))
        return Source(document, Cursor(document, Entries({}, {}, 0, 0)), False, text, None)
    closing = _CLOSING.search(text, opening.end())
    if not closing:
        nearly = unclosed(text, opening.end())
        offset = opening.end() - len(opening[0].lstrip()) if nearly is None else nearly.offset
        message, fix = "the front matter begins here and never ends", "Add a line `---` after its last key"
        if nearly is not None:
            message, fix = nearly.message, nearly.fix
        report.error(document.place("", offset), message, fix, 3 if nearly is None else nearly.length)
        return Source(document, None, True, "", _written_id(text))
    value = read_yaml(document, opening.end(), closing.start(), report)
    root = Cursor(document, value) if isinstance(value, Entries) else None
    if value is not None and root is None:
        report.error(
            document.place("", value.start), "the front matter must be a map of keys", "Write `key: value` lines"
        )
    front = text[opening.end() : closing.start()]
    lost = cut(front, text, closing.start())
    if lost is not None:
        report.error(document.place("", lost.offset), lost.message, lost.fix, lost.length)
    return Source(document, root, True, text[closing.end() :].lstrip("\n"), _written_id(front))


def title_and_summary(docs: str) -> tuple[str, str]:
    """The first heading, or else the first line, of a Markdown text; and the first other line of prose."""
    lines = list(_prose(docs))
    headings = [match[1] for line in lines if (match := _HEADING.match(line))]
    plain = [line.strip() for line in lines if not _HEADING.match(line)]
    title = headings[0] if headings else plain[0] if plain else ""
    summary = next((line for line in plain if line != title), "")
    return title[:_LONGEST_TITLE], summary[:_LONGEST_TITLE]


def _prose(docs: str) -> list[str]:
    """Lines that are not blank and not inside a fenced block; enough of them to find a title."""
    found: list[str] = []
    fenced = False
    for line in docs.split("\n", 500)[:500]:
        if _FENCE.match(line):
            fenced = not fenced
        elif line.strip() and not fenced:
            found.append(line)
    return found


def _written_id(front: str) -> str | None:
    found = _ID_LINE.search(front)
    return found[1] if found else None


def decode_text(data: bytes, file: str, report: Report) -> str | None:
    """The text of a file, its line ends made one; None, after reporting, for what is no UTF-8 text."""
    if len(data) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES // (1024 * 1024)} MB"
        report.error(Place("", Position(file, 1, 1)), message, "A skill is one short text; move the rest elsewhere")
        return None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        report.error(Place("", Position(file, 1, 1)), "the file is UTF-16", "Save it as UTF-8")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        place = Place("", Lines(file, before).position(len(before)))
        report.error(place, "this byte is not UTF-8", "Save the file as UTF-8")
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")
