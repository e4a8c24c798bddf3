"""Compiled expressions give what jq gives, byte for byte, or nothing: compared with jq, run as a worker does."""

import ast
import asyncio
import itertools
import json
import re
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.jq.compiled.building import Builder
from agentos_runtime.jq.compiled.code import Code, code_of
from agentos_runtime.jq.compiled.engine import Engine, Refusal
from agentos_runtime.jq.compiled.errors import Beyond, JqError, Unsupported
from agentos_runtime.jq.compiled.functions.changing import without_keys
from agentos_runtime.jq.compiled.functions.meter import Meter
from agentos_runtime.jq.compiled.functions.table import FUNCTIONS, KEYED, OPERATORS, reachable
from agentos_runtime.jq.inputs import ProgramInput, Spelling
from agentos_runtime.jq.outcome import COMPILED
from agentos_runtime.jq.pool import Outcome, WorkerPool
from agentos_runtime.jq.program import Program, reply_program, request_program, stream_program, value_program
from agentos_runtime.jsontext import Json, dump, parse
from tests.jq.oracle import JqEnded, oracle
from tests.jq.random_programs import Maker
from tests.jq.random_syntax import SyntaxMaker
from tests.jq.support import evaluate, with_pool
from tests.security.support import environment_number

SEEDS = 10
COMPARISONS = environment_number("AGENTOS_TEST_COMPARISONS", 2000)
"""For each seed."""
VALUES = 40
"""For each program."""
ATTACKS: list[str] = json.loads(Path(__file__).with_name("attacks.json").read_text(encoding="utf-8"))


class Difference:
    """Compares one program in both ways, value by value."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.oracle = oracle()

    def of(self, program: Program, data: bytes) -> object:
        """What is different; None where nothing is, `unknown` where the compiled form or jq does not answer."""
        return self.of_each(program, [data])[0]

    def of_each(self, program: Program, inputs: Sequence[bytes]) -> list[object]:
        """What is different for each of the inputs."""
        found = [self._found(program, data) for data in inputs]
        asked = [data for data, got in zip(inputs, found, strict=True) if not isinstance(got, Beyond)]
        parts = [asked[at : at + VALUES] for at in range(0, len(asked), VALUES)]
        wanted = iter([outcome for part in parts for outcome in self._wanted(program, part)])
        return ["unknown" if isinstance(got, Beyond) else _difference(got, next(wanted)) for got in found]

    def _found(self, program: Program, data: bytes) -> Outcome | JqError | Beyond:
        try:
            return self.engine.answer(program, data)
        except (Beyond, JqError) as error:
            return error

    def _wanted(self, program: Program, inputs: Sequence[bytes]) -> list[Outcome | None]:
        """None where jq does not answer: then it is asked for each input alone."""
        try:
            return [*self.oracle.outcomes(program, inputs)]
        except JqEnded:
            if len(inputs) == 1:
                return [None]
            return [answer for data in inputs for answer in self._wanted(program, [data])]

    def compiles(self, program: Program) -> bool:
        return not isinstance(self.engine.code(program), Refusal)


def _difference(got: Outcome | JqError, wanted: Outcome | None) -> object:
    if wanted is None:
        return "unknown"
    if not isinstance(got, Outcome):
        return None if wanted.failure else ("fails, and jq does not", wanted.outputs)
    if wanted.failure is not None:
        return "jq fails", wanted.failure, got.outputs
    return None if dump(got.outputs) == dump(wanted.outputs) else ("differs", wanted.outputs, got.outputs)


def same(difference: Difference, program: Program, inputs: Sequence[bytes]) -> int:
    """Asserts that nothing is different; for how many of the inputs both have answered."""
    found = difference.of_each(program, inputs)
    other = [(data, what) for data, what in zip(inputs, found, strict=True) if what not in (None, "unknown")]
    assert other == [], program.parts.sources
    return found.count(None)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_programs_give_what_jq_gives(seed: int) -> None:
    maker, difference = Maker(seed), Difference()
    compared = 0
    while compared < COMPARISONS:
        program = value_program("", f"null as $v | {maker.program()}")
        if not difference.compiles(program):
            continue
        compared += same(difference, program, [dump({"body": maker.value()}) for _ in range(VALUES)])


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_programs_with_few_brackets_give_what_jq_gives(seed: int) -> None:
    maker, difference = SyntaxMaker(seed), Difference()
    compared = 0
    while compared < COMPARISONS // 10:
        program = value_program("", maker.program())
        if not difference.compiles(program):
            continue
        compared += same(difference, program, [f'{{"body":{maker.value()}}}'.encode() for _ in range(VALUES)])


ODD = {
    '"\\u0000"': '{"body":"a\\u0000b"}',
    ".": '{"body":[1.0,1e2,-0.0,0.10,12345678901234567890,1e15,123456789012345678.5]}',
    ". ": '{"body":[1.0,1e2,-0.0,0.10,1E400]}',
    ".  ": '{"body":[-0,0.0,1.50]}',
    "map(tojson)": '{"body":[1.0,1e2,-0.0,0.10,-0,1.5,1e17,"\\u007f"]}',
    "map(. + 0)": '{"body":[9007199254740991,9007199254740993,0.1]}',
    "map(. == 9007199254740993)": '{"body":[9007199254740992,9007199254740993]}',
    ".[0] == .[1]": '{"body":[0.1,0.10000000000000000001]}',
    ".[0] < .[1]": '{"body":["\\ud83d\\ude00","\\uffff"]}',
    "length": '{"body":"\\ud83d"}',
    "ltrimstr(1)": '{"body":"1"}',
    "1 == true, 1 == 1.0, [1] == [true]": '{"body":1}',
    "{a: 1, b: empty}": '{"body":1}',
    "[{a: (1, 2), b: 3}]": '{"body":1}',
    "first((\"a\", .b) // (.[] | 1)?)": '{"body":0}',
    "try first((\"a\", .b) // 1) catch 2": '{"body":0}',
    "[.[] | (.a, error)?]": '{"body":[{"a":1},{"a":2}]}',
    "[limit(3; repeat(1))]": '{"body":1}',
    "test(\"a\")": '{"body":"a"}',
    "now | type": '{"body":1}',
    "[.[] as [$a] ?// $a | $a]": '{"body":[[1]]}',
    "def f: if . > 3 then . else . + 1 | f end; f": '{"body":1}',
    "null | has(\"a\")": '{"body":1}',
    ".a.b |= 1": '{"body":{"a":"x"}}',
    ".[\"a\"]?, .[0]?": '{"body":"x"}',
    "$ENV, $ENV.PATH": '{"body":1}',
    "keys": '{"body":{"b":1,"a":{"z":1,"y":2},"a":3}}',
    "from_entries": '{"body":[{"name":"a","v":1},{"k":"b"}]}',
    "error(\"own words\")": '{"body":1}',
    "fromjson": '{"body":"nan"}',
    "fromjson ": '{"body":"[1.0, -0, 1e1000]"}',
    "@uri \"x=\\(.)\"": '{"body":"a b/é~"}',
    ".a.b?": '{"body":{"a":1}}',
    "[.a.b??, (.a.b)?, try .a.b]": '{"body":{"a":1}}',
    "[.[].a?]": '{"body":1}',
    "[.a[.b.c]?]": '{"body":{"a":[1],"b":2}}',
    "[.a[.b.c:]?]": '{"body":{"a":[1],"b":2}}',
    "[.a[(0, 1):(1, 2)]?]": '{"body":{"a":[1,2,3]}}',
    "[.a[(0, 1)]?]": '{"body":{"a":[1,2,3]}}',
    "1 + 2 as $x | $x * 10": '{"body":0}',
    "[.a // 5 as $x | [$x, .b]]": '{"body":{"a":1,"b":2}}',
    "[.a, .b == 2 as $x | $x]": '{"body":{"a":1,"b":2}}',
    ".a += 2 as $x | $x": '{"body":{"a":1}}',
    "5 as $value | 6 as $key | [{a: (1, 2), b: $value, c: $key}]": '{"body":0}',
    "[{b: 1, a: (1, 2), c: {b: (3, 4), d: .}}]": '{"body":0}',
    "[.[] == 0, (.[] < 1)]": '{"body":[1e-400,0.0,4.9E-324]}',
    ".[0] == .[1] ": '{"body":[4.9e-324,5e-324]}',
    "fromjson == 0": '{"body":"1e-400"}',
    "map(trim)": '{"body":["\\u00a0a\\u2003"," b\\u0085","\\u3000","\\u200bc"]}',
    "ltrim": '{"body":"\\u3000a"}',
    "rtrim": '{"body":"a\\u3000"}',
    "1 as $__loc__ | $__loc__": '{"body":0}',
    ".[0]": '{"body":["\\ud83d\\\\\\ude00"]}',
    ".[1]": '{"body":["\\\\ud83d","\\ud83d\\ude00"]}',
}  # fmt: skip
"""Where jq and Python, or the two forms of a program, may see things in different ways."""


def test_what_is_odd_is_told_in_the_words_of_a_worker() -> None:
    """The same outcome, its failure included, whichever way a pool runs programs."""

    async def outcomes(pool: WorkerPool) -> list[tuple[object, ...]]:
        found = [await pool.run(value_program("", source), data.encode()) for source, data in ODD.items()]
        return [(outcome.outputs, dump(outcome.outputs), outcome.failure) for outcome in found]

    compiled = with_pool(outcomes, mode="auto")
    for source, one, other in zip(ODD, compiled, with_pool(outcomes), strict=True):
        assert one == other, source


SPELLED = (
    "1.0", "1.0000000000000000", "1e15", "1E15", "1e2", "1e21", "100000000000000000000", "0.1", "1.5", "-0.0", "-0",
    "0.10000000000000000001", "1e-7", "1e-400", "123456789012345.5", "7", '"1234567890123456"', '"-0"', '"\\u00e9"',
    '"' + "\\u0031" * 16 + '"', '{"\\u0031e15": 1.0}',
)  # fmt: skip


def test_values_give_what_a_worker_gives_for_them_however_they_were_spelled() -> None:
    """A call's values keep the text that they were read from; a worker would get them written anew."""
    engine, answered = Engine(), 0
    for source in (".", ".[0]", "map(type)", "map(. == 1)", "[.[] | tojson?]"):
        program = value_program("", source)
        for one, other in itertools.product(SPELLED, SPELLED):
            text = f'{{"body":[{one},{other}]}}'.encode()
            document = parse(text)
            given = ProgramInput(document, (Spelling(text),), partial(dump, document))
            try:
                found = engine.answer(program, given)
            except Beyond:
                continue
            answered += 1
            assert dump(found.outputs) == dump(oracle().outcome(program, dump(document)).outputs), (source, text)
    assert answered > 500


def test_every_kind_of_program_has_the_outputs_of_a_worker() -> None:
    definitions = "def name: .name // $params.name; def both(f): f, f;"
    programs: dict[Program, Json] = {
        request_program(definitions, [".params", "both(1)", "empty", "name", "$settings.s"]): {
            "params": {"name": "n"},
            "settings": {"s": 1},
            "auth": {},
        },
        reply_program(definitions, ".error", "[.items[] | name]", ["length", ".[0]", "both(.)"]): {
            "params": {"name": "n"},
            "whole": {"items": [{"name": 1}, {}]},
        },
        reply_program(definitions, None, "both(.)", ["length"]): {"params": {}, "whole": [1]},
        reply_program("", ".e", None, [".a"]): {"whole": {"e": 1, "a": 2}, "body": {"a": 3}},
        stream_program("", ".delta", ".error", ".end"): {"events": [{"delta": 1}, {"end": True}]},
        value_program("", "$response.status"): {"response": {"status": 200}, "body": None},
    }
    difference = Difference()
    found = [difference.of(program, dump(document)) for program, document in programs.items()]
    assert found == [None] * len(programs)


def test_what_can_be_is_compiled_at_once_and_what_cannot_be_says_why() -> None:
    async def ways(pool: WorkerPool) -> list[str]:
        one, other = value_program("", ".a"), value_program("", "test(.a)")
        return [(await pool.run(program, b'{"body":{"a":"a"}}')).way for program in (one, one, other, other)]

    assert with_pool(ways, mode="auto") == [COMPILED, COMPILED, "worker: test/1", "worker: test/1"]
    assert set(with_pool(ways, mode="worker")) == {"worker"}


def test_what_python_would_compile_for_long_while_nothing_else_runs_is_left_to_a_worker() -> None:
    fields = [f"{{a: .b[{number}], c: (.d // {number}), e: [.f[]? | .g]}}" for number in range(700)]

    whole, part = request_program("", fields), request_program("", fields[:100])
    assert Engine().code(whole) == Refusal("too large")
    assert isinstance(Engine().code(part), Code)

    given = dump({"params": {}, "settings": {}, "b": [*range(100)], "d": 5})

    async def outputs(pool: WorkerPool) -> list[Json]:
        return (await pool.run(whole, given)).outputs

    compiled = Engine().answer(part, given).outputs
    assert compiled == [[{"a": number, "c": 5, "e": []}] for number in range(100)]
    assert with_pool(outputs, mode="auto")[:100] == compiled


def test_python_compiles_a_program_in_pieces_between_which_others_run() -> None:
    heard: list[int] = []
    listening = [True]

    def hear(event: str, given: tuple[Any, ...]) -> None:
        if listening[0] and event == "compile" and given[1] == "<compiled jq>":
            heard.append(len(given[0]))

    sys.addaudithook(hear)  # it stays until the process ends
    fields = ", ".join(
        f"{key}: (.{key}.x // .{key}.y | if . then [.] else . end)" for key in map("k{}".format, range(30))
    )
    parts = "".join(f"def part{number}: {{{fields}, n: {number}}}; " for number in range(6))
    together = "[" + ", ".join(f"part{number}" for number in range(6)) + "]"
    code = Engine().code(value_program(parts, together))
    assert isinstance(code, Code)
    assert len(heard) >= 6
    assert max(heard) < len(code.source) / 4
    one = " | ".join(f"{{{fields}, n: {number}}}" for number in range(6))
    assert Engine().code(value_program("", one)) == Refusal("too large")  # it cannot be taken apart
    listening[0] = False


def test_a_callers_long_program_is_compiled_when_it_comes_again() -> None:
    short, long = (value_program("", f"[{', '.join(['.b // 12'] * times)}]") for times in (3, 60))

    async def ways(pool: WorkerPool) -> list[str]:
        asked = [
            (pool.run_of_caller, long),
            (pool.run_of_caller, long),
            (pool.run_of_caller, short),
            (pool.run, long),
        ]
        return [(await run(program, dump({"body": {}}))).way for run, program in asked]

    first, *later = with_pool(ways, mode="auto")
    assert first == "worker: it is long, and runs for the first time"
    assert set(later) == {COMPILED}


def test_programs_that_several_bring_at_once_are_compiled_by_one_thread() -> None:
    threads: set[int] = set()
    listening = [True]

    def hear(event: str, given: tuple[Any, ...]) -> None:
        if listening[0] and event == "compile" and given[1] == "<compiled jq>":
            threads.add(threading.get_ident())

    async def run(pool: WorkerPool) -> list[Json]:
        programs = [value_program("", f"[., {number}]") for number in range(8)]
        outcomes = await asyncio.gather(*(pool.run(program, dump({"body": 0})) for program in programs))
        return [outcome.outputs for outcome in outcomes]

    sys.addaudithook(hear)  # it stays until the process ends
    assert with_pool(run, mode="auto") == [[[[0, number]]] for number in range(8)]
    listening[0] = False
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


# ---------------------------------------------------------------------- what it may cost

TEXT = "ab" * 4000
LIST: list[Json] = list(range(4000))
MAP: dict[str, Json] = {f"k{number}": number for number in range(4000)}
TOUCHES_LITTLE = {
    "not",
    "type",
    "length",
    "has",
    "isnan",
    "isinfinite",
    "floor",
    "%",
    "*",
    "/",
    "startswith",
    "endswith",
}


PLENTY = 100_000
"""Units; who uses them up has been charged."""


def large_calls() -> Iterator[tuple[str, Any, tuple[Any, ...]]]:
    """Each function of the table with something large in each place of it."""
    for (name, count), function in FUNCTIONS.items():
        for value in (TEXT, json.dumps(LIST), LIST, [TEXT] * 200, [LIST] * 200, MAP):
            yield name, function, (value, *("a",) * count)
    for name, function in OPERATORS.items():
        for one, other in ((TEXT, TEXT), (LIST, LIST[::-1]), (MAP, MAP)):
            yield name, function, (one, other)
    for name, function in KEYED.items():
        yield name, function, (LIST, LIST)
        yield name, function, (LIST, [str(each) for each in LIST])


def test_an_object_without_some_keys_costs_all_of_them() -> None:
    meter = Meter(PLENTY, uncertain=False)
    assert without_keys(meter, MAP, ("k1",)) == {name: value for name, value in MAP.items() if name != "k1"}
    assert PLENTY - meter.left >= len(MAP)


def test_an_object_without_very_many_keys_takes_no_longer_than_one_without_some() -> None:
    data = ProgramInput.of(dump({"body": {f"k{number}": number for number in range(1000)}}))
    engine, times = Engine(), []
    for many in (4, 900):
        program = value_program("", f"del({','.join(f'.x{number}' for number in range(many))}) | length")
        assert engine.answer(program, data).outputs == [[1000]]
        begun = [(time.thread_time_ns(), engine.answer(program, data), time.thread_time_ns()) for _ in range(20)]
        times.append(min(ended - began for began, _, ended in begun))
    assert times[1] < 8 * times[0]


def test_whatever_touches_something_large_charges_for_it() -> None:
    free = []
    for name, function, args in large_calls():
        meter = Meter(PLENTY, uncertain=False)
        try:
            found = function(meter, *args)
        except (JqError, Beyond):
            continue
        if name not in TOUCHES_LITTLE and PLENTY - meter.left < 100 and found is not args[0]:
            free.append((name, type(args[0]).__name__, PLENTY - meter.left))
    assert free == []


DOUBLED = "|".join(["[., .]"] * 24)
TOO_MUCH: dict[str, Json] = {
    "[.[] as $a | .[] as $b | .[] as $c | 1]": LIST,
    "|".join(["(. + .)"] * 40): "abcdefgh",
    "|".join(["(. + .)"] * 39): [1, 2, 3],
    DOUBLED: 1,
    f"{DOUBLED} | tojson": 1,
    f"({DOUBLED}) as $a | ({DOUBLED}) == $a": 1,
    "reduce .[] as $i ({}; . + {(\"a\\($i)\"): $i})": LIST,
    ". as $b | reduce .[] as $i ($b; .k1 = $i)": MAP,
    ". as $b | [.[] | $b | del(.k1)] | length": MAP,
    ". as $b | [.[] | $b | del(.[] | select(. == 1))] | length": MAP,
    ". as $b | [.[] | $b | with_entries(.)] | length": MAP,
    ". as $b | [.[] | $b | keys] | length": MAP,
    ". as $t | [split(\"\")[] | $t | split(\"b\")] | length": TEXT,
    ". as $t | [split(\"\")[] | $t | ascii_upcase] | length": TEXT,
    ". as $t | [split(\"\")[] | $t | trim | @uri] | length": TEXT,
    ". as $t | [.[] | $t[1:]] | length": LIST,
    ". as $t | [.[] | $t | sort] | length": LIST,
    ". as $t | [.[] | $t - $t] | length": LIST,
    ". as $t | [.[] | $t | join(\",\")] | length": LIST,
    ". as $t | [.[] | IN($t[])] | length": LIST,
    ". as $t | [.[] | any($t[]; . < 0)] | length": LIST,
    "map([.]) | add | map([.]) | add": LIST,
    "[..|..|..|..] | length": [[[[LIST]]]],
    "def f(g): g | g; " + "f(" * 30 + "." + ")" * 30: 1,
    "".join(f"def f{n}: f{n - 1}, f{n - 1}; " if n else "def f0: .; " for n in range(30)) + "f29": 1,
    "|".join(['"\\(.)\\(.)"'] * 40): "abcdefgh",
    "[foreach .[] as $x ([]; . + [$x])] | length": LIST,
    ".[] |= [., .] | .[] |= [., .]": LIST,
}  # fmt: skip


@pytest.mark.parametrize("source", TOO_MUCH, ids=range(len(TOO_MUCH)))
def test_what_costs_too_much_is_given_up(source: str) -> None:
    engine = Engine()
    with pytest.raises(Beyond):
        engine.answer(value_program("", source), dump({"body": TOO_MUCH[source]}))


MAYBE_NOWHERE = (
    "(.a | objects) |= .", "(.a.b | objects | last) |= 1", "(.a | select(.x)) |= 1", "(.a | select(.x)).y = 1",
    "(.a | arrays)[0] = 1", "(.a | objects) += {x: 1}", "(.a.b | strings) //= \"x\"", "(.[0]? | objects) |= 1",
    "(.a | .b | select(.c) | .d) |= 5", "(.a[]? | objects) |= 1", "(if .x then .a else empty end) |= 1",
)  # fmt: skip


@pytest.mark.parametrize("source", MAYBE_NOWHERE)
def test_a_path_that_leads_nowhere_makes_no_key(source: str) -> None:
    difference = Difference()
    values: list[Json] = [
        {},
        {"a": None},
        {"a": {"b": 1}},
        {"a": {"b": {"c": 1}}},
        {"a": [{"x": 1}]},
        {"x": 1},
        None,
        [],
    ]
    for value in values:
        found = difference.of(value_program("", source), dump({"body": value}))
        assert found is None or found == "unknown", (value, found)


LITTLE = 100
"""Units; more than a small program with small values takes."""
COSTS: dict[str, Json] = {
    "def f(g): g | g; f(f(f(f(f(f(f(. + 1)))))))": 1,
    "def f: . + 1; [.[] | f] | length": LIST,
    "[.[]] | length": LIST,
    "[.[] | {}] | length": MAP,
    "keys | length": MAP,
    ". + . | length": LIST,
    'if type == "object" then . else {} end + {} | 1': MAP,
    ".": LIST,
}


@pytest.mark.parametrize("source", COSTS)
def test_every_way_to_cost_something_is_given_up_when_little_is_left(source: str) -> None:
    """In generated code, in the functions that it calls, and while the output is taken."""
    program, data = value_program("", source), dump({"body": COSTS[source]})
    assert Engine(budget=100_000).answer(program, data).failure is None
    with pytest.raises(Beyond):
        Engine(budget=LITTLE, time=0).answer(program, data)


def test_generated_code_stops_as_soon_as_nothing_is_left() -> None:
    code = code_of(Builder().generated("", ["def f(g): g | g; f(f(f(f(f(f(f(f(. + 1))))))))"], ()))
    code.meter.begin(LITTLE, lambda: False)
    with pytest.raises(Beyond):
        code.expressions[0](1)
    assert -LITTLE < code.meter.left < 0


@pytest.mark.parametrize(
    "source",
    ["def f: f; f", "[repeat(1)]", "last(range(1e15))", "[limit(9; repeat(1))]", "(" * 300 + "1" + ")" * 300,
     "|".join(["."] * 9000), "[" + ",".join(["{a: .}"] * 3000) + "]", "test(\"a\")", "input", "$__loc__", "now",
     "|".join(["(., .)"] * 90), "env", "@base32d", "limit(1; 2)", "label $a | break $a", "import \"a\" as a; 1"],
)  # fmt: skip
def test_what_is_endless_too_large_or_not_of_the_subset_is_not_compiled(source: str) -> None:
    with pytest.raises(Unsupported):
        Builder().generated("", [source], ())


def test_an_input_that_takes_long_to_parse_is_left_to_a_worker() -> None:
    with pytest.raises(Beyond):
        Engine().answer(value_program("", "1"), dump({"body": "x" * (1 << 17)}))


# ---------------------------------------------------------------------- what it can reach


def reached(source: str) -> set[str]:
    """The names that generated code uses without making them, its attributes, and imports."""
    tree = ast.parse(source)
    made = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    made |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    made |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - made
    attributes = {f".{node.attr}" for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    imports = {"import" for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)}
    changed = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    return used | attributes | imports | {name for name in changed if not OWN_VARIABLE.fullmatch(name)}


OWN_VARIABLE = re.compile(r"m[0-9]+|bound_(params|settings|response)")
OWN = re.compile(rf"f[0-9]+|bind|expressions|meter|{OWN_VARIABLE.pattern}")


ALLOWED = {*reachable(), "meter", ".left", ".more", ".append", ".get", ".__class__"} - {"__builtins__"}
CANARIES = (
    "__import__",
    "open",
    "eval",
    "os.system",
    "__builtins__",
    "meter",
    "reachable",
    "globals",
    "v1",
    "charge",
)


def canary_programs() -> Iterator[tuple[str, str]]:
    """Definitions and expressions in which names and texts try to become code."""
    for name in CANARIES:
        word = name.replace(".", "_")
        yield f"def {word}: 1; def f(${word}; {word}): ${word}, {word};", f"f(1; 2), {word}"
        yield "", f". as ${word} | {{${word}, \"{name}\": .{word}, (.a): \"'\\n{name}('''\"}}"
        yield "", f'. as {{{word}: ${word}}} | del(.{word}, .["{name}(1)"]) | .{word} |= ${word}'
        yield "", f'"\\u0027\\u0022\\n\\r{name}()\\u2028" == ., "{name}\\(.)" , IN("{name}", "\\u0027")'
    for attack in ATTACKS:
        yield attack, "."
        yield "", attack


@pytest.mark.slow
def test_generated_code_reaches_no_name_outside_of_its_table() -> None:
    maker = Maker(99)
    programs = [*canary_programs(), *(("", f"null as $v | {maker.program()}") for _ in range(2000))]
    compiled = 0
    for definitions, source in programs:
        try:
            code = code_of(Builder().generated(definitions, [source], ("params", "settings", "response")))
        except Unsupported:
            continue
        compiled += 1
        assert reached(code.source) <= ALLOWED, source
        known = code.bind.__globals__
        own = {name for name in known if OWN.fullmatch(name)}
        assert known.keys() - own == reachable().keys() == reachable().keys() - own
        assert known["__builtins__"] == {}
    assert compiled > 1000


@pytest.mark.slow
def test_no_attack_gets_anything_out_of_this_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    canary = "canary-5c0e11"
    monkeypatch.setenv("CANARY", canary)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d.json").write_text(f'"{canary}"')

    async def everything(pool: WorkerPool) -> str:
        outcomes: list[Outcome] = []
        for attack in ATTACKS:
            source = attack.replace("FOLDER", str(tmp_path))
            outcomes.append(await evaluate(pool, source))
            outcomes.append(await evaluate(pool, ".", None, source))
            outcomes.append(await pool.run(request_program("", ["1", source, "2"]), b"{}"))
        return repr(outcomes)

    assert canary not in with_pool(everything, mode="auto")


@pytest.mark.parametrize(
    "key",
    ["1", "null", "[]", "[0]", "[[-1], {}]", "{}", '{"a": [1]}', "1 + 1", "1 == 1", "-1", "[0] | .", ". | [1]"],
)
def test_a_key_that_jq_refuses_when_it_compiles_is_left_to_it(key: str) -> None:
    assert isinstance(Engine().code(value_program("", f"{{({key}): empty}}")), Refusal)
    assert isinstance(Engine().code(value_program("", '{(.): 1, ("a"): 2, (.a): 3}')), Code)
