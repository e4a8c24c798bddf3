"""The mapping of a transformer or adapter as one jq expression over an element of the reply."""

import re
from typing import TypeAlias

from agentos_runtime.jsontext import dump
from agentos_runtime.manifest.yaml.values import Cursor, Entries

Tree: TypeAlias = "dict[str, Tree | str]"
_ELEMENT, _MAPPED, _SEEN = "$agentos_element", "$agentos_mapped", "$agentos_seen"


def entity_jq(mapping: Cursor, checked: list[Cursor]) -> str:
    """An object of each element. Each expression is added to `checked`.

    A typed reference sees the element, with the mapped fields where the element has none. Fields whose name has a
    dot nest. An expression that fails fails the whole, named by its key.
    """
    plain: Tree = {}
    flat: dict[str, str] = {}
    linked: Tree = {}
    for name, below in mapping.items():
        if _is_reference(below):
            _put(linked, name.removesuffix("[]").split("."), _related(name, below, _SEEN, checked))
        else:
            source = _value(below, _ELEMENT, checked)
            flat[name] = source
            _put(plain, name.split("."), source)
    mapped = f". as {_ELEMENT} | {_object(plain)}"
    if not linked:
        return f"({mapped})"
    names = ", ".join(f"{_quoted(name)}: ({source})" for name, source in flat.items())
    filled = f"({{{names}}} | with_entries(select(.value != null)))"
    own = f'(if {_ELEMENT} | type == "object" then {_ELEMENT} | with_entries(select(.value != null)) else {{}} end)'
    return f"({mapped} as {_MAPPED} | ({filled} + {own}) as {_SEEN} | {_MAPPED} * {_object(linked)})"


def _is_reference(cursor: Cursor) -> bool:
    value = cursor.value
    return isinstance(value, Entries) and "ref" not in value.entries and "value" not in value.entries


def _put(tree: Tree, path: list[str], source: str) -> None:
    for step in path[:-1]:
        below = tree.setdefault(step, {})
        if isinstance(below, str):
            below = tree[step] = {}
        tree = below
    tree[path[-1]] = source


def _object(tree: Tree) -> str:
    fields = (
        f"{_quoted(name)}: ({below if isinstance(below, str) else _object(below)})" for name, below in tree.items()
    )
    return "{" + ", ".join(fields) + "}"


def _value(cursor: Cursor, element: str, checked: list[Cursor]) -> str:
    """A field that is no typed reference: jq, a constant, or `{ref, value}`."""
    if isinstance(cursor.value, Entries):
        given = cursor.get("value")
        return "null" if given is None else _value(given, element, checked)
    if not isinstance(cursor.json, str):
        return dump(cursor.json).decode()
    if not cursor.json.strip():
        return "null"
    return f"{element} | {one_jq(cursor, checked)}"


def one_jq(cursor: Cursor, checked: list[Cursor]) -> str:
    """An expression that gives one value: null for none, a failure that names its key for several."""
    checked.append(cursor)
    path = re.sub(r'\["([^"\\]*)"\]', r".\1", cursor.path)
    shown = path if re.fullmatch(r"[\w.$\[\]-]{1,150}", path) else "a field"
    caught = f'try [({cursor.json}\n)] catch error("{shown} fails on this answer")'
    return f'({caught} | if length > 1 then error("{shown} gives several values") else .[0] end)'


def _related(name: str, cursor: Cursor, element: str, checked: list[Cursor]) -> str:
    """A typed reference, or right away the list that it would hold: `"tag[]": {_source: .tags, name: .n}`."""
    if cursor.get("_source") is not None:
        return _linked(name, cursor, element, checked)
    return _reference(cursor, element, checked)


def _reference(cursor: Cursor, element: str, checked: list[Cursor]) -> str:
    """`{entity: {field: jq}}`, nested as it is written; null where all that it holds is null."""
    linked = (
        f"{_quoted(name.removesuffix('[]'))}: ({_linked(name, below, element, checked)})"
        for name, below in cursor.items()
    )
    return unless_null("{" + ", ".join(linked) + "}")


def _linked(name: str, cursor: Cursor, element: str, checked: list[Cursor]) -> str:
    if not isinstance(cursor.value, Entries):
        return _value(cursor, element, checked)
    source = cursor.get("_source")
    if source is None:
        return f"{element} | . as {element} | {_fields(cursor, element, checked)}"
    each = f". as {element} | {_fields(cursor, element, checked)}"
    return f"{_value(source, element, checked)} | if . == null then null else map({each}) end"


def _fields(cursor: Cursor, element: str, checked: list[Cursor]) -> str:
    """An object; names with a dot nest."""
    tree: Tree = {}
    for name, below in cursor.items():
        if name != "_source":
            reference = _is_reference(below)
            source = _related(name, below, element, checked) if reference else _value(below, element, checked)
            _put(tree, (name.removesuffix("[]") if reference else name).split("."), source)
    return _object(tree)


def unless_null(source: str) -> str:
    """The value, or null where all that it holds is null."""
    return f'({source} | if [.. | select(type != "object" and . != null)] == [] then null else . end)'


def _quoted(name: str) -> str:
    return dump(name).decode()
