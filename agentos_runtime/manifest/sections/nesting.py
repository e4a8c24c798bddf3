"""`nested`: what is written in a form or query and could not be said there by any call."""

from collections.abc import Mapping

from agentos_runtime.manifest.model import Nested
from agentos_runtime.manifest.sections.reading import Scope
from agentos_runtime.manifest.yaml.values import Cursor, Entries, Sequence

MAPS: Mapping[Nested | None, str] = {"brackets": "[]", "empty_brackets": "[]", "dots": "."}
"""The ways that write maps, and the characters that a name may not have then."""
WAYS: tuple[Nested, ...] = ("brackets", "empty_brackets", "dots", "repeat", "comma")
_OTHERS = "Write `nested: brackets` or `dots`"


def read_nested(cursor: Cursor) -> Nested | None:
    """What `nested` below the cursor says; a word that is none has been reported by the schema."""
    written = cursor.text("nested")
    return next((way for way in WAYS if way == written), None)


def check_form(cursor: Cursor, scope: Scope) -> None:
    """Report what a written form body holds and `nested` cannot say; `cursor` is the body."""
    if scope.nested in MAPS:
        check_names_in(cursor, scope)
        return
    for name, below in cursor.items():
        if not isinstance(below.value, Entries):
            continue
        if scope.nested is None:
            message = f"`{name}` is a map, which a form cannot say without `nested`"
            scope.report.warning(below.key_place, message, _OTHERS, below.key_length)
        else:
            message = f"`{name}` is a map, which `nested: {scope.nested}` cannot say"
            scope.report.error(below.key_place, message, _OTHERS, below.key_length)


def check_names_in(cursor: Cursor, scope: Scope) -> None:
    """Report names that would be read as another place, at any depth, and lists that have no end."""
    separators = MAPS[scope.nested]
    for name, below in cursor.items():
        if any(each in name for each in separators):
            message = f"`{name}` has {' or '.join(separators)} in its name, which would be read as another place"
            fix = "Write it as a map or list below the name alone"
            scope.report.error(below.key_place, message, fix, below.key_length)
        check_names_in(below, scope)
    for entry in cursor.elements():
        if scope.nested == "empty_brackets" and isinstance(entry.value, Entries | Sequence):
            message = "a map or list in a list cannot be said by `nested: empty_brackets`"
            scope.report.error(entry.place, message, _OTHERS, entry.length)
        check_names_in(entry, scope)
