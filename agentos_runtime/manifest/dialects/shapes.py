"""The keys of AgentOS's skill files and what stands under each: what is of another kind is told where it stands."""

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.dialects.params import TEXTS
from agentos_runtime.manifest.dialects.told import Told
from agentos_runtime.manifest.mistakes.words import known_value
from agentos_runtime.manifest.params import JSON_TYPES
from agentos_runtime.manifest.yaml.values import Cursor, Entries

Shapes = Mapping[str, str]
"""Key → kinds of value, `text`, `map`, `list`, `flag`, `number`, with `|` between; `any` for all.

Null is never wrong.
"""

TOP: Shapes = {
    **dict.fromkeys(("id", "name", "description", "icon", "color", "website", "privacy_url", "terms_url"), "text"),
    **dict.fromkeys(("api", "transformers", "adapters", "operations", "utilities", "connections"), "map"),
    **dict.fromkeys(("requires", "seed", "platforms", "credits", "provides"), "list"),
    "instructions": "text", "auth": "text|map", "database": "text|map", "handles": "map", "sources": "map",
    "connects_to": "text|list", "agent": "map", "testing": "map",
}  # fmt: skip
CALLABLE: Shapes = {
    **dict.fromkeys(("description", "web_url", "label", "operation", "effect"), "text"),
    **dict.fromkeys(("params", "rest", "graphql", "sql", "command", "python"), "map"),
    "returns": "text|map", "connection": "text|list", "handles_urls": "list", "readonly": "flag",
    "auth": "text|flag", "steps": "list|map", "response": "map",
}  # fmt: skip
EXECUTORS: Mapping[str, Shapes] = {
    "rest": {
        "method": "text", "url": "text", "headers": "map", "query": "map", "params": "map", "body": "any",
        "encoding": "text", "response": "map", "auth": "text|flag",
    },
    "graphql": {
        "query": "text", "variables": "map", "endpoint": "text", "response": "map", "headers": "map",
        "timeout": "number", "partial": "flag",
    },
    "sql": {
        "query": "text", "database": "text|map", "attach": "map", "params": "map", "response": "map",
        "write": "flag", "timeout": "number", "format": "text",
    },
    "command": {
        "binary": "text", "args": "list", "args_string": "text", "stdin": "any", "timeout": "number",
        "working_dir": "text", "env": "list|map", "response": "map",
    },
    "python": {
        "module": "text", "function": "text", "args": "map|list", "params": "flag", "timeout": "number",
        "response": "map",
    },
    "steps": {"steps": "list", "response": "map"},
}  # fmt: skip
RESPONSE: Shapes = {
    "root": "text", "transform": "text", "mapping": "map", "raw": "flag", "static": "any", "inject": "map",
}  # fmt: skip
PARAM: Shapes = {
    "type": "text", "required": "flag", "default": "any", "description": "text", "example": "any", "enum": "list",
    "items": "map|text", "properties": "map", "min": "number", "max": "number", "values": "list",
}  # fmt: skip
CONNECTION: Shapes = {
    **dict.fromkeys(("type", "label", "help_url", "base_url", "description", "prefix", "placeholder"), "text"),
    **dict.fromkeys(("header", "query", "body"), "text|map"),
    **dict.fromkeys(("headers", "account_params"), "map"),
    "optional": "flag", "oauth": "map|text", "cookies": "map|list",
}  # fmt: skip
_ADDRESS = r"https?://\S+"
_FORMS: Mapping[str, tuple[str, str]] = {
    "icon": (
        r"[A-Za-z0-9_-][A-Za-z0-9 ._-]{0,100}\.(?i:svg|png|jpe?g|webp|gif|ico)",
        "the name of an image beside the file",
    ),
    "color": (r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})", 'written as "#rrggbb"'),
    **dict.fromkeys(("website", "privacy_url", "terms_url"), (_ADDRESS, "an address with https:// or http://")),
}
"""What some texts of the top level look like, and how that is said."""
TYPES = frozenset({*JSON_TYPES, *TEXTS, "file", "any"})
"""What a param may be; those that JSON has not are texts, and `any` is all."""
_KINDS: Mapping[str, Callable[[Json], bool]] = MappingProxyType(
    {
        "text": lambda value: isinstance(value, str),
        "map": lambda value: isinstance(value, dict),
        "list": lambda value: isinstance(value, list),
        "flag": lambda value: isinstance(value, bool),
        "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    }
)


def mistyped(root: Cursor) -> Iterator[Told]:
    """What is of another kind than its key's, of the whole file."""
    yield from _wrong(root, TOP)
    for cursor in (root.get("auth"), *_below(root.get("connections"))):
        if cursor is not None:
            yield from _wrong(cursor, CONNECTION)
            yield from _params(cursor.get("account_params"))
    for section in ("operations", "utilities"):
        for cursor in _below(root.get(section)):
            yield from _callable(cursor)


def malformed(root: Cursor) -> Iterator[tuple[str, Told]]:
    """Texts of the top level that are not shown, since they are none of what their key holds, by their keys."""
    for name, (form, said) in _FORMS.items():
        below = root.get(name)
        if below is None or below.json is None:
            continue
        if not isinstance(below.json, str) or not re.fullmatch(form, below.json.strip()):
            yield (
                name,
                Told(below, f"`{name}` is {said}, so this is not shown", "Correct it, or leave it", "warning", 0),
            )


def _below(cursor: Cursor | None) -> tuple[Cursor, ...]:
    return tuple(below for _, below in cursor.items()) if cursor is not None else ()


def _callable(cursor: Cursor) -> Iterator[Told]:
    if not isinstance(cursor.value, Entries):
        yield _told(cursor, "map")
        return
    yield from _wrong(cursor, CALLABLE)
    yield from _params(cursor.get("params"))
    responses = [cursor.get("response")]
    for name, shapes in EXECUTORS.items():
        below = cursor.get(name)
        if below is not None and isinstance(below.value, Entries):
            yield from _wrong(below, shapes)
            responses.append(below.get("response"))
    for response in responses:
        if response is not None:
            yield from _wrong(response, RESPONSE)


def _params(params: Cursor | None) -> Iterator[Told]:
    for cursor in _below(params):
        if isinstance(cursor.value, Entries):
            yield from _wrong(cursor, PARAM)
        elif cursor.json is not None and not isinstance(cursor.json, str):
            yield _told(cursor, "map|text")
        written = cursor.get("type") if isinstance(cursor.value, Entries) else cursor
        if written is not None and isinstance(written.json, str) and written.json not in TYPES:
            yield _unknown_type(written, written.json)


def _unknown_type(cursor: Cursor, written: str) -> Told:
    guess = known_value(written, tuple(TYPES))
    fix = f"Did you mean `{guess}`?" if guess else f"It is one of {', '.join(sorted(TYPES))}"
    return Told(cursor, f"`{written[:60]}` is no type, so the param may be anything", fix, "warning", 0)


def _wrong(cursor: Cursor, shapes: Shapes) -> Iterator[Told]:
    for name, below in cursor.items():
        kinds = shapes.get(name, "any")
        if kinds == "any" or below.json is None:
            continue
        if not any(_KINDS[kind](below.json) for kind in kinds.split("|")):
            yield _told(below, kinds)


def _told(cursor: Cursor, kinds: str) -> Told:
    wanted = " or ".join(f"a {kind}" for kind in kinds.split("|"))
    fix = f"Write {wanted}"
    if kinds == "map" and isinstance(cursor.json, str) and cursor.name in ("sql", "graphql"):
        fix = f"Write `{cursor.name}: {{query: …}}`, with the text as its `query`"
    if isinstance(cursor.json, str):
        fix = _of_programs(cursor.name, cursor.json.strip()) or fix
    return Told(cursor, f"`{cursor.name[:60]}` is {wanted}, and this is none", fix, "warning")


def _of_programs(name: str, written: str) -> str | None:
    """How a program, its words or a function are written that stand as one text."""
    if name == "command" and re.fullmatch(r"[\w./ -]{1,80}", written):
        binary, *words = written.split()
        return f"Write `command: {{binary: {binary}, args: [{', '.join(words)}]}}`"
    if name == "python" and (found := re.fullmatch(r"([\w./-]{1,80}):(\w{1,60})", written)):
        return f"Write `python: {{module: {found[1]}, function: {found[2]}}}`"
    return f"Write a list: `[{written}]`" if name == "args" and re.fullmatch(r"[\w./-]{1,80}", written) else None
