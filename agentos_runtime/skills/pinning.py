"""What a skill would run on this machine, looked up as it is now: see `security.pins`."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from agentos_runtime.errors import AgentOSError, ApprovalRequired, NotAvailable
from agentos_runtime.executors.places import Places, expanded, places_of
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Local, PathPart, PathText, Skill, Utility
from agentos_runtime.security.pins import Pin, local_callables, text_pin
from agentos_runtime.skills.files import MOST_ENTRIES, SKILL_FILES, NotRead, SkillFolder, Stamp, stamp

MOST_BYTES = 64 * 1024 * 1024
"""Of all files of a skill's folder together."""
_LEFT_OUT = frozenset({"cases", ".git"})


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it was when it was hashed."""

    stamp: Stamp | None
    digest: str


class Pinning:
    """Looks up pins; remembers what a file's digest is while the file stays as it is."""

    def __init__(self, environ: Mapping[str, str], platform: str) -> None:
        self.environ = environ
        self.platform = platform
        self._seen: dict[Path, Seen] = {}

    def files(self, skill: Skill, folder: SkillFolder) -> frozenset[Pin]:
        """The files of the skill's own folder that what it runs could use; none when it runs only queries.

        Raises ApprovalRequired for what cannot be pinned.
        """
        if folder_of(skill) is None or not any(_uses_files(each) for each in local_callables(skill)):
            return frozenset()
        databases = {path for each in local_callables(skill) for path in self._database_files(each)}
        pins: set[Pin] = set()
        room = MOST_BYTES
        for path in self._below(skill.file.parent, folder, skill):
            if os.path.realpath(path) in databases:
                continue
            seen = self._digest(path, folder, skill)
            room -= seen.stamp[2] if seen.stamp else 0
            if room < 0:
                raise _unpinned(skill, f"its folder holds more than {MOST_BYTES // (1024 * 1024)} MB")
            pins.add(Pin("file", path.relative_to(skill.file.parent).as_posix(), seen.digest))
        return frozenset(pins)

    def of_skill(
        self, skill: Skill, folder: SkillFolder, settings: Mapping[str, Json]
    ) -> tuple[frozenset[Pin], tuple[str, ...]]:
        """All that there is to approve, and sentences about what is not there. Raises ApprovalRequired."""
        pins = set(self.files(skill, folder))
        missing: list[str] = []
        for utility in local_callables(skill):
            local = utility.local
            assert local is not None
            pins |= {text_pin(utility), *(Pin("env", name) for name in local.env)}
            try:
                pins |= self._places(local, skill, settings)
            except AgentOSError as error:
                missing.append(f"{utility.name}: {error.message}")
        return frozenset(pins), tuple(missing)

    def of_call(
        self, skill: Skill, utility: Utility, body: Mapping[str, Json], places: Places, settings: Mapping[str, Json]
    ) -> frozenset[Pin]:
        """What one call needs, beside the files. Raises ApprovalRequired, NotAvailable."""
        local = utility.local
        assert local is not None
        pins = {text_pin(utility), *(Pin("env", name) for name in local.env)}
        if local.executor == "sql":
            self._check_databases(skill, local, places, settings)
            pins |= self.database_pins(local, settings)
        if places.program is not None:
            pins.add(Pin("program", str(body["binary"]), places.program))
            if written := local.fixed.get("working_dir"):
                pins.add(Pin("folder", written, places.cwd))
        return frozenset(pins)

    def _check_databases(self, skill: Skill, local: Local, places: Places, settings: Mapping[str, Json]) -> None:
        """What a param names in an approved folder must lie there itself: no link leads elsewhere."""
        home = self._home
        allowed: set[str] = set()
        folders: list[tuple[str, str]] = []
        for path in local.databases.values():
            written, whole = _fixed(path.on(self.platform) or (), settings)
            if whole:
                allowed.add(os.path.realpath(expanded(written, home)))
            else:
                folders.append((written, os.path.realpath(expanded(written, home))))
        for asked, resolved in places.databases.items():
            within = any(resolved == real + asked[len(written) :] for written, real in folders)
            if resolved not in allowed and not within:
                raise _unpinned(skill, f"{asked} is a link that leads elsewhere")

    @property
    def _home(self) -> str:
        return self.environ.get("HOME") or str(Path.home())

    def database_pins(self, local: Local, settings: Mapping[str, Json]) -> frozenset[Pin]:
        """Where the databases of a callable lie; of one that a param names, the folder. Raises NotAvailable."""
        home = self._home
        kind = "write" if local.write else "database"
        pins: set[Pin] = set()
        for path in local.databases.values():
            parts = path.on(self.platform)
            if parts is None:
                raise NotAvailable(f"It is not said where its database lies on {self.platform}")
            written, whole = _fixed(parts, settings)
            resolved = os.path.realpath(expanded(written, home))
            name = written if whole else _template(parts)
            pins.add(Pin(kind, name, resolved if whole else resolved + "/"))
        return frozenset(pins)

    def _places(self, local: Local, skill: Skill, settings: Mapping[str, Json]) -> frozenset[Pin]:
        if local.executor == "sql":
            return self.database_pins(local, settings)
        places = places_of(local, {**local.fixed}, folder_of(skill), self.environ)
        if places.program is None:
            return frozenset()
        pins = {Pin("program", local.fixed["binary"], places.program)}
        if written := local.fixed.get("working_dir"):
            pins.add(Pin("folder", written, places.cwd))
        return frozenset(pins)

    def _database_files(self, utility: Utility) -> Iterator[str]:
        local = utility.local
        home = self._home
        for path in local.databases.values() if local else ():
            for parts in path.by_platform.values():
                if all(isinstance(part, str) for part in parts):
                    file = os.path.realpath(expanded("".join(map(str, parts)), home))
                    yield from (file, f"{file}-wal", f"{file}-shm", f"{file}-journal")

    def _below(self, place: Path, folder: SkillFolder, skill: Skill) -> Iterator[Path]:
        waiting, count = [place], 0
        while waiting:
            current = waiting.pop()
            try:
                entries = folder.entries(current)
            except OSError as error:
                raise _unpinned(skill, f"{current} cannot be looked at: {error.strerror}") from None
            for entry in entries:
                count += 1
                if count > MOST_ENTRIES:
                    raise _unpinned(skill, f"its folder has more than {MOST_ENTRIES} files")
                if current == place and entry.name in _LEFT_OUT:
                    continue
                path = current / entry.name
                if entry.is_folder:
                    if entry.is_link:
                        raise _unpinned(skill, f"{path} is a link to a folder")
                    waiting.append(path)
                else:
                    yield path

    def _digest(self, path: Path, folder: SkillFolder, skill: Skill) -> Seen:
        now = stamp(path)
        seen = self._seen.get(path)
        if seen is not None and seen.stamp == now:
            return seen
        try:
            data = folder.read(path, MOST_BYTES)
        except NotRead as error:
            raise _unpinned(skill, f"{path}: {error.strerror}") from None
        except OSError as error:
            raise _unpinned(skill, f"{path} cannot be read: {error.strerror}") from None
        seen = self._seen[path] = Seen(now, hashlib.sha256(data).hexdigest())
        return seen


def folder_of(skill: Skill) -> Path | None:
    """The skill's own folder; None for a file among others."""
    return skill.file.parent if skill.file.name in SKILL_FILES else None


def _uses_files(utility: Utility) -> bool:
    return utility.local is not None and utility.local.executor in ("command", "python")


def _fixed(parts: PathText, settings: Mapping[str, Json]) -> tuple[str, bool]:
    """The path, or the folder of one that a param goes on, and whether it is the whole."""
    text = ""
    for part in parts:
        if isinstance(part, PathPart) and part.source == "params":
            return text.rpartition("/")[0] or "/", False
        if isinstance(part, PathPart):
            value = settings.get(part.name)
            if not isinstance(value, str) or not value.startswith(("~/", "/")):
                raise NotAvailable(f"the setting `{part.name}` is no whole path of a database")
            text += value
        else:
            text += part
    return text, True


def _template(parts: PathText) -> str:
    return "".join(part if isinstance(part, str) else f"{{{part.name}}}" for part in parts)


def _unpinned(skill: Skill, reason: str) -> ApprovalRequired:
    return ApprovalRequired(
        f"What the skill {skill.id} runs on this machine cannot be pinned, so it is not run: {reason}",
        details={"skill": skill.id},
    )
