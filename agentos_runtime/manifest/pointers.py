"""JSON Pointers (RFC 6901)."""

from agentos_runtime.manifest.sections.reading import Scope
from agentos_runtime.manifest.yaml.values import Cursor
from agentos_runtime.regexes import regex

_BAD_ESCAPE = regex(r"~(?![01])")


def read_pointer(cursor: Cursor, scope: Scope) -> tuple[str, ...] | None:
    """The tokens of a JSON Pointer; `""` has none and means the whole. None after reporting."""
    text = cursor.json
    if not isinstance(text, str):
        return None
    if text and not text.startswith("/"):
        path = text.strip(".$").replace("[", ".").replace("]", "").replace("..", ".").replace(".", "/")
        message = "a JSON Pointer begins with /"
        scope.report.error(cursor.place, message, f"Write /{path}", cursor.length)
        return None
    wrong = _BAD_ESCAPE.search(text)
    if wrong:
        place = cursor.document.place(cursor.path, cursor.offset_at(wrong.start()))
        scope.report.error(place, "`~` in a JSON Pointer is written ~0 (and `/` in a name ~1)", "Write ~0")
        return None
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:])
