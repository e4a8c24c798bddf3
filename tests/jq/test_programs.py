"""What the combined programs give, output by output."""

import pytest

from agentos_runtime import jsontext
from agentos_runtime.jq.pool import Limits, Outcome, WorkerPool
from agentos_runtime.jq.program import (
    Program,
    reply_program,
    request_program,
    stream_program,
    value_program,
)
from agentos_runtime.jsontext import Json
from tests.jq.support import LoopFactory, both_loops, evaluate, with_pool


def run(program: Program, value: Json, loop: LoopFactory | None = None) -> Outcome:
    async def use(pool: WorkerPool) -> Outcome:
        return await pool.run(program, jsontext.dump(value))

    return with_pool(use) if loop is None else with_pool(use, loop=loop)


@both_loops
def test_a_request_program_gives_the_list_of_results_of_every_source(loop: LoopFactory) -> None:
    program = request_program(
        "def twice: . * 2;", [".params.n | twice", "empty", "1, 2, 3", ".auth.key # the key\\"]
    )
    outcome = run(program, {"params": {"n": 21}, "settings": {}, "auth": {"key": "k"}}, loop)
    assert outcome == Outcome([[42], [], [1, 2], ["k"]], None)


def test_a_reply_program_gives_error_then_transform_then_the_mapping_over_its_result() -> None:
    program = reply_program(
        "def n: $params.n;", ".error", "{sum: (.a + n), s: $response.status}", [".sum", ".s", "length"]
    )
    value: Json = {"params": {"n": 2}, "response": {"status": 200}, "whole": {"data": 1}, "body": {"a": 40}}
    assert run(program, value).outputs == [[None], [{"sum": 42, "s": 200}], [42], [200], [2]]


@pytest.mark.parametrize("transform", ["empty", ".a, .a"])
def test_the_mapping_does_not_run_when_the_transform_does_not_give_exactly_one(transform: str) -> None:
    outcome = run(reply_program("", None, transform, [".x"]), {"whole": {"a": 1}})
    assert outcome.failure is None
    assert len(outcome.outputs) == 1


def test_a_mapping_without_a_transform_runs_over_the_body_and_the_whole_is_the_body_when_there_is_no_other() -> (
    None
):
    assert run(reply_program("", None, None, [".a", ".b"]), {"whole": {"a": 1}}).outputs == [[1], [None]]


def test_a_stream_program_gives_its_outputs_for_each_event_in_order() -> None:
    program = stream_program("", "select(.d).d", ".error", ".end")
    events: Json = [{"d": "a"}, {"error": "e"}, {"end": True}]
    outcome = run(program, {"events": events})
    assert program.outputs == 3
    assert outcome.outputs == [[None], ["a"], [None], ["e"], [], [None], [None], [], [True]]


def test_a_value_program_sees_the_body_and_the_bound_variables() -> None:
    program = value_program("", '{body: ., p: $params.p, s: $settings.s, r: $response.headers["x"]}')
    value: Json = {"params": {"p": 1}, "settings": {"s": 2}, "response": {"headers": {"x": 3}}, "body": [0]}
    assert run(program, value).outputs == [[{"body": [0], "p": 1, "s": 2, "r": 3}]]


def test_a_program_says_what_its_input_must_hold() -> None:
    assert reply_program("", ".error", ".a", []).needs == frozenset()
    assert value_program("def n: $params.n;", '"\\($response.status)"').needs == {"params", "response"}


def test_the_skills_definitions_cannot_replace_what_the_wrapper_uses() -> None:
    definitions = (
        "def tojson: 1; def length: 9; def has(f): error; def empty: 5; "
        "def _agentos_list(f): 7; def _agentos_body: 8;"
    )
    outcome = run(reply_program(definitions, None, ".a", [".", ". + 1"]), {"whole": {"a": 1}})
    assert outcome == Outcome([[1], [1], [2]], None)


def test_a_failure_names_its_output_and_keeps_what_came_before() -> None:
    outcome = run(request_program("", ["1", ".params.messages[]", "3"]), {"params": {"messages": None}})
    assert outcome.outputs == [[1]]
    assert outcome.failure is not None
    assert (outcome.failure.index, outcome.failure.kind) == (1, "error")
    assert outcome.failure.reason == "cannot iterate over null"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (".s.x", "cannot index a string with a name"),
        (".l.x", "cannot index an array with a name"),
        (".s[0]", "cannot index a string with a number"),
        (".s + .n", "a string and a number cannot be added"),
        (".n / 0", "a number and a number cannot be divided because the divisor is zero"),
        (".s | fromjson", "fromjson: the text is not JSON"),
        (".s | tonumber", "a string: cannot be parsed as a number"),
        (".o | test(\"a\")", "an object: cannot be matched, as it is not a string"),
        (".s | test(\"(\")", "a regular expression is not valid"),
        ("{(.n|tostring|tonumber): 1}", "cannot use a number as the key of an object"),
        (".s | split(1)", "split input and separator must be strings"),
        (".s | strptime(\"%Y\")", "the date does not match its format"),
        ("(.s | ascii_downcase) |= 1", "invalid path expression: only paths can be assigned to"),
        ("error(.s)", "failed"),
        ("error({s: .s})", "failed"),
        ("error", "failed"),
        ('error("canary \\(.n)")', "failed"),
        ('error("the author says so")', "the author says so"),
        ("infinite", "gives an infinite number"),
        ("[-infinite]", "gives an infinite number"),
    ],
)  # fmt: skip
def test_a_reason_says_what_went_wrong_without_a_word_of_the_data(source: str, reason: str) -> None:
    value: Json = {"s": "canary", "n": 74185296, "l": ["canary"], "o": {"canary": "canary"}}
    outcome = with_pool(lambda pool: evaluate(pool, source, value))
    assert outcome.failure is not None
    assert outcome.failure.reason == reason


@pytest.mark.parametrize("source", ["1e1000", "[1e400]", "reduce range(3000) as $i (1; [.])"])
def test_what_json_cannot_carry_is_refused(source: str) -> None:
    outcome = with_pool(lambda pool: evaluate(pool, f"{source}"))
    assert outcome.outputs == []
    assert outcome.failure is not None
    assert outcome.failure.reason.startswith("gives what JSON cannot carry")


def test_the_largest_number_passes_through_untouched() -> None:
    largest = 1.7976931348623157e308
    assert with_pool(lambda pool: evaluate(pool, ".", [largest, "1.7976931348623157e+308"])).outputs == [
        [[largest, "1.7976931348623157e+308"]]
    ]


def test_integers_stay_exact_through_fromjson_and_objects() -> None:
    value: Json = {"s": '{"id": 12345678901234567891}', "i": 2**80}
    assert with_pool(lambda pool: evaluate(pool, "[(.s | fromjson.id), .i]", value)).outputs == [
        [[12345678901234567891, 2**80]]
    ]


def test_half_a_surrogate_pair_in_the_data_does_not_fail_the_call() -> None:
    async def use(pool: WorkerPool) -> Outcome:
        return await pool.run(
            request_program("", [".params"]), b'{"params": ["\\ud83d", "\\\\ud83d", "\\ud83d\\ude00"]}'
        )

    assert with_pool(use).outputs == [[["\ufffd", "\\ud83d", "\U0001f600"]]]


@pytest.mark.slow
def test_results_above_the_bound_are_refused_and_large_ones_below_it_arrive() -> None:
    async def use(pool: WorkerPool) -> tuple[Outcome, Outcome]:
        text = "x" * 3_000_000
        return await evaluate(pool, "., .", text), await evaluate(pool, ".", text)

    large, fine = with_pool(use, limits=Limits(largest=4_000_000))
    assert large.failure is not None
    assert (large.failure.kind, large.failure.index) == ("limit", 0)
    assert fine.outputs == [["x" * 3_000_000]]
