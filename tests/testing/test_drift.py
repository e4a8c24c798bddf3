"""`agentos drift`: every change of shape is found, and nothing that is none."""

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.cli.console import Console
from tests.reading import as_yaml, read_yaml
from tests.testing.support import CASES, NOTES, READ, console
from tests.toy.raw import Toy, answer, answer_json

SKILL = """\
---
id: zoo
name: Zoo
description: Animals
utilities:
  animals:
    description: All animals
    returns: {total: integer, animals: array}
    rest: {url: "https://zoo.example/animals", response: {mapping: {total: .total, animals: .animals}}}
---
"""
BEFORE: dict[str, Any] = {
    "total": 2,
    "keeper": {"name": "Ada", "phone": None, "shifts": [1, 2]},
    "open": True,
    "ratio": 1,
    "animals": [
        {"id": "a1", "name": "Rex", "legs": 4, "parents": [{"id": "p"}], "chip": "x"},
        {"id": "a2", "name": "Tweety", "legs": 2, "parents": []},
    ],
}
CASE = {
    "description": "All",
    "utility": "animals",
    "live": True,
    "request": {"method": "GET", "url": "https://zoo.example/animals"},
    "response": {"body": BEFORE},
    "reply": {"total": BEFORE["total"], "animals": BEFORE["animals"]},
}


def changed(**to: Any) -> dict[str, Any]:
    """The answer with what stands at `a__b` replaced, or taken out where that is `...`; `0` is each of a list."""
    made = copy.deepcopy(BEFORE)
    for path, value in to.items():
        _put(made, path.split("__"), value)
    return made


def _put(owner: Any, steps: list[str], value: Any) -> None:
    if steps[0] == "each":
        for item in owner:
            _put(item, steps[1:], value)
    elif len(steps) > 1:
        _put(owner[steps[0]], steps[1:], value)
    elif value is ...:
        owner.pop(steps[0])
    else:
        owner[steps[0]] = value


DRIFTS: dict[str, tuple[dict[str, Any], str]] = {
    "1": (changed(total=...), "response.total is gone"),
    "2": (changed(total="2"), "response.total was number, is string"),
    "3": (changed(keeper=...), "response.keeper is gone"),
    "4": (changed(keeper__name=...), "response.keeper.name is gone"),
    "5": (changed(keeper="Ada"), "response.keeper was object, is string"),
    "6": (changed(keeper__name=7), "response.keeper.name was string, is number"),
    "7": (changed(keeper__shifts="1,2"), "response.keeper.shifts was array, is string"),
    "8": (changed(keeper__shifts=["1"]), "response.keeper.shifts[] was number, is string"),
    "9": (changed(open="yes"), "response.open was boolean, is string"),
    "10": (changed(open=1), "response.open was boolean, is number"),
    "11": (changed(open=...), "response.open is gone"),
    "12": (changed(ratio=True), "response.ratio was number, is boolean"),
    "13": (changed(animals={}), "response.animals was array, is object"),
    "14": (changed(animals=...), "response.animals is gone"),
    "15": (changed(animals__each__id=...), "response.animals[].id is gone"),
    "16": (changed(animals__each__legs="4"), "response.animals[].legs was number, is string"),
    "17": (changed(animals__each__name=["Rex"]), "response.animals[].name was string, is array"),
    "18": (changed(animals=[["a1"]]), "response.animals[] was object, is array"),
    "19": (changed(ratio="one"), "response.ratio was number, is string"),
    "20": (
        changed(total=2.5),
        "the call fails: The reply does not match what utilities.animals says it returns: total",
    ),
}
NO_DRIFTS: dict[str, dict[str, Any]] = {
    "other values": changed(total=9, keeper__name="Bob", open=False),
    "new fields": changed(more=[1], keeper__age=40),
    "known at last": changed(keeper__phone="123"),
    "nothing there": changed(animals=[]),
    "more of a list": changed(animals=[*BEFORE["animals"], BEFORE["animals"][1]]),
    "not all have it": changed(animals=[BEFORE["animals"][1]]),
    "a fraction": changed(ratio=1.5),
    "null": changed(keeper__name=None),
}


@pytest.fixture
def zoo(tmp_path: Path) -> Console:
    made = Console(tmp_path / "home", tmp_path / "skills")
    made.write("zoo/readme.md", SKILL)
    made.write("zoo/cases/all.yaml", as_yaml(CASE))
    return made


def drifted(made: Console, now: Any, *options: str) -> tuple[int, list[str], Any]:
    with Toy(answer_json(now)) as toy:
        done = made.run("drift", *options, "--json", AGENTOS_REWRITE=f"https://zoo.example={toy.origin}")
    [case] = done.json["cases"]
    return done.code, [f"{each['path']} {each['what']}" for each in case["changes"]], case


@pytest.mark.parametrize("number", DRIFTS)
def test_a_change_of_shape_is_found_where_it_is(zoo: Console, number: str) -> None:
    now, said = DRIFTS[number]
    code, found, case = drifted(zoo, now)
    assert (code, case["state"]) == (1, "drifted")
    assert found[0].startswith(said)
    place = next(name for name in BEFORE if name in said.replace("animals says", ""))
    assert all(place in each for each in found), found


@pytest.mark.parametrize("name", NO_DRIFTS)
def test_what_is_new_or_only_another_value_is_no_drift(zoo: Console, name: str) -> None:
    assert drifted(zoo, NO_DRIFTS[name])[:2] == (0, [])


def test_an_update_writes_the_case_anew_so_that_it_passes(zoo: Console) -> None:
    now = changed(keeper__name=..., total=7)
    code, _, case = drifted(zoo, now, "--update")
    assert (code, case["updated"]) == (1, True)
    written = read_yaml((zoo.skills / "zoo/cases/all.yaml").read_text(encoding="utf-8"))
    assert (written["description"], written["live"], written["response"]) == ("All", True, {"body": now})
    assert zoo.run("test", "zoo").code == 0
    assert drifted(zoo, now)[:2] == (0, [])


def test_an_answer_that_does_not_come_is_told_apart_from_drift(zoo: Console) -> None:
    with Toy(answer(500, b"{}")) as toy:
        done = zoo.run("drift", "--json", AGENTOS_REWRITE=f"https://zoo.example={toy.origin}")
    assert (done.code, done.json["failed"], done.json["drifted"]) == (1, 1, 0)
    nowhere = zoo.run("drift", AGENTOS_REWRITE=f"https://zoo.example={toy.origin}")
    assert (nowhere.code, "0 same, 0 drifted, 1 failed" in nowhere.out) == (1, True)


def test_only_cases_that_say_so_are_called_and_never_what_writes(tmp_path: Path) -> None:
    made = console(tmp_path, CASES)
    made.environ["NOTES_API_KEY"] = "k"
    with Toy(answer_json({"body": "Hallo"})) as toy:
        to = {"AGENTOS_REWRITE": f"https://notes.example={toy.origin}"}
        nothing = made.run("drift", **to)
        assert (nothing.code, "No case may be called" in nothing.out, toy.requests) == (0, True, [])
        reads = made.run("drift", "--all-reads", "--json", **to).json["cases"]
        assert [(each["case"], each["state"]) for each in reads] == [("read", "same")]
        made.write("notes/cases/read.yaml", READ + "live: true\n")
        assert made.run("drift", "notes", **to).code == 0
        assert {request.method for request in toy.requests} == {"GET"}
    assert made.run("drift", "note").code == 1
    assert "live: true" not in NOTES
