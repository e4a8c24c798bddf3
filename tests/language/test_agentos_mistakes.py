"""Mistakes in skill files of AgentOS: told at their character, and taken for what they concern only."""

from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.house import house

HEAD = "---\nid: here\nname: Here\ndescription: A toy\n"
GRAPH = """api: {graphql_endpoint: https://toy.example/graphql}
operations:
  issue.list:
    description: List
    returns: "issue[]"
    params: {team: {type: string}}
    graphql:
      query: |
        query Q($team: String!, $first: Int = 5) {
          issues(team: $team, first: $first) { id }
        }
      variables: {team: .params.team}
      response: {root: /data/issues}
  issue.get: {description: One, returns: issue, rest: {url: https://toy.example/one}}
"""


def problems(folder: Path, text: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What is told of a file, and how the skill is shown."""
    skills = folder / "skills"
    skills.mkdir(parents=True)
    (skills / "here.md").write_text(f"{HEAD}{text}---\n")
    with house(folder, environ={}) as served:
        shown = served.client.get("/api/skills/here").json()
    return shown.get("problems", []), shown


def place(text: str, at: str) -> tuple[int, int]:
    whole = HEAD + text
    before = whole[: whole.index(at)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def test_a_good_query_is_no_problem(tmp_path: Path) -> None:
    found, shown = problems(tmp_path, GRAPH)
    assert found == []
    assert list(shown["utilities"]) == ["issue.list", "issue.get"]


@pytest.mark.parametrize(
    ("change", "to", "at", "words"),
    [
        ("{ id }", "{ id ", "}\n      variables", "Expected Name"),
        ("issues(team: $team", "issues(team: $", "first: $first", "GraphQL"),
        ("{team: .params.team}", "{tame: .params.team}", "tame: .params", "$tame"),
        ("variables: {team: .params.team}", "variables: {first: 3}", "$team: String!", "$team"),
        ("query Q(", "subscription Q(", "subscription Q", "subscription"),
        ("        query Q", "        query A { a }\n        query Q", "query A", "2 operations"),
    ],
)
def test_a_query_is_checked_when_its_file_is_loaded(
    tmp_path: Path, change: str, to: str, at: str, words: str
) -> None:
    text = GRAPH.replace(change, to)
    found, shown = problems(tmp_path, text)
    assert list(shown["utilities"]) == ["issue.get"]
    assert any(words in each["message"] for each in found), found
    first = next(each for each in found if words in each["message"])
    line, _ = place(text, at)
    assert abs(first["line"] - line) <= 1


def test_names_that_are_the_same_without_dots_are_an_error(tmp_path: Path) -> None:
    text = (
        GRAPH + "utilities:\n  issue_get: {description: Other, returns: void, rest: {url: https://toy.example/o}}\n"
    )
    found, shown = problems(tmp_path, text)
    assert [(each["line"], each["column"]) for each in found] == [place(text, "issue_get")]
    assert "issue_get" in found[0]["message"]
    assert list(shown["utilities"]) == ["issue.list"]


def test_a_misspelt_key_at_the_top_is_told_and_kept(tmp_path: Path) -> None:
    text = GRAPH + "conections: {a: {base_url: https://toy.example}}\nx_mine: 1\n"
    found, shown = problems(tmp_path, text)
    assert [(each["severity"], each["line"]) for each in found] == [
        ("warning", place(text, "conections")[0]),
        ("warning", place(text, "x_mine")[0]),
    ]
    assert "connections" in found[0]["fix"]
    assert shown["x_mine"] == 1
    assert list(shown["utilities"]) == ["issue.list", "issue.get"]
