"""What a skill says about itself: names, icon, and the things it knows of."""

import re
from collections.abc import Callable, Collection
from pathlib import Path

from agentos_runtime.diagnostics import Place, Position
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.sections.urls import did_you_mean
from agentos_runtime.manifest.yaml.values import Cursor

ICON_TYPES = (".svg", ".png", ".jpg", ".jpeg", ".webp", ".gif", ".ico")
PLATFORMS = ("linux", "macos", "windows")

IconCheck = Callable[[str], None]
"""Raises OSError when the file of this name beside the manifest could not be shown."""


def any_icon(name: str) -> None:
    """A check for where there is nothing beside the manifest that could be looked at."""


RESERVED_IDS = ("search", "describe", "call", "use", "mcp", "http")
"""Names that the runtime's own routes and tools have, or will have."""


def read_id(root: Cursor, fallback: str, report: Report) -> str:
    """The skill's id: its own word, or else `fallback`, which its folder's or file's name makes."""
    written = root.get("id")
    skill_id = root.text("id") or fallback
    if skill_id in RESERVED_IDS:
        message = (
            f"the id `{skill_id}` is reserved: it is a name of the runtime's own ({', '.join(RESERVED_IDS)} are)"
        )
        if written is not None:
            report.error(written.place, message, f"Choose another, such as `{skill_id}-api`", written.length)
        else:
            place = Place("id", Position(root.place.position.file, 1, 1))
            fix = f"Add `id: {skill_id}-api`, or rename the folder or file, whose name is the id without one"
            report.error(place, message, fix, 3)
    return skill_id


def read_line(root: Cursor, key: str, report: Report, *, strict: bool) -> str | None:
    """A text of one line; a longer one is an error when `strict`, else it is joined."""
    text = root.text(key)
    if text is None:
        return None
    lines = text.strip().splitlines()
    if len(lines) > 1 and strict:
        cursor = root.at(key)
        fix = "Write one line; the rest belongs under `instructions` or below the front matter"
        report.error(cursor.place, f"`{key}` must be one line", fix, cursor.length)
    return " ".join(line.strip() for line in lines if line.strip())


def read_icon(
    root: Cursor, folder: Path, siblings: Collection[str], check: IconCheck, report: Report
) -> Path | None:
    """The icon's path, when it is a safe name and the file is there and can be shown."""
    cursor = root.get("icon")
    if cursor is None or not isinstance(cursor.json, str):
        return None
    name = cursor.json
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9 ._-]{0,100}", name):
        fix = "Put the image beside the manifest and write its name, such as `icon.svg`"
        report.error(cursor.place, "an icon is the name of a file beside the manifest", fix, cursor.length)
        return None
    if not name.lower().endswith(ICON_TYPES):
        fix = f"Use one of {', '.join(ICON_TYPES)}"
        report.error(cursor.place, "this is no kind of image that an icon may be", fix, cursor.length)
        return None
    if name not in siblings:
        fix = did_you_mean(name, siblings) or f"Add the file {name}, or remove `icon`"
        report.warning(cursor.place, f"there is no file {name} beside the manifest", fix, cursor.length)
        return None
    try:
        check(name)
    except OSError as error:
        message = f"the icon {name} cannot be shown: {error.strerror or 'it cannot be read'}"
        report.warning(cursor.place, message, f"Put a plain image there as {name}, or remove `icon`", cursor.length)
        return None
    return folder / name


def check_platforms(root: Cursor, report: Report) -> None:
    cursor = root.get("platforms")
    for entry in cursor.elements() if cursor else ():
        if isinstance(entry.json, str) and entry.json not in PLATFORMS:
            fix = did_you_mean(entry.json, PLATFORMS) or f"Known: {', '.join(PLATFORMS)}"
            report.warning(entry.place, f"`{entry.json}` is no platform that the runtime knows", fix, entry.length)


def check_graph(root: Cursor, report: Report) -> None:
    """Ids are unique; `connects_to` and relationships point at known ones."""
    things = root.get("seed")
    ids: dict[str, Cursor] = {}
    for thing in things.elements() if things else ():
        cursor = thing.get("id")
        if cursor is None or not isinstance(cursor.json, str):
            continue
        earlier = ids.setdefault(cursor.json, cursor)
        if earlier is not cursor:
            line = earlier.place.position.line
            report.error(cursor.place, f"the id `{cursor.json}` is also used on line {line}", None, cursor.length)
    for thing in things.elements() if things else ():
        relationships = thing.get("relationships")
        for relationship in relationships.elements() if relationships else ():
            _check_id(relationship.get("to"), ids, report, known_only=True)
    connects = root.get("connects_to")
    if connects is not None:
        for entry in [connects, *connects.elements()]:
            _check_id(entry, ids, report, known_only=things is not None)


def _check_id(cursor: Cursor | None, ids: Collection[str], report: Report, *, known_only: bool) -> None:
    if cursor is None or not isinstance(cursor.json, str) or cursor.json in ids:
        return
    message = f"there is nothing with the id `{cursor.json}` under `seed`"
    add = report.error if known_only else report.warning
    add(cursor.place, message, did_you_mean(cursor.json, ids) or "Add it there, or remove this", cursor.length)
