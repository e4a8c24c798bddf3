"""The expressions of the bundled skills are compiled, all of them, and give what jq gives for all kinds of data."""

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.calls.deltas import plan_stream
from agentos_runtime.config.settings import Settings
from agentos_runtime.jq.compiled.engine import Engine, Refusal
from agentos_runtime.jq.inputs import ProgramInput
from agentos_runtime.jq.outcome import Outcome
from agentos_runtime.jq.pool import WorkerPool
from agentos_runtime.jq.program import Program, request_program, stream_program, value_program
from agentos_runtime.jsontext import Json, dump, parse
from agentos_runtime.manifest.load import load_skill
from agentos_runtime.manifest.result import LoadResult
from agentos_runtime.skills.opening import open_cache
from tests.cli.console import Console
from tests.jq.random_programs import Maker
from tests.jq.test_compiled import Difference, same
from tests.manifest.loading import SCHEMA
from tests.reading import read_all_yaml
from tests.recorded import exchanges, seed
from tests.security.support import environment_number

SKILLS = Path(__file__).resolve().parents[2] / "skills"
BUNDLED = sorted(folder.name for folder in SKILLS.iterdir() if folder.is_dir())
ROUNDS = max(1, environment_number("AGENTOS_TEST_COMPARISONS", 2000) // 300)
"""For each expression."""
NOT_YET = "it is yet to be compiled"
NUMBER_WITH_A_POINT = re.compile(rb"[0-9]\.[0-9]")
"""jq writes such a number into a text as it was spelled, which compiled code does not know."""


def load(file: Path) -> LoadResult:
    return load_skill(
        file.read_bytes(),
        schema=SCHEMA,
        file=file,
        folder=file.parent,
        siblings=[entry.name for entry in file.parent.iterdir()],
        read_part=lambda name: (file.parent / name).read_bytes(),
    )


def programs_of(loaded: LoadResult) -> Iterator[tuple[str, Program]]:
    """Each expression of a skill as a program of its own, by its key; definitions alone are run by nobody."""
    for check in loaded.checks:
        if check.place.key == "definitions":
            continue
        if check.request:
            yield check.place.key, request_program(check.definitions, [check.source])
        else:
            yield check.place.key, value_program(check.definitions, check.source)


def not_compiled(file: Path) -> dict[str, str]:
    engine = Engine()
    found = {key: engine.code(program) for key, program in programs_of(load(file))}
    return {key: code.reason for key, code in found.items() if isinstance(code, Refusal)}


@pytest.mark.slow
@pytest.mark.parametrize("skill", BUNDLED)
def test_every_expression_of_a_bundled_skill_is_compiled(skill: str) -> None:
    assert not_compiled(SKILLS / skill / "readme.md") == {}


def test_every_expression_of_the_seed_is_compiled() -> None:
    assert not_compiled(seed("agentos-openrouter.md")) == {}


def mutated(maker: Maker, value: Json) -> Json:
    """The value with some of its parts replaced by random ones."""
    chance = maker.random.random()
    if chance < 0.04:
        return maker.value()
    if isinstance(value, list):
        return [mutated(maker, each) for each in value if maker.random.random() > 0.03]
    if isinstance(value, dict):
        return {name: mutated(maker, each) for name, each in value.items() if maker.random.random() > 0.03}
    return value


def cases(skill: str) -> list[Json]:
    """What stands in the cases of a skill: params, requests, answers."""
    return [*_documents(SKILLS / skill / "cases")]


def _documents(folder: Path) -> Iterator[Json]:
    for file in sorted(folder.glob("*.y*ml")):
        for document in read_all_yaml(file.read_text(encoding="utf-8")):
            yield from _inside(json.loads(json.dumps(document, default=str)), 0)


def _inside(value: Any, depth: int) -> Iterator[Json]:
    """The objects of a case, and the events of its streams."""
    if isinstance(value, dict) and depth < 6:
        yield value
        for each in value.values():
            yield from _inside(each, depth + 1)
    elif isinstance(value, list) and depth < 6:
        for each in value[:20]:
            yield from _inside(each, depth + 1)
    elif isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            yield json.loads(value)
        except ValueError:
            return


def recorded() -> Iterator[Json]:
    """Recorded requests, answers and events."""
    for exchange in exchanges():
        yield exchange.request.get("body")
        for text in exchange.body.split(b"\n") if exchange.streamed else [exchange.body]:
            try:
                yield json.loads(text.removeprefix(b"data:"))
            except ValueError:
                continue


def given(program: Program, value: Json) -> bytes:
    """An input of the program that is made of the value."""
    if program.parts.layout == "request":
        return dump(
            {"params": value if isinstance(value, dict) else {"messages": value}, "settings": {}, "auth": {}}
        )
    return dump({"params": {}, "settings": {}, "response": {"status": 200, "headers": {}}, "body": value})


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("skill", BUNDLED)
def test_the_expressions_of_a_bundled_skill_give_what_jq_gives_for_what_is_in_its_cases(skill: str) -> None:
    maker, difference, documents = Maker(7), Difference(), cases(skill)
    assert documents
    compared = 0
    for _, program in programs_of(load(SKILLS / skill / "readme.md")):
        more = [mutated(maker, maker.random.choice(documents)) for _ in range(ROUNDS - len(documents))]
        inputs = [given(program, value) for value in [*documents[:ROUNDS], *more]]
        compared += same(difference, program, inputs)
    assert compared > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_expressions_for_openrouter_give_what_jq_gives_for_recorded_traffic() -> None:
    maker, difference, documents = Maker(8), Difference(), [*recorded()]
    loaded = load(SKILLS / "openrouter" / "readme.md")
    answered = 0
    for _, program in programs_of(loaded):
        values = [documents[(number * 13) % len(documents)] for number in range(2 * ROUNDS)]
        inputs = [value if number % 2 else mutated(maker, value) for number, value in enumerate(values)]
        answered += same(difference, program, [given(program, value) for value in inputs])
    assert answered > 30 * ROUNDS
    assert loaded.skill is not None
    stream = plan_stream(loaded.skill, loaded.skill.utilities["chat"])
    assert stream is not None
    events: list[Json] = [value for value in documents if isinstance(value, dict)]
    batches = [
        dump({"params": {}, "response": {}, "events": [*events[at : at + 5]]}) for at in range(0, len(events), 5)
    ]
    assert set(map(partial(difference.of, stream.program), batches)) <= {None, "unknown"}


def test_stream_programs_give_the_same_for_events_together_and_alone() -> None:
    program = stream_program("", ".a // empty", ".error", None)
    engine = Engine()
    events: list[Json] = [{"a": 1}, {}, {"a": [1, {"b": 2.0}]}, {"error": "x"}]
    together = engine.answer(program, dump({"events": events})).outputs
    alone = [output for event in events for output in engine.answer(program, dump({"events": [event]})).outputs]
    assert together == alone


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("skill", BUNDLED)
def test_all_programs_of_all_cases_give_the_same_in_both_ways(
    skill: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the worker gave and what compiled code gave, for every program that the cases of a skill run."""
    answered: list[str] = []
    left: list[tuple[Program, bytes, Refusal]] = []
    """What succeeded, but not in this process."""
    different: list[tuple[Program, bytes, Outcome, Outcome]] = []
    run, engine = WorkerPool.run, Engine(kept=open_cache(Settings(home=tmp_path)))

    async def both(pool: WorkerPool, program: Program, given: bytes | ProgramInput) -> Outcome:
        data = given if isinstance(given, bytes) else given.text
        if isinstance(given, ProgramInput):
            assert dump(given.document) == dump(parse(data)), "the values are not what the text says"
        wanted = await run(pool, program, data)
        found = await engine.run(program, given)
        if isinstance(found, Outcome):
            answered.append(program.parts.layout)
            if wanted.failure is not None or dump(found.outputs) != dump(wanted.outputs):
                different.append((program, data, wanted, found))
        elif wanted.failure is None:
            left.append((program, data, found))
        return wanted

    monkeypatch.setattr(WorkerPool, "run", both)
    done = Console(tmp_path / "home", SKILLS, {"AGENTOS_JQ": "worker"}).run("test", skill)
    assert done.code == 0, done.out + done.err
    assert different == []
    assert answered
    assert [data for _, data, why in left if why.reason != NOT_YET and not NUMBER_WITH_A_POINT.search(data)] == []


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", ["auto", "worker"])
def test_all_cases_pass_in_every_way(mode: str, tmp_path: Path) -> None:
    done = Console(tmp_path / "home", SKILLS, {"AGENTOS_JQ": mode}).run("test")
    assert done.code == 0, done.out + done.err


def test_a_way_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    done = Console(tmp_path / "home", SKILLS, {"AGENTOS_JQ": "quickly"}).run("test")
    assert done.code == 2
    assert "jq (from AGENTOS_JQ) cannot be used: must be auto or worker" in done.err
