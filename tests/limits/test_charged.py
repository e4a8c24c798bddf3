"""What an answer says that it took is counted, whatever becomes of it."""

from pathlib import Path
from typing import Any

import pytest

from tests.limits.support import limited_house, write_skill
from tests.toy.raw import answer_json

SKILL = """\
---
id: works
name: Works
description: A service for tests
utilities:
  ask:
    description: Ask something
    rest: {method: POST, url: "https://toy.example/ask"}
  pages:
    description: A list
    returns: array
    rest:
      url: https://toy.example/pages
      paginate: {style: cursor, position: at, items: /rows, next: .next}
  work:
    description: A job
    rest:
      method: POST
      url: https://toy.example/work
      poll: {url: '"https://toy.example/work/1"', until: .done, interval: 0.1, deadline: 20}
  report:
    description: Tells another service what was used
    params: {model: {type: string}, id: {type: string}, usage: {type: object}}
    rest: {method: POST, url: "https://toy.example/report", body: .params}
  bytes:
    description: Bytes
    rest: {url: "https://toy.example/bytes", response: {raw: true}}
---
"""
USAGE = {"usage": {"input_tokens": 3, "output_tokens": 4, "cost": 0.25}}


def taken(folder: Path, utility: str, answers: list[Any], params: Any = None) -> tuple[Any, ...]:
    """Outcome, tokens and cost of one call, and the code of the next one, which a budget of six tokens meets."""
    write_skill(folder / "skills", "https://toy.example", SKILL, "works.md")
    with limited_house(folder, *answers, limits={"default": {"tokens_per_day": 6}}) as (house, _):
        house.call("works", utility, params)
        row = house.rows()[0]
        after = house.call("works", utility, params).json()
        return row["outcome"], row["input_tokens"], row["output_tokens"], row["cost"], after.get("code")


@pytest.mark.parametrize("status", [400, 402, 429, 500])
def test_what_a_failure_says_that_it_took_is_counted(tmp_path: Path, status: int) -> None:
    failing = answer_json({"error": {"message": "cut off"}, **USAGE}, status)
    assert taken(tmp_path, "ask", [failing]) == ("error", 3, 4, 0.25, "budget_exceeded")


@pytest.mark.parametrize("answer", [answer_json({"ok": True}), answer_json({"usage": {"output_tokens": 4}})])
def test_what_a_caller_says_of_usage_is_counted_for_nothing(tmp_path: Path, answer: Any) -> None:
    write_skill(tmp_path / "skills", "https://toy.example", SKILL, "works.md")
    with limited_house(tmp_path, answer, limits={"default": {"calls_per_minute": 1}}) as (house, _):
        told = {"model": "one", "id": "gen-made-up", **USAGE}
        codes = [house.call("works", "report", told).json().get("code") for _ in range(2)]
        rows = house.rows()
    assert codes == [None, "rate_limited"]
    names = ("model", "generation_id", "input_tokens", "cost")
    assert [tuple(row[name] for name in names) for row in rows] == [("one", None, None, None)] * 2


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_a_list_is_counted_with_what_all_of_its_pages_took(tmp_path: Path, streamed: bool) -> None:
    pages = [answer_json({"rows": [1], "next": "2", **USAGE}), answer_json({"rows": [2], **USAGE})]
    found = taken(tmp_path, "pages", pages, {"limit": 2, "stream": streamed})
    assert found == ("ok", 6, 8, 0.5, "budget_exceeded")


def test_a_list_that_breaks_off_is_counted_with_the_pages_that_came(tmp_path: Path) -> None:
    pages = [answer_json({"rows": [1], "next": "2", **USAGE}), answer_json({"error": "no", **USAGE}, 500)]
    assert taken(tmp_path, "pages", pages, {"limit": 2}) == ("error", 6, 8, 0.5, "budget_exceeded")


@pytest.mark.parametrize("told", [0, 1, 2], ids=["when it was accepted", "at a look", "at its end"])
def test_a_job_is_counted_once_with_what_it_says_at_any_time(tmp_path: Path, told: int) -> None:
    said: list[dict[str, Any]] = [{"id": "job-1"}, {"done": False}, {"done": True}]
    answers = [answer_json(each | USAGE if at == told else each) for at, each in enumerate(said)]
    assert taken(tmp_path, "work", answers) == ("ok", 3, 4, 0.25, "budget_exceeded")


def test_a_job_that_is_not_waited_for_is_counted(tmp_path: Path) -> None:
    found = taken(tmp_path, "work", [answer_json({"id": "job-1", **USAGE})], {"wait": False})
    assert found == ("ok", 3, 4, 0.25, "budget_exceeded")


def test_json_that_is_handed_on_as_bytes_is_counted(tmp_path: Path) -> None:
    assert taken(tmp_path, "bytes", [answer_json(USAGE)]) == ("ok", 3, 4, 0.25, "budget_exceeded")


@pytest.mark.parametrize("cost", ["0.25", "2.5e-1", 0.25])
def test_numbers_that_a_service_writes_as_texts_are_counted(tmp_path: Path, cost: Any) -> None:
    usage = {"prompt_tokens": "3", "completion_tokens": "4", "cost": cost}
    assert taken(tmp_path, "ask", [answer_json({"usage": usage})]) == ("ok", 3, 4, 0.25, "budget_exceeded")


@pytest.mark.parametrize(
    "text", ["", "-3", "1,5", "0x10", " 3", "NaN", "inf", "1e999", "9" * 17, "\u0663", "3 tokens"]
)
def test_a_text_that_is_no_number_counts_as_nothing(tmp_path: Path, text: str) -> None:
    usage = {"input_tokens": text, "output_tokens": 7, "cost": text}
    assert taken(tmp_path, "ask", [answer_json({"usage": usage})]) == ("ok", None, 7, None, "budget_exceeded")
