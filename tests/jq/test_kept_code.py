"""Generated code is kept for the next process, and what is kept reaches as little as what is generated."""

import asyncio
from pathlib import Path

import pytest

from agentos_runtime.jq.compiled import engine as compiled
from agentos_runtime.jq.compiled.building import Builder
from agentos_runtime.jq.compiled.code import code_of
from agentos_runtime.jq.compiled.engine import Engine, Refusal
from agentos_runtime.jq.compiled.errors import Unsupported
from agentos_runtime.jq.outcome import COMPILED, Outcome
from agentos_runtime.jq.pool import WorkerPool
from agentos_runtime.jq.program import Program, request_program, value_program
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.storage.cache import Cache

PROGRAM = value_program("def twice: . * 2;", ".a | twice")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", lambda: b"this program")


def answer(engine: Engine, program: Program, body: Json) -> Outcome | Refusal:
    return asyncio.run(engine.run(program, dump({"body": body, "params": {}, "settings": {}})))


def value(found: Outcome | Refusal) -> Json:
    assert isinstance(found, Outcome), found
    return found.outputs[0]


def test_a_program_that_was_kept_gives_the_same_and_is_not_generated_again(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated = Engine(kept=cache).code(PROGRAM)
    assert value(answer(Engine(), PROGRAM, {"a": 4})) == [8]
    monkeypatch.setattr(compiled, "GENERATOR", "tests.no_generator")
    assert isinstance(answer(Engine(), PROGRAM, {"a": 4}), Refusal)
    assert value(answer(Engine(kept=cache), PROGRAM, {"a": 4})) == [8]
    assert not isinstance(generated, Refusal)
    found = Engine(kept=cache).code(PROGRAM)
    assert not isinstance(found, Refusal)
    assert found.source == generated.source


def test_programs_with_the_same_and_with_other_definitions_are_made_one_after_the_other_as_each_alone() -> None:
    texts = [("def f: . + 1;", "f"), ("def f: . + 1;", "[f, f]"), ("def f: . + 2;", "f"), ("def f: . +", "f")]
    texts += [("def f: . + 1;", "f"), ("", "f"), ("def f: . + 2;", "f | f")]

    def made(builder: Builder, definitions: str, source: str) -> str:
        try:
            return builder.generated(definitions, [source], ())
        except Unsupported:
            return ""

    one = Builder()
    found = [made(one, *each) for each in texts]
    assert found == [made(Builder(), *each) for each in texts]
    assert [bool(each) for each in found] == [True, True, True, False, True, False, True]


def test_a_server_keeps_its_programs_in_the_home(cache: Cache, tmp_path: Path) -> None:
    async def ways() -> list[str]:
        found = []
        for _ in range(2):
            async with WorkerPool(size=0, mode="auto", kept=cache) as pool:
                found.append((await pool.run(PROGRAM, dump({"body": {"a": 1}}))).way)
        return found

    assert asyncio.run(ways()) == [COMPILED, COMPILED]
    assert [file.stat().st_mode & 0o777 for file in (tmp_path / "cache").iterdir()] == [0o600]


def test_programs_of_the_same_words_and_another_kind_are_kept_apart(cache: Cache) -> None:
    request = request_program("", [".body"])
    assert value(answer(Engine(kept=cache), value_program("", ".body"), {"body": 1})) == [1]
    assert value(answer(Engine(kept=cache), request, 2)) == [2]
    assert value(answer(Engine(kept=cache), value_program("", ".body"), {"body": 3})) == [3]


HEAD = "def bind(bound):\n pass\ndef f1(v):\n return "
TAIL = "\nexpressions = (f1, )\n"


@pytest.mark.parametrize(
    "reaching",
    [
        "[open('/etc/passwd')]",
        "[__import__('os')]",
        "[().__class__.__base__.__subclasses__()]",
        "[v.__class__.__mro__]",
        "[str.format('{0.__class__.__base__}', v)]",
        "[jq_plus.__globals__]",
        "[meter.begin]",
        "[(lambda: globals())()]",
        "[[each.gi_frame for each in v]]",
    ],
)
def test_kept_code_that_reaches_beyond_the_table_is_not_run(reaching: str, cache: Cache) -> None:
    source = HEAD + reaching + TAIL
    with pytest.raises(Unsupported, match="beyond the table"):
        code_of(source)
    of = repr(PROGRAM.parts).encode()
    cache.keep(f"jq {PROGRAM.digest.hex()}", of, source.encode())
    assert value(answer(Engine(kept=cache), PROGRAM, {"a": 4})) == [8]
    assert cache.find(f"jq {PROGRAM.digest.hex()}", of) != source.encode()


@pytest.mark.parametrize("data", [b"", b"def bind(bound", b"expressions = ()", b"\0", b"no source"])
def test_what_is_no_code_is_generated_anew(data: bytes, cache: Cache) -> None:
    cache.keep(f"jq {PROGRAM.digest.hex()}", repr(PROGRAM.parts).encode(), data)
    assert value(answer(Engine(kept=cache), PROGRAM, {"a": 4})) == [8]
