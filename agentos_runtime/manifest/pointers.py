"""JSON Pointers (RFC 6901)."""

import re

from agentos_runtime.manifest.sections.reading import Scope
from agentos_runtime.manifest.yaml.values import Cursor
from agentos_runtime.regexes import regex

_ODD = regex(r"\[(?:\d*|\*)\]|/\*(?=/|\Z)|\{\w*\}|(?<!\A)/\Z|\A/\Z|(?<=/)[A-Za-z_]\w*\.[A-Za-z_]\w*")
"""What other languages of paths write for an entry, every entry, a param, the whole and the next name."""
_BAD_ESCAPE = regex(r"~(?![01])")


def read_pointer(cursor: Cursor, scope: Scope) -> tuple[str, ...] | None:
    """The tokens of a JSON Pointer; `""` has none and means the whole. None after reporting."""
    text = cursor.json
    if not isinstance(text, str):
        return None
    if text and not text.startswith("/"):
        message = "a JSON Pointer begins with /"
        scope.report.error(cursor.place, message, f"Write /{_plain(text.replace('.', '/'))}", cursor.length)
        return None
    odd = _ODD.search(text)
    if odd:
        place = cursor.document.place(cursor.path, cursor.offset_at(odd.start()))
        message = f"`{odd[0][:60]}` in a JSON Pointer is part of a field's name"
        scope.report.warning(place, message, f"Write {_pointer_fix(text)}", len(odd[0]))
    wrong = _BAD_ESCAPE.search(text)
    if wrong:
        place = cursor.document.place(cursor.path, cursor.offset_at(wrong.start()))
        scope.report.error(place, "`~` in a JSON Pointer is written ~0 (and `/` in a name ~1)", "Write ~0")
        return None
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:])


def _plain(path: str) -> str:
    """The names and indexes of a path, with a slash between them."""
    return "/".join(_undotted(name) for name in re.findall(r"[^/$\[\]*]+", path.removeprefix("#")))


def _undotted(name: str) -> str:
    return name.replace(".", "/") if re.fullmatch(r"[A-Za-z_][\w.]*\w", name) else name


def _pointer_fix(text: str) -> str:
    written = f"/{_plain(text)}"
    if "{" in text:
        before = written.partition("{")[0].rstrip("/") or written
        return f"{before}: nothing is put into a pointer, `transform` can choose"
    return written if written != "/" else 'nothing (`""`, or no pointer) for the whole'
