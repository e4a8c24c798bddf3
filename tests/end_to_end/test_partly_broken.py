"""One wrong utility leaves the others callable, when the skill can be understood without it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.house import House, house
from tests.toy.raw import Toy, answer_json

GOOD = "{description: Good, rest: {url: https://toy.test/good}}"
BAD = "{description: Bad, rest: {url: https://toy.test/bad, method: FETCH}}"
BAD_JQ = "{description: Bad, rest: {url: https://toy.test/bad, response: {transform: '.a |'}}}"


def manifest(bad: str, above: str = "", good: str = GOOD) -> str:
    utilities = f"utilities:\n  good: {good}\n  bad: {bad}\n"
    return f"---\nid: toy\nname: Toy\ndescription: A toy\n{above}{utilities}---\nA toy.\n"


def with_third(text: str) -> str:
    """The same and one more utility that is broken."""
    third = "  third: {description: Third, rest: {url: https://toy.test/third, method: NONE}}\n"
    return text.replace("---\nA toy", third + "---\nA toy")


@pytest.fixture
def toy() -> Iterator[Toy]:
    with Toy(answer_json({"said": 1})) as running:
        yield running


def served(tmp_path: Path, toy: Toy, text: str) -> Iterator[House]:
    (tmp_path / "skills").mkdir(exist_ok=True)
    (tmp_path / "skills" / "toy.md").write_text(text)
    with house(tmp_path, rewrite={"https://toy.test": toy.origin}) as running:
        yield running


def entry(house: House) -> Any:
    (found,) = house.client.get("/api/skills").json()["skills"]
    return found


@pytest.mark.parametrize(("bad", "column"), [(BAD, 69), (BAD_JQ, 87)], ids=["a wrong word", "wrong jq"])
def test_the_others_are_called_and_the_broken_one_says_where_its_mistake_is(
    tmp_path: Path, toy: Toy, bad: str, column: int
) -> None:
    for running in served(tmp_path, toy, manifest(bad)):
        assert running.call("toy", "good").json() == {"said": 1}
        refused = running.call("toy", "bad")
        assert (refused.status_code, refused.json()["code"]) == (503, "skill_broken")
        file = running.skills / "toy.md"
        assert (
            f"toy/bad cannot be called until its manifest is fixed: {file}:7:{column}:" in refused.json()["error"]
        )
        assert running.call("toy", "bed").json()["code"] == "unknown_utility"
        listed = entry(running)
        assert (listed["state"], listed["utilities"]) == ("ready", ["good"])
        (problem,) = listed["problems"]
        assert problem["line"] == 7
        assert len(toy.requests) == 1


@pytest.mark.parametrize(
    "above", ["auth: {type: apikey}\n", "api: {base_url: ftp://x}\n", "definitions: 'def a: ;'\n"]
)
def test_a_mistake_that_may_concern_all_keeps_all_from_being_called(tmp_path: Path, toy: Toy, above: str) -> None:
    for running in served(tmp_path, toy, manifest(BAD, above)):
        assert running.call("toy", "good").json()["code"] == "skill_broken"
        assert entry(running)["state"] == "broken"


def test_where_nothing_is_left_the_skill_is_broken(tmp_path: Path, toy: Toy) -> None:
    for running in served(tmp_path, toy, manifest(BAD, good=BAD)):
        assert running.call("toy", "good").json()["code"] == "skill_broken"
        assert entry(running)["state"] == "broken"


def test_a_whole_version_goes_on_serving_and_no_save_takes_a_utility_away(tmp_path: Path, toy: Toy) -> None:
    for running in served(tmp_path, toy, manifest(GOOD.replace("good", "bad"))):
        file = running.skills / "toy.md"
        file.write_text(manifest(BAD))
        while not entry(running).get("stale"):
            pass
        assert [running.call("toy", name).status_code for name in ("good", "bad")] == [200, 200]
        file.write_text(with_third(manifest(GOOD.replace("good", "bad"), good=GOOD.replace("/good", "/other"))))
        while "FETCH" in str(entry(running)["problems"]):
            pass
        assert running.call("toy", "good").status_code == 200
        assert toy.requests[-1].target == "/good"


def test_each_utility_that_is_mended_serves_although_another_is_still_broken(tmp_path: Path, toy: Toy) -> None:
    for running in served(tmp_path, toy, with_third(manifest(BAD))):
        assert entry(running)["utilities"] == ["good"]
        file = running.skills / "toy.md"
        file.write_text(with_third(manifest(GOOD)))
        while entry(running)["utilities"] != ["good", "bad"]:
            pass
        assert running.call("toy", "bad").status_code == 200
        file.write_text(with_third(manifest(BAD)))
        while not entry(running).get("stale"):
            pass
        assert [running.call("toy", name).status_code for name in ("good", "bad", "third")] == [200, 200, 503]
