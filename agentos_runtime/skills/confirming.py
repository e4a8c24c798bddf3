"""A person's word that what a skill says it returns is right: its manifest is edited, and nothing else of it."""

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from stat import S_IMODE

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import ImportProblem
from agentos_runtime.importers.skill_file import SkillFile, read_file, rewrite
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Skill
from agentos_runtime.resources import skills_folder
from agentos_runtime.skills.entries import SkillEntry, broken_error
from agentos_runtime.skills.imported_files import replace_files
from agentos_runtime.skills.visibility import did_you_mean

_KEY = "strict_returns"
_WRITABLE = 0o222


class NotConfirmed(ValueError):
    """Nothing was changed; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What was confirmed."""

    skill: str
    confirmed: tuple[str, ...]
    """Utilities whose `returns` is strict now, and was not."""
    left: tuple[str, ...]
    """Those that are still not confirmed."""
    files: tuple[Path, ...]
    """What was written."""

    def as_json(self) -> dict[str, Json]:
        return {
            "skill": self.skill,
            "confirmed": [*self.confirmed],
            "left": [*self.left],
            "files": [str(file) for file in self.files],
        }


def confirm(entry: SkillEntry, utility: str | None = None) -> Confirmation:
    """Take `strict_returns: false` out of a skill's manifest, or of one utility.

    A utility below a skill's `strict_returns: false` gets a `strict_returns: true` of its own. Only these lines
    change. Raises NotConfirmed, SkillBroken.
    """
    skill = entry.skill
    if skill is None:
        raise broken_error(entry)
    if utility is not None and utility not in skill.utilities:
        raise NotConfirmed(f"{skill.id} has no utility {utility!r}{did_you_mean(utility, skill.utilities)}")
    unproven = [name for name, each in skill.utilities.items() if not each.strict_returns]
    wanted = unproven if utility is None else [name for name in unproven if name == utility]
    unchanged = Confirmation(skill.id, (), tuple(unproven), ())
    if wanted:
        _check_may_edit(entry, skill)
    elif utility is not None:
        return unchanged
    texts = dict(_changed(entry, utility))
    if not texts:
        return unchanged
    _check_may_edit(entry, skill)
    _write(texts)
    return Confirmation(skill.id, tuple(wanted), tuple(n for n in unproven if n not in wanted), tuple(texts))


def _check_may_edit(entry: SkillEntry, skill: Skill) -> None:
    if entry.stale or entry.problems:
        raise NotConfirmed(f"The newest save of {entry.file} is broken. Mend it first: agentos check {entry.file}")
    if entry.folder.path.resolve() == skills_folder().resolve():
        raise NotConfirmed(
            f"{skill.id} ships with the runtime and is not edited. Copy it to a folder of yours, and confirm that"
        )


def _changed(entry: SkillEntry, utility: str | None) -> Iterator[tuple[Path, str]]:
    """The new text of each file of the skill that changes. Raises NotConfirmed."""
    try:
        main = _read(entry, entry.file)
        files = {entry.file: main}
        parts = main.values.get("parts")
        for name in parts if isinstance(parts, list) else ():
            file = entry.file.parent / str(name)
            files[file] = _read(entry, file)
        by_default = main.values.get(_KEY) is not False
        for file, each in files.items():
            wanted = (
                _without(each.values) if utility is None else _with(each.values, utility, by_default=by_default)
            )
            text = rewrite(each, wanted, each.docs, str(file))
            if text != each.text:
                yield file, text
    except (ImportProblem, OSError, UnicodeDecodeError) as error:
        raise NotConfirmed(f"{error}. Change `{_KEY}` by hand") from None


def _read(entry: SkillEntry, file: Path) -> SkillFile:
    return read_file(entry.folder.read(file).decode(), str(file))


def _without(values: Mapping[str, Json]) -> dict[str, Json]:
    """A file's values where nothing says that `returns` is not proved."""
    kept = {key: value for key, value in copy.deepcopy(dict(values)).items() if key != _KEY}
    utilities = kept.get("utilities")
    for each in utilities.values() if isinstance(utilities, dict) else ():
        if isinstance(each, dict):
            each.pop(_KEY, None)
    return kept


def _with(values: Mapping[str, Json], utility: str, *, by_default: bool) -> dict[str, Json]:
    """A file's values where one utility is proved."""
    kept = copy.deepcopy(dict(values))
    utilities = kept.get("utilities")
    each = utilities.get(utility) if isinstance(utilities, dict) else None
    if isinstance(each, dict):
        each.pop(_KEY, None)
        if not by_default:
            each[_KEY] = True
    return kept


def _write(texts: Mapping[Path, str]) -> None:
    """All files, none of which is read-only or a link. Raises NotConfirmed."""
    modes = {file: S_IMODE(file.lstat().st_mode) for file in texts}
    for file, mode in modes.items():
        if file.is_symlink() or not mode & _WRITABLE:
            kind = "a link" if file.is_symlink() else "read-only"
            raise NotConfirmed(f"{file} is {kind}, so it was left as it is. Change `{_KEY}` where it is kept")
    try:
        for file, text in texts.items():
            replace_files({file: text})
            file.chmod(modes[file])
    except OSError as error:
        raise NotConfirmed(f"{error.filename or 'a file'} cannot be written: {error.strerror}") from None
