"""Does a service still answer as its cases say? They are called for real; shapes are compared, not values."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Literal
from uuid import uuid4

from agentos_runtime.calls.call import Call
from agentos_runtime.config.settings import Settings
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.shapes import path_text
from agentos_runtime.runtime import Runtime
from agentos_runtime.skills.files import SkillFolder
from agentos_runtime.testing.load import load_cases
from agentos_runtime.testing.matching import readable_answer
from agentos_runtime.testing.model import Case
from agentos_runtime.testing.recording import REDACTED, Heard, NotRecorded, make_case, write_case
from agentos_runtime.testing.run import Outcome, Stage, check_names, plain_outcome, playing, streamed_outcome
from agentos_runtime.testing.simulation import case_schema

REDIRECT, TOO_MANY, FAULT = 300, 429, 500


@dataclass(frozen=True, slots=True)
class Change:
    """One way in which what came differs from what the case has."""

    path: str
    what: str

    def as_json(self) -> dict[str, Json]:
        return {"path": self.path, "what": self.what}


@dataclass(frozen=True, slots=True)
class Looked:
    """How one case went when it was called for real."""

    case: Case
    state: Literal["same", "drifted", "failed"]
    """`failed`: nobody knows, since no answer came that could be compared."""
    changes: tuple[Change, ...] = ()
    updated: bool = False

    def as_json(self) -> dict[str, Json]:
        return {
            "skill": self.case.skill,
            "utility": self.case.utility.name,
            "case": self.case.name,
            "file": str(self.case.file),
            "state": self.state,
            "changes": [each.as_json() for each in self.changes],
            "updated": self.updated,
        }


async def look(
    runtime: Runtime,
    settings: Settings,
    agent: str,
    skills: Sequence[str] = (),
    *,
    all_reads: bool = False,
    update: bool = False,
) -> list[Looked]:
    """Call the cases of these skills, or of all, that are `live` and only read.

    all_reads: also those that are not `live`, where the utility only reads. update: write what drifted anew, with
    what came. Raises NotRun for a skill that is not there or broken.
    """
    check_names(runtime.registry, skills)
    found: list[Looked] = []
    async with AsyncExitStack() as opened:
        stage: Stage | None = None
        for case, folder in list(_wanted(runtime, skills, all_reads=all_reads)):
            looked, heard, outcome = await _look_at(runtime, case, agent)
            if update and looked.state == "drifted" and not folder.bundled:
                if stage is None:
                    stage = await opened.enter_async_context(playing(settings))
                looked = await _updated(stage, looked, folder, heard, outcome)
            found.append(looked)
    return found


def _compare(before: Sequence[Json], now: Sequence[Json], path: tuple[str | int, ...]) -> Iterator[Change]:
    """What is gone, or of another type, among values that stand at the same place: in lists there are several.

    What is new is no drift, and null says nothing.
    """
    was, found = _types(before), _types(now)
    if was and found and not found <= was:
        yield Change(_named(path), f"was {' or '.join(sorted(was))}, is {' or '.join(sorted(found))}")
        return
    maps, new_maps = ([each for each in side if isinstance(each, dict)] for side in (before, now))
    if maps and new_maps:
        for name in {name: None for each in maps for name in each}:
            held = [each[name] for each in maps if name in each]
            holds = [each[name] for each in new_maps if name in each]
            if holds:
                yield from _compare(held, holds, (*path, name))
            elif len(held) == len(maps):
                yield Change(_named((*path, name)), "is gone")
    items, new_items = (
        [item for each in side if isinstance(each, list) for item in each] for side in (before, now)
    )
    if items and new_items:
        yield from _compare(items, new_items, (*path, "[]"))


def _types(values: Sequence[Json]) -> set[str]:
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return {names[type(value)] for value in values if value is not None and value != REDACTED}


def _named(path: tuple[str | int, ...]) -> str:
    return ".".join(path_text((step,)) if step != "[]" else "[]" for step in path).replace(".[", "[")


def _wanted(runtime: Runtime, skills: Sequence[str], *, all_reads: bool) -> Iterator[tuple[Case, SkillFolder]]:
    schema = case_schema()
    for entry in runtime.registry.entries:
        if entry.skill is None or (skills and entry.id not in skills):
            continue
        for file in load_cases(entry.skill, entry.folder, schema):
            case = file.case
            if (
                case is not None
                and case.utility.effect == "read"
                and (case.live or (all_reads and case.error is None))
            ):
                yield case, entry.folder


async def _look_at(runtime: Runtime, case: Case, agent: str) -> tuple[Looked, Heard, Outcome]:
    heard = Heard()
    call = Call(case.skill, case.utility.name, dict(case.params), agent, uuid4().hex)
    outcome = await (streamed_outcome if case.streams else plain_outcome)(runtime, call, heard.tell)
    if case.error is None and outcome.error is not None:
        said = Change("the call", f"fails: {outcome.error.get('error')}")
        if not _is_an_answer(heard):
            return Looked(case, "failed", (said,)), heard, outcome
        return Looked(case, "drifted", (*dict.fromkeys(_answer_changes(case, heard)), said)), heard, outcome
    if not heard.answers:
        return Looked(case, "failed", (Change("the call", "got no answer"),)), heard, outcome
    changes = tuple(dict.fromkeys(_changes(case, heard, outcome)))
    return Looked(case, "drifted" if changes else "same", changes), heard, outcome


def _is_an_answer(heard: Heard) -> bool:
    """Whether the service answered about the call, and not about itself."""
    status = heard.answers[-1]["status"] if heard.answers else None
    return isinstance(status, int) and status < FAULT and status != TOO_MANY


def _answer_changes(case: Case, heard: Heard) -> Iterator[Change]:
    if case.streams:
        return
    before = [readable_answer(each.answer) for each in case.exchanges if each.answer.status < REDIRECT]
    now = [
        answer["body"]
        for answer in heard.answers
        if "body" in answer and isinstance(answer["status"], int) and answer["status"] < REDIRECT
    ]
    yield from _compare(before, now, ("response",))


def _changes(case: Case, heard: Heard, outcome: Outcome) -> Iterator[Change]:
    if case.error is not None:
        code = outcome.error.get("code") if outcome.error is not None else None
        if code != case.error["code"]:
            yield Change("error.code", f"was {case.error['code']}, is {code or 'a reply'}")
        return
    yield from _answer_changes(case, heard)
    yield from _compare([case.reply], [outcome.reply], ("reply",))
    shape = case.utility.reply_shape
    for problem in shape.problems(outcome.reply) if shape is not None else ():
        yield Change(f"reply{'.' if problem.path[:1].isalpha() else ''}{problem.path}", problem.message)


async def _updated(stage: Stage, looked: Looked, folder: SkillFolder, heard: Heard, outcome: Outcome) -> Looked:
    case = looked.case
    entry = stage.runtime.registry.find(case.skill)
    skill = entry.skill if entry else None
    try:
        if skill is None:
            raise NotRecorded(f"{case.skill} cannot be loaded")
        params: Mapping[str, Json] = case.params
        made = await make_case(
            stage,
            skill,
            case.utility.name,
            params,
            heard,
            outcome,
            file=case.file,
            description=case.description,
        )
        write_case(folder, case.file, made.text)
    except NotRecorded as error:
        return replace(looked, changes=(*looked.changes, Change("the case", f"stays as it is: {error}")))
    return replace(looked, updated=True)
