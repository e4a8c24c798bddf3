"""Paths of databases: texts in which a param fills one segment and a setting may say all of it."""

import re
from collections.abc import Mapping

from agentos_runtime.jsontext import parse
from agentos_runtime.manifest.dialects.placeholders import NotCarried
from agentos_runtime.manifest.model import DatabasePath, PathPart, PathText
from agentos_runtime.manifest.yaml.values import Cursor, Entries
from agentos_runtime.regexes import regex

_PLATFORMS: Mapping[str, str] = {"macos": "macos", "darwin": "macos", "linux": "linux"}
_MUSTACHE = regex(r"\{\{\s*(params|settings)\.(\w+)\s*\}\}")
_NAMED = r"\(?\s*\.(params|settings)\.(\w+)\s*(?:\|\s*tostring\s*)?\)?"
_TERM = regex(rf'\s*(?:("(?:[^"\\]|\\.)*")|{_NAMED})\s*(\+|\Z)')
_INSIDE = regex(rf"\\\({_NAMED}\)")


def database_of(cursor: Cursor) -> DatabasePath:
    """A path, or a map of platforms to paths. Raises NotCarried for one whose place is not known."""
    if isinstance(cursor.value, Entries):
        found = {
            _PLATFORMS[name]: _path(str(below.json), below)
            for name, below in cursor.items()
            if name in _PLATFORMS and isinstance(below.json, str)
        }
        if not found:
            raise NotCarried("names no database for Linux or macOS")
        return DatabasePath(found)
    if not isinstance(cursor.json, str) or not cursor.json.strip():
        raise NotCarried("names no database")
    return DatabasePath({"": _path(cursor.json, cursor)})


def _path(written: str, at: Cursor) -> PathText:
    parts = tuple(_parts(written.strip(), at))
    first = parts[0] if parts else ""
    starts = isinstance(first, PathPart) and first.source == "settings"
    if not starts and not (isinstance(first, str) and re.match(r"(~/|/)[^/]", first)):
        raise NotCarried(f"`{at.name}` is no whole path: it begins with / or ~/")
    later = [part for part in parts[1:] if isinstance(part, PathPart) and part.source == "settings"]
    text = "".join(part if isinstance(part, str) else "x" for part in parts)
    if later or ".." in text.split("/") or any(sign in text for sign in "*?\0"):
        raise NotCarried(f"`{at.name}` is a path of which it is not known where it leads")
    return parts


def _parts(written: str, at: Cursor) -> list[str | PathPart]:
    if written.startswith(("~", "/")):
        return _filled(written, _MUSTACHE)
    parts: list[str | PathPart] = []
    end = 0
    while end < len(written) or not parts:
        found = _TERM.match(written, end)
        if found is None:
            raise NotCarried(f"`{at.name}` is jq of which it is not known where it leads")
        if found[1]:
            parts += _quoted(found[1], at)
        else:
            parts.append(_part(found[2], found[3]))
        end = found.end()
    return parts


def _quoted(text: str, at: Cursor) -> list[str | PathPart]:
    parts = _filled(text[1:-1], _INSIDE)
    try:
        return [str(parse(f'"{part}"'.encode())) if isinstance(part, str) else part for part in parts]
    except ValueError:
        raise NotCarried(f"`{at.name}` is jq of which it is not known where it leads") from None


def _filled(text: str, pattern: re.Pattern[str]) -> list[str | PathPart]:
    parts: list[str | PathPart] = []
    end = 0
    for found in pattern.finditer(text):
        parts += [text[end : found.start()], _part(found[1], found[2])]
        end = found.end()
    parts.append(text[end:])
    if "{{" in "".join(part for part in parts if isinstance(part, str)):
        raise NotCarried("has a placeholder in a path that is not supported")
    return [part for part in parts if part != ""]


def _part(source: str, name: str) -> PathPart:
    return PathPart("params" if source == "params" else "settings", name)
