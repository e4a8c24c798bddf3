"""Anything in the place of anything in a skill file of AgentOS is told at a line, or kept."""

import json
import re
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentos_runtime.manifest.dialects.told import KEYS
from tests.language.test_agentos import C, D, E
from tests.language.test_agentos_mistakes import GRAPH, HEAD, TYPED
from tests.language.test_agentos_strangers import BARE, KINDS
from tests.local.test_programs import FRONT as PROGRAMS
from tests.local.test_sql import FRONT as SQL
from tests.manifest.loading import load_bytes
from tests.manifest.test_any_mistake import INTERNAL
from tests.reading import read_yaml
from tests.sizes import examples

Path = tuple[str | int, ...]


FILES = {
    "C": C, "D": D, "E": E, "bare": BARE, "kinds": KINDS,
    **{name: f"{HEAD}{text}---\n" for name, text in
       (("graph", GRAPH), ("typed", TYPED), ("programs", PROGRAMS), ("sql", SQL))},
}  # fmt: skip


@cache
def front(file: str) -> Any:
    return read_yaml(FILES[file].split("---")[1])


WRONG: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        [
            None, True, False, 0, -1, 1.5, 10**30, "", " ", "x", "/", ".", "..", ".params.", ".auth.key", "{{",
            "{{params.x}}", "{token}", "$x", "|", '"', "'", "def f: f; f", "https://toy.example/x", "http://[::1",
            "void", "array", "thing[]", "[]", "none", "\n", "é" * 300, [], {}, [None], [[]], [{}], {"": None},
            {"a": {}}, {"a": [1]}, ["a", {"b": "c"}],
        ]
    ),
    st.text(max_size=12),
)  # fmt: skip
NAMES = st.sampled_from(
    [
        "x",
        "",
        "a.b",
        "a..b",
        ".",
        "id",
        "rest",
        "__init__",
        "é",
        "A B",
        "0",
        "steps",
        "params",
        "_source",
        "thing[]",
    ]
)


def places(value: Any, path: Path = ()) -> list[Path]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, each in below for found in places(each, (*path, key)))]


def changed(value: Any, path: Path, wrong: Any, name: str | None) -> Any:
    """The same with something else in a place, or under another name."""
    if not path:
        return wrong
    key, *rest = path
    if isinstance(value, list):
        return [
            changed(each, tuple(rest), wrong, name) if index == key else each for index, each in enumerate(value)
        ]
    if not rest and name is not None:
        return {name if each == key else each: below for each, below in value.items()}
    return {
        each: changed(below, tuple(rest), wrong, name) if each == key else below for each, below in value.items()
    }


def callables(result: Any) -> set[str]:
    return {*result.skill.utilities, *result.skill.unavailable} if result.skill else set()


@pytest.mark.parametrize("file", FILES)
@given(data=st.data())
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[*HealthCheck])
def test_anything_anywhere_is_told_in_words_and_takes_its_own_callable_only(file: str, data: st.DataObject) -> None:
    whole = front(file)
    path = data.draw(st.sampled_from(places(whole)[1:]))
    name = data.draw(st.none() | NAMES) if isinstance(path[-1], str) else None
    text = "---\n" + json.dumps(changed(whole, path, data.draw(WRONG), name), indent=1) + "\n---\n"
    result = load_bytes(text.encode())
    problems = [*result.problems, *(result.skill.warnings if result.skill else ())]
    for problem in problems:
        said = f"{problem.message} {problem.fix or ''}"
        assert not INTERNAL.search(said), said
        assert 1 <= problem.place.position.line <= text.count("\n") + 1
        removed = re.search(r"Remove `?(\w+)", problem.fix or "")
        assert removed is None or removed[1] not in KEYS - {"id", "icon"}, said
    if path[0] in ("operations", "utilities") and len(path) > 1 and name is None and result.skill is not None:
        others = {each for section in ("operations", "utilities") for each in whole.get(section, {})} - {path[1]}
        assert others <= callables(result)
