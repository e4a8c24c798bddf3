"""A file's bytes become a Skill, or all of its problems."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from agentos_runtime.diagnostics import Place, Position
from agentos_runtime.manifest.dialects.agentos import Carried, carried
from agentos_runtime.manifest.dialects.named import of_dialect
from agentos_runtime.manifest.dialects.told import report_told
from agentos_runtime.manifest.lint import lint, unknown_params
from agentos_runtime.manifest.migrations import LANGUAGE, Language
from agentos_runtime.manifest.model import EXTRAS, Skill
from agentos_runtime.manifest.names import check_names
from agentos_runtime.manifest.parse import EXECUTORS, read_callables
from agentos_runtime.manifest.parts import PartReader, no_parts, read_parts
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.result import LoadResult, ShapeCheck, digest_of, slug
from agentos_runtime.manifest.secrets.report import report_secrets
from agentos_runtime.manifest.sections.facts import (
    IconCheck,
    any_icon,
    check_graph,
    check_platforms,
    read_icon,
    read_id,
    read_line,
)
from agentos_runtime.manifest.sections.reading import Reading
from agentos_runtime.manifest.sections.subject import Subject
from agentos_runtime.manifest.sections.use import check_domains, read_opened
from agentos_runtime.manifest.source import Source, read_source, title_and_summary
from agentos_runtime.manifest.yaml.values import Cursor


def load_skill(
    data: bytes,
    *,
    schema: ShapeCheck,
    file: Path,
    folder: Path | None,
    siblings: Collection[str],
    read_part: PartReader = no_parts,
    check_icon: IconCheck = any_icon,
    language: Language = LANGUAGE,
    faultless: Collection[str] = (),
) -> LoadResult:
    """Read one skill file, and the parts it names; never raises, whatever the bytes.

    `folder` is the skill's own folder, None for a single file among others; `siblings` are the names of the files
    beside it; `language` is what can be read. `faultless` are digests (of `Skill.digest`, `Skill.files`) of
    texts in which this version found nothing wrong: what only looks for faults is left out for these.
    """
    report = Report()
    fallback = slug(folder.name if folder else file.stem)
    source = read_source(data, str(file), report)
    if source is None or source.root is None:
        known = source.written_id if source else None
        return LoadResult(None, report.all(), known or fallback, fallback, "", ())
    version = language.version_of(source.root, report)
    if version is None:
        return LoadResult(None, report.all(), source.written_id or fallback, fallback, "", ())
    newest_form = partial(language.newest_form, version=version)
    root = newest_form(source.root)
    main = sha256(data).hexdigest()
    dialect = carried(root, faultless=main in faultless)
    root = dialect.root if dialect else root
    report_told(dialect.told if dialect else (), report)
    if main not in faultless:
        schema.check(root, report)

    def check_part(part: Cursor, digest: str) -> None:
        if digest not in faultless:
            schema.check_part(part, report)

    parts = read_parts(
        root, report, file=file, folder=folder, read=read_part, check=check_part, newest_form=newest_form
    )
    roots = (root, *(part.root for part in parts))
    values, declared, reading = read_callables(root, roots[1:], report, lenient=dialect is not None)
    values |= _identity(source, root, fallback, report, is_callable=bool(declared))
    values |= of_dialect(dialect, values["utilities"], reading)
    values["kind"] = "callable" if values["utilities"] or values.get("unavailable") else "instructions"
    values |= read_opened(root, values, report)
    values["icon"] = read_icon(root, folder or file.parent, siblings, check_icon, report)
    docs = "\n\n".join(text for text in (source.docs, *(part.docs for part in parts)) if text)
    files = (main, *(part.digest for part in parts))
    skill = Skill(file=file, digest=digest_of(files), files=files, docs=docs, **values)
    if skill.digest not in faultless:
        _lint(partial(Subject.of, skill, roots), declared, reading, report, dialect)
    for read, written, digest in zip(roots, (source.root, *roots[1:]), files, strict=True):
        if digest not in faultless:
            check_names(read, report)
            _report_secrets(written, report)
    return _finish(skill, declared, reading, report)


def _lint(
    subject: Callable[[Mapping[str, Cursor], Reading], Subject],
    declared: Mapping[str, Cursor],
    reading: Reading,
    report: Report,
    dialect: Carried | None,
) -> None:
    """Most of the advice would ruin a file in another dialect."""
    names = dialect.names if dialect else {}
    found = subject({names.get(name, name): cursor for name, cursor in declared.items()}, reading)
    for problem in unknown_params(found) if dialect else lint(found, report.has_error_under):
        report.add(problem)


def _report_secrets(root: Cursor, report: Report) -> None:
    message = "this looks like a secret, and skill files are shared"
    fix = "Remove it, make a new one, and store that with `agentos keys set`"
    report_secrets(root, message, fix, report, ends=root.value.end)


def _finish(skill: Skill, declared: Mapping[str, Cursor], reading: Reading, report: Report) -> LoadResult:
    if report.has_errors:
        checks = tuple(reading.checks)
        doubtful = skill if _errors_stay_apart(declared, report) else None
        return LoadResult(None, report.all(), skill.id, skill.name, skill.description, checks, doubtful)
    loaded = replace(skill, warnings=report.warnings())
    return LoadResult(loaded, (), skill.id, skill.name, skill.description, tuple(reading.checks))


def _errors_stay_apart(declared: Mapping[str, Cursor], report: Report) -> bool:
    """Whether what is wrong in one utility says nothing about another.

    What stands among the utilities and calls nothing may belong to one of them or to the whole skill, and be there
    for its indentation: `effect: destroy`, `credential`, `auth`.
    """
    return report.tells_all and all(
        any(cursor.get(executor) is not None for executor in EXECUTORS)
        for cursor in declared.values()
        if report.has_error_under(cursor.path)
    )


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
    check_domains(root, report)
    return {
        "id": read_id(root, fallback, report),
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
