"""Until its expressions are checked a skill is neither good nor broken, and nobody is told otherwise."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from agentos_runtime.config.settings import Settings
from agentos_runtime.errors import Overloaded, UnknownSkill
from agentos_runtime.jq.checking import Checkable, Unfinished, Verdict
from agentos_runtime.jq.compiling import CompileProblem
from agentos_runtime.jq.pool import JqUnusable, WorkerPool
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.schema import ManifestSchema
from agentos_runtime.manifest.yaml.values import Cursor
from agentos_runtime.resources import read_schema, skills_folder
from agentos_runtime.security.bundled import read_bundled
from agentos_runtime.skills.checks import ExpressionChecker, check_expressions
from agentos_runtime.skills.entries import SkillEntry
from agentos_runtime.skills.files import SkillFolder
from agentos_runtime.skills.loading import Beside, read_skill
from agentos_runtime.skills.opening import open_catalog
from agentos_runtime.skills.registry import Registry
from agentos_runtime.skills.visibility import VisibleSkills
from tests.end_to_end.test_registry import manifest

LOST = Unfinished("lost its worker process", at_limit=False)
HUGE = Unfinished("needs more than 512 MB", at_limit=True)
SCHEMA = ManifestSchema(read_schema("manifest"))


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Scripted:
    """Gives these verdicts on everything, one after the other; then all is well."""

    def __init__(self, clock: Clock, *verdicts: Verdict) -> None:
        self._clock = clock
        self._verdicts = list(verdicts)
        self.asked_at: list[float] = []

    async def check(self, expressions: Sequence[Checkable]) -> Sequence[Verdict]:
        self.asked_at.append(self._clock.now)
        verdict = self._verdicts.pop(0) if self._verdicts else None
        return [verdict] * len(expressions)


def with_registry(
    folder: Path, checker: ExpressionChecker, clock: Callable[[], float], use: Callable[[Registry], Awaitable[None]]
) -> None:
    async def go() -> None:
        registry = Registry([SkillFolder(folder)], checker, SCHEMA, clock=clock)
        try:
            await use(registry)
        finally:
            registry.close()

    asyncio.run(go())


def says(entry: SkillEntry) -> str:
    """What the toy's utility is described as."""
    assert entry.skill is not None
    return entry.skill.utilities["say"].description


def test_a_new_skill_whose_check_did_not_finish_is_not_broken_and_is_checked_again(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "toy.md").write_text(manifest())

    async def use(registry: Registry) -> None:
        await registry.refresh()
        assert not registry.entries
        (loading,) = registry.loading
        assert (loading.id, loading.name, loading.description) == ("toy", "Toy", "A toy")
        (problem,) = loading.problems
        assert "did not finish: lost its worker process. That says nothing about it" in problem.message
        assert problem.place.position.line > 1
        with pytest.raises(Overloaded, match=r"toy is not ready yet: .* It is tried again; try again in a second"):
            VisibleSkills(registry).utility("toy", "say")
        with pytest.raises(UnknownSkill):
            VisibleSkills(registry).utility("other", "say")
        clock.now += 1
        await registry.refresh()
        assert [entry.state for entry in registry.entries] == ["ready"]
        assert not registry.loading
        assert registry.entries[0].problems == ()

    with_registry(tmp_path, Scripted(clock, LOST), clock, use)


def test_a_save_whose_check_did_not_finish_leaves_the_last_good_version_serving(tmp_path: Path) -> None:
    clock = Clock()
    file = tmp_path / "toy.md"
    file.write_text(manifest(says="one"))

    async def use(registry: Registry) -> None:
        await registry.refresh()
        file.write_text(manifest(says="two"))
        await registry.refresh()
        entry = registry.entries[0]
        assert (entry.state, entry.stale) == ("ready", True)
        assert "did not finish" in entry.problems[0].message
        assert says(entry) == "Says one"
        clock.now += 1
        await registry.refresh()
        entry = registry.entries[0]
        assert (entry.stale, entry.problems, says(entry)) == (False, (), "Says two")

    with_registry(tmp_path, Scripted(clock, None, LOST), clock, use)


def test_a_bad_save_that_is_fixed_is_not_called_broken_while_its_check_is_unfinished(tmp_path: Path) -> None:
    clock = Clock()
    file = tmp_path / "toy.md"
    file.write_text(manifest(says="one").replace("rest:", "rset:"))

    async def use(registry: Registry) -> None:
        await registry.refresh()
        assert [entry.state for entry in registry.entries] == ["broken"]
        file.write_text(manifest(says="two"))
        await registry.refresh()
        assert (registry.entries, len(registry.loading)) == ((), 1)

    with_registry(tmp_path, Scripted(clock, None, LOST), clock, use)


def test_tries_come_after_pauses_that_grow_from_one_second_to_sixty(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "toy.md").write_text(manifest())
    checker = Scripted(clock, *[LOST] * 9)

    async def use(registry: Registry) -> None:
        while not registry.entries:
            await registry.refresh()
            clock.now += 0.5

    with_registry(tmp_path, checker, clock, use)
    assert [later - before for before, later in pairwise(checker.asked_at)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_what_jq_cannot_compile_within_its_limits_is_broken_with_true_words_and_tried_again(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "toy.md").write_text(manifest())

    async def use(registry: Registry) -> None:
        await registry.refresh()
        entry = registry.entries[0]
        assert entry.state == "broken"
        assert "cannot compile this within its limits, tried three times: it needs more than 512 MB" in str(
            entry.problems[0]
        )
        clock.now += 1
        await registry.refresh()
        assert [entry.state for entry in registry.entries] == ["ready"]

    with_registry(tmp_path, Scripted(clock, HUGE), clock, use)


def test_a_mistake_that_was_found_is_told_although_the_rest_was_not_checked(tmp_path: Path) -> None:
    (tmp_path / "toy.md").write_text(manifest())
    wrong = CompileProblem("`nope` is not defined", 1, 1, 4)

    class Half:
        async def check(self, expressions: Sequence[Checkable]) -> Sequence[Verdict]:
            return [wrong, *[LOST] * (len(expressions) - 1)]

    async def go() -> tuple[str, ...]:
        result = read_skill(tmp_path / "toy.md", SCHEMA, Beside(SkillFolder(tmp_path), tmp_path))
        checked = await check_expressions(Half(), [*result.checks, *result.checks])
        assert checked.again
        return tuple(problem.message for problem in checked.told)

    first, second = asyncio.run(go())
    assert "`nope` is not defined" in first
    assert "did not finish" in second


def large(expressions: int) -> str:
    fields = "\n".join(f"          f{number}: '.a + {number}'" for number in range(expressions))
    return manifest("large").replace("""{transform: '{said: "hello", body: .}'}""", f"\n        mapping:\n{fields}")


@pytest.mark.slow
def test_a_small_skill_is_ready_before_a_large_one_whichever_comes_first(tmp_path: Path) -> None:
    (tmp_path / "a-large.md").write_text(large(600))
    (tmp_path / "small.md").write_text(manifest("small"))

    async def go() -> None:
        async with WorkerPool(size=0) as pool:
            registry = Registry([SkillFolder(tmp_path)], pool, SCHEMA)
            await registry.refresh(patience=0)
            await registry.ready("small")
            assert [entry.id for entry in registry.entries] == ["small"], "the large one is still being checked"
            await registry.ready("large")
            assert [entry.state for entry in registry.entries] == ["ready", "ready"]
            registry.close()

    asyncio.run(go())


class Counting:
    """All is well; remembers how many expressions it was asked about each time."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def check(self, expressions: Sequence[Checkable]) -> Sequence[Verdict]:
        self.asked.append(len(expressions))
        return [None] * len(expressions)


class Looking:
    """The schema; remembers how many files it looked at."""

    def __init__(self) -> None:
        self.looked_at = 0

    def check(self, root: Cursor, report: Report) -> None:
        self.looked_at += 1
        SCHEMA.check(root, report)

    def check_part(self, root: Cursor, report: Report) -> None:
        self.looked_at += 1
        SCHEMA.check_part(root, report)


def test_the_text_that_ships_is_not_checked_again_and_every_other_one_is(tmp_path: Path) -> None:
    file = tmp_path / "toy.md"
    file.write_text(manifest())
    shipped = hashlib.sha256(file.read_bytes()).hexdigest()

    async def go() -> None:
        checker, schema = Counting(), Looking()
        registry = Registry([SkillFolder(tmp_path)], checker, schema, shipped=[shipped])
        await registry.refresh()
        assert [entry.state for entry in registry.entries] == ["ready"]
        assert (checker.asked, schema.looked_at) == ([0], 0)
        file.write_text(manifest() + "Edited.\n")
        await registry.refresh()
        assert len(checker.asked) == 2
        assert checker.asked[1] > 0
        assert schema.looked_at == 1
        registry.close()

    asyncio.run(go())


def test_a_part_is_known_by_its_own_text_and_the_manifest_by_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    folder.mkdir()
    main, part = folder / "readme.md", folder / "part.md"
    main.write_text("---\nid: toy\nname: Toy\ndescription: A toy\nparts: [part.md]\n---\n")
    part.write_text(
        "---\nutilities:\n  say: {description: Says, returns: object, rest: {url: 'https://toy.test/'}}\n---\n"
    )
    known = [hashlib.sha256(each.read_bytes()).hexdigest() for each in (main, part)]

    def state(*shipped: str) -> tuple[str, int]:
        async def go() -> tuple[str, int]:
            schema = Looking()
            registry = Registry([SkillFolder(tmp_path)], Counting(), schema, shipped=shipped)
            await registry.refresh()
            registry.close()
            return registry.entries[0].state, schema.looked_at

        return asyncio.run(go())

    assert [state(), state(known[0]), state(known[1]), state(*known)] == [
        ("ready", 2),
        ("ready", 1),
        ("ready", 1),
        ("ready", 0),
    ]
    part.write_text(part.read_text().replace("returns: object", "retruns: object"))
    assert state(*known) == ("broken", 1)


@pytest.mark.slow
def test_every_expression_that_ships_passes_the_check_that_is_left_out_for_it() -> None:
    async def go() -> None:
        async with WorkerPool(size=0) as pool:
            registry = Registry([SkillFolder(skills_folder())], pool, SCHEMA)
            await registry.refresh()
            while registry.loading:  # a machine that is busy takes long to read one
                await asyncio.sleep(0.1)
                await registry.refresh()
            assert {entry.id: entry.state for entry in registry.entries} == dict.fromkeys(read_bundled(), "ready")
            registry.close()

    asyncio.run(go())


def test_looking_at_skills_checks_all_of_the_operators_own_at_once(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"toy-{number}.md").write_text(manifest(f"toy-{number}"))
    (tmp_path / "torn.md").write_text(manifest("torn").replace("body: .}", "body: . |}"))

    async def go() -> None:
        settings = Settings(home=tmp_path / "home", skills=(tmp_path,), only_skills=True)
        async with open_catalog(settings, {}) as catalog:
            states = {
                name: catalog.detail(name)["state"] for name in ("torn", *(f"toy-{each}" for each in range(8)))
            }
        assert states == {f"toy-{number}": "ready" for number in range(8)} | {"torn": "broken"}

    asyncio.run(go())


def test_looking_at_skills_says_when_expressions_cannot_be_checked_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos_runtime.jq.installed.version_of", lambda origin: "1.6.0")
    for number in range(3):
        (tmp_path / f"toy-{number}.md").write_text(manifest(f"toy-{number}"))

    async def go() -> None:
        async with open_catalog(Settings(home=tmp_path / "home", skills=(tmp_path,), only_skills=True), {}):
            """Not reached."""

    with pytest.raises(JqUnusable, match=r"install jq>=1\.13\.0"):
        asyncio.run(go())


@pytest.mark.slow
def test_a_server_opens_while_skills_load(tmp_path: Path) -> None:
    (tmp_path / "large.md").write_text(large(600))

    async def go() -> None:
        async with WorkerPool(size=0) as pool:
            registry = Registry([SkillFolder(tmp_path)], pool, SCHEMA)
            await registry.refresh(patience=0.01)
            assert (registry.entries, [each.id for each in registry.loading]) == ((), ["large"])
            await registry.refresh()
            assert [entry.state for entry in registry.entries] == ["ready"]
            registry.close()

    asyncio.run(go())
