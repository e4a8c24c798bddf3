"""A file's bytes become a Skill, or all of its problems."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentos_runtime.diagnostics import Place, Position, Problem
from agentos_runtime.manifest.facts import check_graph, check_platforms, read_icon, read_line
from agentos_runtime.manifest.lint import Subject, lint
from agentos_runtime.manifest.model import Skill
from agentos_runtime.manifest.parse import EXTRAS, read_callables
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
    data: bytes, *, schema: ManifestSchema, file: Path, folder: Path | None, siblings: Collection[str]
) -> LoadResult:
    """Read one skill file; never raises, whatever the bytes.

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
    values, reading = read_callables(source.root, report)
    values |= _identity(source, source.root, fallback, report)
    values["kind"] = "callable" if values["utilities"] else "instructions"
    values["icon"] = read_icon(source.root, folder or file.parent, siblings, report)
    skill = Skill(file=file, digest=hashlib.sha256(data).hexdigest(), docs=source.docs, **values)
    return _finish(skill, source.root, reading, report)


def _finish(skill: Skill, root: Cursor, reading: Reading, report: Report) -> LoadResult:
    for problem in lint(Subject.of(skill, root, tuple(reading.found))):
        report.add(problem)
    if report.has_errors:
        return LoadResult(None, report.all(), skill.id, skill.name, skill.description, ())
    loaded = replace(skill, warnings=report.warnings())
    return LoadResult(loaded, (), skill.id, skill.name, skill.description, tuple(reading.checks))


def _identity(source: Source, root: Cursor, fallback: str, report: Report) -> dict[str, Any]:
    """Everything of a Skill that is not about calls."""
    utilities = root.get("utilities")
    is_callable = utilities is not None and bool(utilities.json)
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


def _warn_missing(root: Cursor, report: Report) -> None:
    place = Place("", Position(root.place.position.file, 1, 1))
    for key in ("name", "description"):
        if root.get(key) is None:
            report.warning(place, f"`{key}` is missing", f"Add `{key}: …`, one line", 3)
