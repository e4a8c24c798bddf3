"""Plain paths, walked in Python, answer as jq does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.jq.pool import WorkerPool
from agentos_runtime.jq.program import PathError, plain_path, walk
from agentos_runtime.jsontext import Json
from tests.jq.support import evaluate, open_pool, with_pool
from tests.sizes import examples

names = st.sampled_from(["a", "b", "and", "if", "reduce", "__loc__", "not", "null", "import", "x_1"])
keys = names | st.text(max_size=4)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | keys
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3))
steps = st.one_of(
    names.map(lambda name: f".{name}"),
    keys.map(lambda key: f'["{key}"]'),
    keys.map(lambda key: f'."{key}"'),
    keys.map(lambda key: f'.["{key}"]'),
    st.integers(-4, 4).map(lambda index: f"[{index}]"),
    st.integers(-4, 4).map(lambda index: f".[{index}]"),
    st.sampled_from(
        ["?", ".", "..", "[]", "[1.5]", "[00]", "[-0]", ' ."a"', "[ 0 ]", "[999999999]", "[9999999999]"]
    ),
)
sources = st.tuples(
    st.sampled_from(["", ".", " .", ".a"]), st.lists(steps, max_size=4), st.sampled_from(["", "\n"])
).map(lambda parts: parts[0] + "".join(parts[1]) + parts[2])


def identical(one: Json, other: Json) -> bool:
    """Equal all the way down, where True is not 1; jq may write 3e16 without its exponent."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(identical(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(identical, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def fast(source: str, value: Json) -> tuple[str, Json]:
    steps = plain_path(source)
    assert steps is not None
    try:
        return "value", walk(steps, value)
    except PathError as error:
        return "fails", str(error)


async def by_jq(pool: WorkerPool, source: str, value: Json) -> tuple[str, Json]:
    outcome = await evaluate(pool, source, value)
    if outcome.failure:
        return "fails", outcome.failure.reason
    results = outcome.outputs[0]
    assert isinstance(results, list)
    assert len(results) == 1
    return "value", results[0]


@pytest.mark.slow
def test_python_and_jq_give_the_same_value_or_fail_with_the_same_words() -> None:
    with open_pool() as (run, pool):

        @settings(deadline=None, max_examples=examples(600))
        @given(values, sources.filter(lambda source: plain_path(source) is not None))
        def compare(value: Json, source: str) -> None:
            (said, one), (jq_said, other) = fast(source, value), run(by_jq(pool, source, value))
            assert said == jq_said
            assert identical(one, other)

        compare()


@pytest.mark.parametrize(
    ("source", "steps"),
    [
        (".", ()),
        (" .a\n", ("a",)),
        ('.a.b[0]["c d"]', ("a", "b", 0, "c d")),
        ('.a."b".[-1].["c"]', ("a", "b", -1, "c")),
        (".and.if", ("and", "if")),
        ('.["😀"]', ("😀",)),
    ],
)
def test_a_plain_path_is_recognised(source: str, steps: tuple[str | int, ...]) -> None:
    assert plain_path(source) == steps


@pytest.mark.parametrize(
    "source",
    ["", "a", ".a?", ".a[]", "..", ".a b", ".a|.b", '.["\\u0061"]', '."\\(1)"', ".[1.5]", ".[1:2]", ".a # x", ".é",
     ".[9999999999]", '.["\ufffd"]', '.["a\nb"]', "$params.a", ".a.", ". .a", "[0]", '["a"]'],
)  # fmt: skip
def test_what_is_not_certainly_a_path_is_left_to_jq(source: str) -> None:
    assert plain_path(source) is None


def test_integers_of_any_size_are_exact_on_both_roads() -> None:
    number = 12345678901234567891234567890
    value: Json = {"id": number}
    assert fast(".id", value) == with_pool(lambda pool: by_jq(pool, ".id", value)) == ("value", number)
