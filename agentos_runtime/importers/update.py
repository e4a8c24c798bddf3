"""A plan of files to write: a new skill, or an old one brought up to date with its hand edits kept."""

from collections.abc import Iterable, Mapping
from dataclasses import field

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import ImportProblem
from agentos_runtime.importers.build import Generated
from agentos_runtime.importers.merge import MISSING, Missing, Value, equal, merge
from agentos_runtime.importers.names.routes import Route, matching
from agentos_runtime.importers.parts import MAIN, routes, settled_names, split_up, utilities_of
from agentos_runtime.importers.skill_file import (
    SkillFile,
    joined,
    read_file,
    rewrite,
    sections,
    with_end,
    write_file,
)
from agentos_runtime.jsontext import Json

HEADER = (
    "Imported; edit as you like. Importing again brings in what is new and keeps your edits:\n"
    "what was imported last lies in .imported/ to tell them apart."
)


@dataclass(frozen=True, slots=True)
class Disk:
    """What lies there: the skill's files, and what the last import made of each."""

    mine: Mapping[str, str]
    base: Mapping[str, str]


@dataclass(slots=True)
class Changes:
    """What an import did, by utility, and what it left to a person."""

    added: list[str] = field(default_factory=list)
    changed: dict[str, list[str]] = field(default_factory=dict)
    """Utility (or top-level key) → what of it."""
    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    """Gone from the source, but edited by hand."""
    conflicts: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write: the skill's files, and beside them what was imported."""

    files: Mapping[str, str]
    base: Mapping[str, str]
    changes: Changes
    cases: Mapping[str, str] | None
    """A case for each utility that is as it was imported; None when none were asked for."""
    utilities: int
    """Of all files."""


def known_names(disk: Disk, wanted: Iterable[Route]) -> dict[Route, str]:
    """What these routes are called in the files that lie there: a name once given stays."""
    bases, mine = _read(disk.base), _read(disk.mine)
    imported = {name for file in bases.values() for name in file.utilities}
    found: dict[Route, str] = {}
    for here, names in matching(wanted, routes(mine)).items():
        found[here] = next((name for name in names if name in imported), names[0])
    return found


def make_plan(generated: Generated, disk: Disk, *, split: bool) -> Plan:
    """Merge what was generated into what lies there. Raises ImportProblem."""
    base_routes, bases = routes(_read(disk.base)), _read(disk.base)
    mine = settled_names(_read(disk.mine), generated)
    imported = _imported(bases, base_routes, generated)
    theirs = split_up(generated, mine, split=split)
    changes = Changes()
    files: dict[str, str] = {}
    fresh = {
        name: write_file(each.manifest, each.docs, each.texts, HEADER if name == MAIN else "")
        for name, each in theirs.items()
    }
    for name, each in theirs.items():
        if name in mine:
            before = _before(bases.get(name), imported, mine[name], utilities_of(each.manifest))
            docs = bases[name].docs if name in bases else ""
            files[name] = _update(_Versions(name, mine[name], before, docs), each.manifest, each.docs, changes)
        else:
            files[name] = fresh[name]
            changes.added += utilities_of(each.manifest)
    counts = {name: _read_back(name, text, theirs[name].manifest) for name, text in fresh.items()}
    for name, text in files.items():
        if text != fresh.get(name):
            counts[name] = _read_back(name, text, None)
    utilities = sum(counts[name] for name in files)
    return Plan(files, fresh, changes, _cases(generated, files), utilities)


def _read_back(name: str, text: str, manifest: Mapping[str, Json] | None) -> int:
    """How many utilities the text has. Nothing is written that cannot be read, or reads as something else.

    Raises ImportProblem.
    """
    try:
        file = read_file(text, name)
    except ImportProblem as error:
        raise ImportProblem(
            f"{name} would not be readable, so nothing was written: {error}. Take less with --include or --exclude"
        ) from None
    if manifest is not None and not equal(file.values, dict(manifest)):
        raise ImportProblem(f"{name} would read as something else than was imported, so nothing was written")
    return len(file.utilities)


def _cases(generated: Generated, files: Mapping[str, str]) -> dict[str, str] | None:
    """What a person changed may do something else than the service's examples show."""
    if generated.cases is None:
        return None
    says = {name: one for file in _read(files).values() for name, one in file.utilities.items()}
    imported = utilities_of(generated.manifest)
    return {name: text for name, text in generated.cases.items() if equal(_unsaid(says.get(name)), imported[name])}


def _unsaid(utility: Json) -> Value:
    """A utility without a person's word that its `returns` is right, which changes nothing of what it does."""
    if not isinstance(utility, dict):
        return MISSING
    return {key: value for key, value in utility.items() if key != "strict_returns"}


def _read(files: Mapping[str, str]) -> dict[str, SkillFile]:
    return {name: read_file(text, name) for name, text in files.items()}


def _imported(
    bases: Mapping[str, SkillFile], base_routes: Mapping[Route, list[str]], generated: Generated
) -> dict[str, Json]:
    """All utilities of the last import, under the names that they have now."""
    every = {name: one for file in bases.values() for name, one in file.utilities.items()}
    before = matching(generated.routes, base_routes)
    for here, name in generated.routes.items():
        old = before.get(here, [name])[0]
        if old != name and old in every and name not in every:
            every[name] = every.pop(old)
    return every


def _before(
    base: SkillFile | None, imported: Mapping[str, Json], mine: SkillFile, theirs: Mapping[str, Json]
) -> dict[str, Json]:
    """The last import as it concerns one file, wherever its utilities lay then."""
    here = {name: imported[name] for name in {**mine.utilities, **theirs} if name in imported}
    before = dict(base.values) if base else {}
    if "parts" in mine.values:
        before["parts"] = mine.values["parts"]
    return {**before, "utilities": here} if "utilities" in before or here else before


@dataclass(frozen=True, slots=True)
class _Versions:
    """One file as it lies there, and what the last import said."""

    name: str
    mine: SkillFile
    before: Mapping[str, Json]
    docs_before: str


def _update(file: _Versions, manifest: dict[str, Json], docs: str, changes: Changes) -> str:
    mine = file.mine
    merged = merge(dict(file.before), mine.values, manifest)
    wanted = merged.value if isinstance(merged.value, dict) else {}
    docs_before = sections(file.docs_before)
    here = with_end(sections(mine.docs), docs_before)
    texts = merge(docs_before, here, sections(docs))
    same_docs = not isinstance(texts.value, dict) or equal(texts.value, here)
    gone = [conflict.path for conflict in merged.conflicts if isinstance(conflict.theirs, Missing)]
    changes.kept += [path[1] for path in gone if path[0] == "utilities" and len(path) == 2]
    changes.conflicts += map(str, merged.conflicts)
    changes.conflicts += [
        f"the text below {c.path[0] or 'the title'} was edited here, and has changed" for c in texts.conflicts
    ]
    _compare(mine.values, wanted, changes)
    new_docs = mine.docs if same_docs or not isinstance(texts.value, dict) else joined(texts.value)
    return rewrite(mine, wanted, new_docs, file.name)


def _compare(before: Mapping[str, Json], after: Mapping[str, Json], changes: Changes) -> None:
    old, new = utilities_of(before), utilities_of(after)
    changes.added += [name for name in new if name not in old]
    changes.removed += [name for name in old if name not in new]
    for name in new:
        if name in old and not equal(old[name], new[name]):
            changes.changed[name] = list(_differences(old[name], new[name]))
    for key in {**before, **after}:
        if key not in ("utilities", "sources", "parts") and not equal(
            before.get(key, MISSING), after.get(key, MISSING)
        ):
            changes.changed[key] = []


def _differences(old: Value, new: Value, path: str = "", depth: int = 2) -> Iterable[str]:
    """`params.workspace_id (new)`: what differs, as deep as is readable."""
    if isinstance(old, dict) and isinstance(new, dict) and depth:
        for key in {**old, **new}:
            yield from _differences(
                old.get(key, MISSING), new.get(key, MISSING), f"{path}.{key}" if path else key, depth - 1
            )
    elif not equal(old, new):
        yield (
            f"{path} (new)" if isinstance(old, Missing) else f"{path} (gone)" if isinstance(new, Missing) else path
        )
