"""What is known of events that are like one before them is what the program would have made of them."""

import asyncio
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentos_runtime.calls.plan import plan_call
from agentos_runtime.jq.compiled.carried import Looked, is_unseen, unseen
from agentos_runtime.jq.compiled.engine import Engine
from agentos_runtime.jq.pool import WorkerPool
from agentos_runtime.jq.program import Program, stream_program
from agentos_runtime.jsontext import Json, dump
from tests.calls.test_poured import Arriving, Gathering, ends_of_events, plain, told
from tests.chat.support import load
from tests.end_to_end.chat import HELLO, USAGE, chunk
from tests.jq.random_programs import Maker
from tests.sizes import examples

STOP = chunk("", "stop", usage=USAGE)
PASSES = (
    "{content: .a}",
    "{content: .a, id: .b}",
    'if (.a | type) == "string" then {content: .a} else empty end',
    ".a as $said | {content: $said}",
    '{content: (.a // "nothing")}',
    "if .a then {content: .a} else empty end",
    "{content: .a} + {id: .b}",
    "[.a] | {content: .[0]}",
    "if (. | length) == 2 then {content: .a} else {other: .a} end",
    "del(.[] | select(. == null)) | {content: .a}",
)
LOOKS = (
    "{content: .a, long: (.a | length)}",
    'if .a == "x" then {content: .a} else empty end',
    'select(.a != "") | {content: .a}',
    '{content: (.a + "!")}',
    '{content: .a, b: (.a | startswith("x"))}',
    "{content: .a, b: (.a | ascii_downcase)}",
    "{content: .a, b: (. | tojson | length)}",
    "{content: .a, b: {(.a): 1}}",
    '{content: .a, b: ([.a] | join(","))}',
    '{content: .a, b: ({a} == {a: "x"})}',
    "{content: .a, b: ([.a, .b] | sort | .[0])}",
    '{content: .a, b: "said \\(.a)"}',
    '{content: .a, b: (.a < "m")}',
    '{content: .a, b: (.a | IN("x", "y"))}',
    "{content: .a, b: (.a | tonumber? // 0)}",
    '{content: .a, b: (.a | ltrimstr("x"))}',
    "{content: .a, b: .a[1:]}",
    "{content: .a, b: ([..] | unique | length)}",
    '{content: .a, b: has("x"), c: (.b[.a]?)}',
    "to_entries | {content: .[0].value}",
)


def outputs_of(engine: Engine, program: Program, said: str) -> list[Json]:
    return engine.answer(program, dump({"params": {}, "events": [{"a": said, "b": {"c": 1}}]})).outputs


def carried(engine: Engine, program: Program) -> list[Json] | None:
    engine.code(program)
    made = engine.carried(program, {"params": {}}, {"a": unseen(), "b": {"c": 1}})
    return None if made is None else made[0]


def with_text(value: Json, said: str) -> Json:
    """The value with a text in every place of the one that is not to be looked at."""
    if is_unseen(value):
        return said
    if isinstance(value, list):
        return [with_text(each, said) for each in value]
    return {name: with_text(each, said) for name, each in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("source", PASSES)
def test_a_text_that_only_passes_through_a_program_is_carried(source: str) -> None:
    engine, program = Engine(), stream_program("", source, None, None)
    made = carried(engine, program)
    assert made is not None
    for said in ("x", "", "0", "null", 'a"b\\'):
        assert [with_text(made, said)] == outputs_of(engine, program, said)


@pytest.mark.parametrize("source", LOOKS)
def test_a_text_that_a_program_looks_at_is_not_carried(source: str) -> None:
    assert carried(Engine(), stream_program("", source, None, None)) is None


@pytest.mark.parametrize(
    ("error", "end", "is_known"),
    [
        (".error", '.type == "end"', True),
        ('if .a == "x" then "broke" else null end', None, False),
        (None, '.a == "x"', False),
        (None, ".b.c == 2", True),
    ],
)
def test_what_says_whether_an_event_is_an_error_or_the_end_must_not_look_at_the_text_either(
    error: str | None, end: str | None, is_known: bool
) -> None:
    made = carried(Engine(), stream_program("", "{content: .a}", error, end))
    assert (made is not None) == is_known


@pytest.mark.parametrize("seed", range(3))
def test_what_random_programs_carry_comes_out_whatever_it_says(seed: int) -> None:
    maker, engine, compared = Maker(1000 + seed), Engine(), 0
    for _ in range(400):
        program = stream_program("", f"null as $v | {maker.program()}", None, None)
        made = carried(engine, program)
        if made is None:
            continue
        for said in ("a", "", "10", "text"):
            assert [with_text(made, said)[:2]] == outputs_of(engine, program, said), program.parts.sources  # type: ignore[index]
        compared += 1
    assert compared > 20


def test_nothing_but_its_class_is_told_by_a_text_that_is_not_looked_at() -> None:
    text = unseen()
    assert text.__class__ is str
    for name in set(dir(str)) - set(dir(object)):
        with pytest.raises(Looked):
            getattr(text, name)()
    looks: list[Callable[[], object]] = [
        lambda: text == "a", lambda: text != "a", lambda: text < "a", lambda: hash(text), lambda: len(text),
        lambda: not text, lambda: text + "a", lambda: "a" + text, lambda: text[0], lambda: [*text],
        lambda: "a" in text, lambda: f"{text}", lambda: {text: 1}, lambda: text * 2, lambda: text % 1,
    ]  # fmt: skip
    for look in looks:
        with pytest.raises(Looked):
            look()


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    [
        "",
        " word",
        'say "hi"',
        "back\\slash",
        "line\nbreak",
        "é𝒳",
        "error",
        "\u2028",
        "\x7f",
        "0" * 20,
        "[DONE]",
        "1e400",
    ]
)
events = st.one_of(
    texts.map(chunk),
    st.builds(lambda said: chunk(said, role="assistant"), texts),
    st.builds(lambda said: chunk(None, reasoning=said), texts),
    st.builds(lambda said: chunk(said, reasoning="hm"), texts),
    st.builds(lambda said: {**chunk(said), "id": "gen-other"}, texts),
    st.builds(lambda said: {**chunk(said), "error": None}, texts),
    st.sampled_from([STOP, chunk("x", logprobs={"content": []}), {"error": {"code": 502, "message": "broke"}}]),
)
streams = st.lists(st.one_of(texts.map(chunk), texts.map(chunk), events), max_size=14)


@pytest.fixture(scope="module")
def ways() -> Iterator[tuple[Callable[..., Any], Callable[..., Any]]]:
    """A stream in a process where programs are compiled, and where a worker runs each."""
    with asyncio.Runner() as runner:
        pools = [WorkerPool(size=1, mode="auto"), WorkerPool(size=1, mode="worker")]
        for pool in pools:
            runner.run(pool.__aenter__())

        def way(pool: WorkerPool) -> Callable[..., Any]:
            return lambda *args: plain(runner.run(told(pool, *args)))

        auto, worker = map(way, pools)
        auto(written([*HELLO], ascii_only=True), [], None, False)  # compiles the programs
        yield auto, worker
        for pool in pools:
            runner.run(pool.__aexit__(None, None, None))


def written(chunks: list[dict[str, Any]], *, ascii_only: bool) -> bytes:
    lines = [b"data: %b\n\n" % json.dumps(each, ensure_ascii=ascii_only).encode() for each in chunks]
    return b"".join(lines) + b"data: [DONE]\n\n"


def test_a_stream_gives_the_same_whether_its_events_are_known_or_a_worker_reads_each(
    ways: tuple[Callable[..., Any], Callable[..., Any]],
) -> None:
    auto, worker = ways

    @settings(max_examples=examples(60), deadline=None)
    @given(streams, st.booleans(), st.integers(0, 4), st.integers(0, 3))
    @example([*map(chunk, ["a", "b", 'say "c"', "d", "\\", "e", "", "f"]), STOP], False, 1, 0)
    @example([*map(chunk, ["a", "b", "c", "d", "", "e", "sk-", "f", "\\", "g"]), STOP], False, 3, 0)
    @example([*map(chunk, ["a", "b", "c"]), {"error": {"code": 502, "message": "broke"}}, chunk("d")], False, 0, 2)
    @example([chunk(said, reasoning="hm") for said in "abcdef"], False, 0, 0)
    @example([chunk("a"), chunk("b"), {**chunk("c"), "id": "gen-other"}, chunk("d"), chunk("e")], False, 1, 0)
    def same(chunks: list[dict[str, Any]], ascii_only: bool, together: int, refuses_every: int) -> None:
        body = written([*chunks, STOP], ascii_only=ascii_only)
        edges = ends_of_events(body)[::together] if together else []
        found = auto(body, edges, Gathering(refuses_every), False)
        assert found == worker(body, edges, None, False)

    same()


def claudes(*events: dict[str, Any]) -> bytes:
    lines = [(each["type"].encode(), json.dumps(each, ensure_ascii=False).encode()) for each in events]
    return b"".join([b"event: %b\ndata: %b\n\n" % line for line in lines])


def block(delta: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


claude_events = st.one_of(
    texts.map(lambda said: block({"type": "text_delta", "text": said})),
    texts.map(lambda said: block({"type": "text_delta", "text": said})),
    texts.map(lambda said: block({"type": "text_delta", "text": said}, 1)),
    texts.map(lambda said: block({"type": "thinking_delta", "thinking": said})),
    st.sampled_from(
        [
            {"type": "ping"},
            {"type": "content_block_stop", "index": 0},
            {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": "b"}},
            {"type": "error", "error": {"type": "api_error", "message": "broke"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
            block({"type": "signature_delta", "signature": "s"}),
        ]
    ),
)
BEGUN = {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 3}}}
FIRST = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}


def test_a_stream_of_claude_gives_the_same_whether_its_events_are_known_or_a_worker_reads_each(
    ways: tuple[Callable[..., Any], Callable[..., Any]],
) -> None:
    auto, worker = ways
    auto(claudes(BEGUN, FIRST, block({"type": "text_delta", "text": "a"})), [], None, False, "anthropic")

    @settings(max_examples=examples(60), deadline=None)
    @given(st.lists(claude_events, max_size=14), st.integers(0, 4), st.integers(0, 3))
    @example([block({"type": "text_delta", "text": said}) for said in "abcdefg"], 1, 0)
    @example([block({"type": "text_delta", "text": said}) for said in "abcdefg"], 3, 2)
    def same(events: list[dict[str, Any]], together: int, refuses_every: int) -> None:
        body = claudes(BEGUN, FIRST, *events, {"type": "message_stop"})
        edges = ends_of_events(body)[::together] if together else []
        found = auto(body, edges, Gathering(refuses_every), False, "anthropic")
        assert found == worker(body, edges, None, False, "anthropic")

    same()


def test_a_stream_with_an_end_of_its_own_gives_the_same_in_both_ways(
    ways: tuple[Callable[..., Any], Callable[..., Any]],
) -> None:
    auto, worker = ways
    auto(written([*HELLO], ascii_only=True), [], None, False, "openai")

    @settings(max_examples=examples(40), deadline=None)
    @given(streams, st.booleans(), st.integers(0, 4), st.integers(0, 3))
    def same(chunks: list[dict[str, Any]], ascii_only: bool, together: int, refuses_every: int) -> None:
        body = written([*chunks, STOP], ascii_only=ascii_only)
        edges = ends_of_events(body)[::together] if together else []
        found = auto(body, edges, Gathering(refuses_every), False, "openai")
        assert found == worker(body, edges, None, False, "openai")

    same()


@pytest.mark.parametrize("cut", ["nowhere", "behind each event", "behind the name, too"])
def test_an_event_of_another_name_is_read_as_what_it_is(
    ways: tuple[Callable[..., Any], Callable[..., Any]], cut: str
) -> None:
    body = written([*map(chunk, ["a", "b", "c"])], ascii_only=True).replace(b"data: [DONE]\n\n", b"")
    body += b"event: error\n"
    behind_the_name = len(body)
    body += written([chunk("it broke")], ascii_only=True)
    edges = [] if cut == "nowhere" else ends_of_events(body)
    if cut == "behind the name, too":
        edges = sorted([*edges, behind_the_name])
    for way in ways:
        told_ = way(body, edges, Gathering(0), False)
        assert [name for name, _ in told_][-1] == "error"
        assert "it broke" not in [data.get("content") for _, data in told_]


def test_words_behind_an_end_are_heard_where_they_run_no_program(
    ways: tuple[Callable[..., Any], Callable[..., Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the stream would be cut off soon, since its service said that it ended."""
    for way in ways:
        waits: list[float] = []
        monkeypatch.setattr(Arriving, "hurry", lambda stream, seconds, waits=waits: waits.append(seconds))
        body = written([*map(chunk, ["a", "b", "c"]), STOP, *map(chunk, ["d", "e"])], ascii_only=True)
        way(body, ends_of_events(body), Gathering(0), False)
        assert waits[0] < math.inf == waits[-1]


@pytest.mark.parametrize("of", ["openrouter", "openai", "anthropic"])
def test_nearly_all_events_of_a_chat_run_no_program(of: str) -> None:
    """Counted where programs run: of sixty events, those that come before it is known, and the last ones."""
    skill = load(of).skill
    assert skill is not None
    plan = plan_call(skill, skill.utilities["chat"], skill.settings)
    assert plan.stream is not None
    program, ran = plan.stream.program, 0

    class Counting(WorkerPool):
        def run_at_once(self, asked: Program, data: Any) -> Any:
            nonlocal ran
            ran += asked.digest == program.digest
            return super().run_at_once(asked, data)

        async def run(self, asked: Program, data: Any) -> Any:
            nonlocal ran
            ran += asked.digest == program.digest
            return await super().run(asked, data)

    said = [f" word {number}" for number in range(60)]
    body = written([*map(chunk, said), STOP], ascii_only=False)
    if of == "anthropic":
        blocks = [block({"type": "text_delta", "text": text}) for text in said]
        body = claudes(BEGUN, FIRST, *blocks, {"type": "message_stop"})
    with asyncio.Runner() as runner:
        pool = Counting(size=1, mode="auto")
        runner.run(pool.__aenter__())
        runner.run(told(pool, body, ends_of_events(body), Gathering(0), False, of))
        ran = 0
        runner.run(told(pool, body, ends_of_events(body), Gathering(0), False, of))
        runner.run(pool.__aexit__(None, None, None))
    assert 1 <= ran <= 5
