"""A file's bytes become a Skill, or all of its problems."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentos_runtime.diagnostics import Place, Position, Problem
from agentos_runtime.manifest.facts import check_graph, check_platforms, read_icon, read_line
from agentos_runtime.manifest.lint import Subject, lint
from agentos_runtime.manifest.model import Skill
from agentos_runtime.manifest.parse import EXTRAS, read_callables
from agentos_runtime.manifest.parts import Part, PartReader, no_parts, read_parts
from agentos_runtime.manifest.reading import ExpressionCheck, Reading
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.schema import ManifestSchema
from agentos_runtime.manifest.source import Source, read_source, slug, title_and_summary
from agentos_runtime.manifest.values import Cursor

__all__ = ["ExpressionCheck", "LoadResult", "load_skill"]


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What became of a file.

    `skill` is None when there are errors; then `problems` holds them and the warnings, in the order of the file.
    When it loads, its warnings are on `skill.warnings` and `problems` is empty. `checks` are the expressions still
    to be compiled.
    """

    skill: Skill | None
    problems: tuple[Problem, ...]
    id: str
    name: str
    description: str
    checks: tuple[ExpressionCheck, ...]


def load_skill(
    data: bytes,
    *,
    schema: ManifestSchema,
    file: Path,
    folder: Path | None,
    siblings: Collection[str],
    read_part: PartReader = no_parts,
) -> LoadResult:
    """Read one skill file, and the parts it names; never raises, whatever the bytes.

    `folder` is the skill's own folder, None for a single file among others; `siblings` are the names of the files
    beside it.
    """
    report = Report()
    fallback = slug(folder.name if folder else file.stem)
    source = read_source(data, str(file), report)
    if source is None or source.root is None:
        known = source.written_id if source else None
        return LoadResult(None, report.all(), known or fallback, fallback, "", ())
    schema.check(source.root, report)
    parts = read_parts(source.root, report, file=file, folder=folder, read=read_part, schema=schema)
    roots = (source.root, *(part.root for part in parts))
    values, declared, reading = read_callables(source.root, roots[1:], report)
    values |= _identity(source, source.root, fallback, report, is_callable=bool(declared))
    values["kind"] = "callable" if values["utilities"] else "instructions"
    values["icon"] = read_icon(source.root, folder or file.parent, siblings, report)
    docs = "\n\n".join(text for text in (source.docs, *(part.docs for part in parts)) if text)
    skill = Skill(file=file, digest=_digest(data, parts), docs=docs, **values)
    for problem in lint(Subject.of(skill, roots, declared, tuple(reading.found))):
        report.add(problem)
    return _finish(skill, reading, report)


def _digest(data: bytes, parts: Sequence[Part]) -> str:
    """sha256 over the file, and over its parts when it has some."""
    digests = [hashlib.sha256(each).digest() for each in (data, *(part.data for part in parts))]
    return (hashlib.sha256(b"".join(digests)) if parts else hashlib.sha256(data)).hexdigest()


def _finish(skill: Skill, reading: Reading, report: Report) -> LoadResult:
    if report.has_errors:
        return LoadResult(None, report.all(), skill.id, skill.name, skill.description, tuple(reading.checks))
    loaded = replace(skill, warnings=report.warnings())
    return LoadResult(loaded, (), skill.id, skill.name, skill.description, tuple(reading.checks))


def _identity(source: Source, root: Cursor, fallback: str, report: Report, *, is_callable: bool) -> dict[str, Any]:
    """Everything of a Skill that is not about calls."""
    if is_callable and root.get("utilities") is None:
        _require_names(root, report)
    title, summary = title_and_summary(source.docs)
    name = read_line(root, "name", report, strict=is_callable)
    description = read_line(root, "description", report, strict=is_callable)
    if source.has_front_matter and not is_callable:
        _warn_missing(root, report)
    check_graph(root, report)
    check_platforms(root, report)
    return {
        "id": root.text("id") or fallback,
        "name": name or title or fallback,
        "description": description or ("" if name else summary),
        "color": root.text("color"),
        "website": root.text("website"),
        "privacy_url": root.text("privacy_url"),
        "terms_url": root.text("terms_url"),
        "platforms": root.texts("platforms"),
        "connects_to": root.at("connects_to").json if root.get("connects_to") else None,
        "seed": root.at("seed").json if root.get("seed") else None,
        "instructions": root.text("instructions"),
        "domains": root.texts("domains"),
        "extras": {key: cursor.json for key in EXTRAS if (cursor := root.get(key)) is not None},
    }


def _require_names(root: Cursor, report: Report) -> None:
    """What the schema asks for beside `utilities`, when they all stand in parts."""
    for key in ("id", "name", "description"):
        if root.get(key) is None:
            message = f"a skill with utilities needs `{key}`"
            report.error(root.at("parts").key_place, message, f"Add `{key}: …`", len("parts"))


def _warn_missing(root: Cursor, report: Report) -> None:
    place = Place("", Position(root.place.position.file, 1, 1))
    for key in ("name", "description"):
        if root.get(key) is None:
            report.warning(place, f"`{key}` is missing", f"Add `{key}: …`, one line", 3)
