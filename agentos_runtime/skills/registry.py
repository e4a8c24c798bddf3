"""Folders of skill files become skills that can be called, and stay right while the files are edited.

A save is live within a second. A bad save keeps the last good version serving and says so; a file that is away for
less than a second is being saved, not removed.
"""

import asyncio
import errno
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from agentos_runtime.diagnostics import Problem
from agentos_runtime.error_logging import Troubles
from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.turns import Turns
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Skill
from agentos_runtime.manifest.model.accounts import with_account_params
from agentos_runtime.manifest.result import LoadResult, ShapeCheck
from agentos_runtime.skills.checks import ExpressionChecker, check_expressions
from agentos_runtime.skills.entities import Entities
from agentos_runtime.skills.entries import SkillEntry, losing
from agentos_runtime.skills.files import SkillFolder, Stamp, size_of
from agentos_runtime.skills.kept import KeptSkills
from agentos_runtime.skills.loading import (
    Beside,
    Loading,
    Reading,
    Retry,
    Scanned,
    Seen,
    read_skill,
    scan,
    unreadable,
)
from agentos_runtime.skills.salvage import salvaged
from agentos_runtime.storage.file_threads import aside, in_time

SETTLE = 1.0
"""Seconds for which a file must be away, or no longer callable, before it is believed."""
PATIENCE = 5.0
"""Seconds after which a file or folder that is still being read is told to be slow; it is waited for anyhow."""
ASKED_FOR = 10.0
"""Seconds for which a call waits for its skill to be loaded."""
AT_ONCE = 2
"""Files read at one time: so many that were known before, and so many new ones, which therefore delay no save."""
BETWEEN = 0.1
"""Seconds for which what was loaded may wait for others, when there are many, before it serves."""


@dataclass(slots=True)
class _File:
    """What is known of one file between two looks at it."""

    folder: SkillFolder
    stamp: Stamp | None = None
    beside: Mapping[Path, Stamp | None] = field(default_factory=dict)
    """The files beside it that it was read with."""
    entry: SkillEntry | None = None
    missing_since: float | None = None
    doubted_since: float | None = None
    """When its newest version was first seen to be no longer callable; a further change begins anew."""
    reading: Reading | None = None
    loading: Loading | None = None
    """While there is no entry: what is known all the same."""
    retry: Retry = field(default_factory=Retry)


class Registry:
    """All skills of some folders; earlier folders win an id.

    shipped: digests of texts that were checked before they shipped; they are not checked again.
    kept: where those that were right are kept for the next process.
    """

    def __init__(
        self,
        folders: Sequence[SkillFolder],
        checker: ExpressionChecker,
        schema: ShapeCheck,
        *,
        settings: Mapping[str, Mapping[str, Json]] | None = None,
        shipped: Collection[str] = (),
        kept: KeptSkills | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folders = tuple(dict.fromkeys(folders))
        self.entities = Entities()
        self._checker = checker
        self._schema = schema
        self._settings = settings or {}
        self._shipped = frozenset(shipped)
        self._kept = kept
        self._keeping: set[asyncio.Task[None]] = set()
        self._clock = clock
        self._files: dict[Path, _File] = {}
        self._loads: dict[Path, asyncio.Task[None]] = {}
        self._scans: dict[SkillFolder, asyncio.Task[Scanned]] = {}
        self._queues = (Turns(AT_ONCE), Turns(AT_ONCE))
        self._asked_for: set[str] = set()
        self._troubles = Troubles("agentos.skills")
        self._resolved = clock()
        self._unserved = False
        self._entries: tuple[SkillEntry, ...] = ()
        self._generation = 0
        self._by_id: Mapping[str, SkillEntry] = {}

    @property
    def troubles(self) -> tuple[str, ...]:
        """What keeps the watcher from seeing what is there; a sentence for each, none while all is well."""
        return self._troubles.sentences

    @property
    def generation(self) -> int:
        """Raised with every change of `entries`."""
        return self._generation

    @property
    def entries(self) -> tuple[SkillEntry, ...]:
        """Every skill, the losers of an id included, sorted by id."""
        return self._entries

    def digest(self) -> str:
        """The same for those who serve the same skills."""
        served = sorted((each.id, each.skill.digest) for each in self._entries if each.skill)
        return sha256(repr(served).encode()).hexdigest()[:16]

    def find(self, skill_id: str) -> SkillEntry | None:
        """The entry that owns the id, whoever asks; `visibility` says who may be told of it."""
        return self._by_id.get(skill_id)

    @property
    def loading(self) -> tuple[Loading, ...]:
        """The skills of which no version is known to be good or bad yet, sorted by id."""
        found = (file.loading for file in self._files.values() if file.entry is None and file.loading)
        return tuple(sorted(found, key=lambda each: each.id))

    @property
    def is_loading(self) -> bool:
        """Whether any skill is being read or checked, for the first time or again."""
        return bool(self._loads)

    async def ready(self, skill_id: str) -> None:
        """Wait for a while when the skill, or one that may turn out to be it, is being loaded."""
        if skill_id not in self._by_id and self._unserved:
            self._resolve()
        if skill_id not in self._by_id:
            self._asked_for.add(skill_id)
            await self._loaded(lambda: () if skill_id in self._by_id else self._loads_of(skill_id), ASKED_FOR)
            self._asked_for.discard(skill_id)

    async def refresh(self, patience: float | None = None) -> None:
        """Look at every folder once, and wait until what changed is loaded or known to be slow.

        patience: seconds to wait at most; what is not loaded by then goes on.
        """
        await asyncio.gather(*(self._look(folder) for folder in self._folders))
        await self._loaded(lambda: tuple(self._loads.values()), patience)
        self._resolve()
        if patience is None:
            await asyncio.gather(*self._keeping, return_exceptions=True)

    async def _loaded(self, awaited: Callable[[], Collection[asyncio.Task[None]]], patience: float | None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while tasks := awaited():
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                    self._resolve()

    async def watch(self, interval: float = 0.3) -> None:
        """Look for ever; each folder by itself, so that one that does not answer holds up no other."""
        await asyncio.gather(*(self._watch(folder, interval) for folder in self._folders))

    def close(self) -> None:
        """End what is under way. Threads that a disk holds are left to it."""
        readings = [file.reading.result for file in self._files.values() if file.reading]
        for task in (*self._loads.values(), *self._scans.values(), *self._keeping, *readings):
            task.cancel()

    async def _watch(self, folder: SkillFolder, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            await self._look(folder)

    async def _look(self, folder: SkillFolder) -> None:
        with self._troubles.going_on(f"Looking for skills in {folder.path}"):
            found, rest = await self._scan(folder)
            now = self._clock()
            for path, seen in found.items():
                if self._note(folder, path, seen, now):
                    self._loads[path] = asyncio.create_task(self._load(path, self._files[path]))
            gone = [path for path in self._files if path not in found and self._is_gone(folder, path, now)]
            for path in gone:
                del self._files[path]
            if gone or self._unserved:
                self._resolve()
            if rest:
                raise rest

    def _seen_in(self, folder: SkillFolder, beside: Mapping[Path, Sequence[Path]]) -> Scanned:
        self.entities.look(folder)
        return scan(folder, beside)

    async def _scan(self, folder: SkillFolder) -> Scanned:
        """What there is. Raises OSError; also when it takes too long, and then goes on all the same."""
        if folder not in self._scans:
            beside = {path: tuple(file.beside) for path, file in self._files.items() if file.folder == folder}
            self._scans[folder] = asyncio.create_task(aside(partial(self._seen_in, folder, beside)))
        await in_time(self._scans[folder], PATIENCE)
        return await self._scans.pop(folder)

    def _note(self, folder: SkillFolder, path: Path, seen: Seen, now: float) -> bool:
        """Remember that the file is there; whether it must be loaded."""
        file = self._files.setdefault(path, _File(folder, loading=Loading.unread(path)))
        if file.folder != folder or path in self._loads:
            return False
        file.missing_since = None
        if (file.stamp, file.beside) != seen:
            file.doubted_since = None
            file.retry = Retry()
        elif file.doubted_since is None and (file.retry.due is None or now < file.retry.due):
            return False
        file.stamp = seen.stamp
        return True

    def _is_gone(self, folder: SkillFolder, path: Path, now: float) -> bool:
        file = self._files[path]
        if file.folder != folder or path in self._loads:
            return False
        if file.missing_since is None:
            file.missing_since = now
        return now - file.missing_since >= SETTLE

    async def _load(self, path: Path, file: _File) -> None:
        """Whatever is wrong with the file, and whatever goes wrong with it, is its own problem."""
        try:
            async with self._queues[file.entry is None].turn(partial(self._left, file)):
                result = await self._read(path, file)
            file.loading = Loading.of(result)
            shipped = result.skill is not None and result.skill.digest in self._shipped
            checked = await check_expressions(self._checker, () if shipped else result.checks)
            file.retry = file.retry.after(self._clock()) if checked.again else Retry()
            if checked.unfinished and not checked.problems and not result.problems:
                self._hold(file, Loading.of(result, checked.unfinished))
            else:
                self._take(path, file, result, checked.told, all_checked=not checked.again)
                if result.keep and not checked.told:
                    keeping = asyncio.create_task(aside(result.keep))
                    self._keeping.add(keeping)
                    keeping.add_done_callback(self._keeping.discard)
        except TimeoutError as error:
            file.retry = file.retry.after(self._clock())
            self._hold(file, Loading.unread(path, unreadable(path, error).problems[0]))
        except OSError as error:
            self._try_again(path, file, unreadable(path, error))
        except Exception as error:  # noqa: BLE001 - a file that makes us fail is one broken skill
            bug = self._troubles.bug(f"{path} cannot be loaded", error)
            self._try_again(path, file, unreadable(path, OSError(errno.EINVAL, bug)))
        finally:
            del self._loads[path]
            self._unserved = True
        if not self._loads or self._clock() - self._resolved >= BETWEEN:
            with self._troubles.going_on("Serving what was loaded"):
                self._resolve()

    def _left(self, file: _File) -> float:
        """What is read first has the least: what a call waits for, then what is small."""
        return 0 if file.loading and file.loading.id in self._asked_for else size_of(file.stamp)

    async def _read(self, path: Path, file: _File) -> LoadResult:
        """Read the file as it is now. Raises OSError; also when it takes too long: then it goes on all the same."""
        while True:
            if file.reading is None:
                beside = Beside(file.folder, path.parent)
                work = aside(partial(read_skill, path, self._schema, beside, self._shipped, self._kept))
                file.reading = Reading(file.stamp, beside, asyncio.create_task(work))
            reading = file.reading
            await in_time(reading.result, PATIENCE)
            file.reading = None
            if reading.stamp == file.stamp:
                file.beside = reading.beside.stamps
                return await reading.result
            reading.result.exception()  # of no use any more, whatever it was

    def _try_again(self, path: Path, file: _File, result: LoadResult) -> None:
        """Later, with growing pauses, also when the file stays as it is."""
        file.retry = file.retry.after(self._clock())
        self._take(path, file, result, (), all_checked=False)

    def _hold(self, file: _File, loading: Loading) -> None:
        """Nothing is known of this version, neither good nor bad: the last good one serves, or none does yet."""
        file.loading = loading
        served = file.entry if file.entry and file.entry.skill else None
        file.entry = served and replace(served, problems=loading.problems, stale=True)

    def _loads_of(self, skill_id: str) -> list[asyncio.Task[None]]:
        """What is under way and may give the skill: its own file, or while that is not known, each not read yet."""
        under_way = {path: each for path in self._loads if (each := self._files[path].loading)}
        own = [path for path, each in under_way.items() if each.id == skill_id]
        return [self._loads[path] for path in own or [path for path, each in under_way.items() if not each.read]]

    def _take(
        self, path: Path, file: _File, result: LoadResult, found: tuple[Problem, ...], *, all_checked: bool
    ) -> None:
        """Serve what was loaded; when that was bad the last good version, else what is right of this one."""
        problems = (*result.problems, *found)
        before = file.entry.skill if file.entry else None
        loaded = result.skill
        if problems:
            loaded = salvaged(before, result.skill or result.doubtful, problems) if all_checked else None
        if loaded and before and before.kind == "callable" and loaded.kind != "callable":
            now = self._clock()
            file.doubted_since = now if file.doubted_since is None else file.doubted_since
            if now - file.doubted_since < SETTLE:
                return
        file.doubted_since = None
        if loaded is None:
            file.entry = _unloaded_entry(path, file, result, problems)
        else:
            settings = {**loaded.settings, **self._settings.get(loaded.id, {})}
            file.entry = _loaded_entry(file, with_account_params(loaded, settings), settings)

    def _resolve(self) -> None:
        """Give every id to the first file that wants it; the others are broken, and say why.

        Earlier folders come first, and in one folder those that load: a broken copy takes nobody's id. A bundled
        skill that loses is nobody's mistake: the winner shadows it.
        """
        order = {folder: index for index, folder in enumerate(self._folders)}
        known = [(order[file.folder], file.entry) for file in self._files.values() if file.entry]
        winners: dict[str, SkillEntry] = {}
        losers: list[SkillEntry] = []
        for _, entry in sorted(known, key=lambda one: (one[0], one[1].skill is None, str(one[1].file))):
            winner = winners.setdefault(entry.id, entry)
            if winner.file == entry.file:
                continue
            if entry.folder.bundled and not winner.folder.bundled:
                winners[entry.id] = replace(winner, shadows=(*winner.shadows, entry.file))
            else:
                losers.append(losing(entry, winner))
        found = tuple(sorted((*winners.values(), *losers), key=lambda entry: entry.id))
        self._generation += found != self._entries
        self._entries = found
        self._by_id = winners
        self._resolved, self._unserved = self._clock(), False


def _loaded_entry(file: _File, skill: Skill, settings: Mapping[str, Json]) -> SkillEntry:
    return SkillEntry(
        id=skill.id,
        file=skill.file,
        folder=file.folder,
        skill=skill,
        settings=settings,
        problems=skill.warnings,
        name=skill.name,
        description=skill.description,
    )


def _unloaded_entry(path: Path, file: _File, result: LoadResult, problems: tuple[Problem, ...]) -> SkillEntry:
    """The last good version goes on serving, if there was one."""
    if file.entry and file.entry.skill:
        return replace(file.entry, problems=problems, stale=True)
    return SkillEntry(
        id=result.id,
        file=path,
        folder=file.folder,
        skill=None,
        problems=problems,
        name=result.name,
        description=result.description,
    )
