"""`agentos check` and its carets; `agentos new`."""

from itertools import pairwise
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_runtime.cli.terminal.carets import render, underline
from agentos_runtime.cli.terminal.output import width
from agentos_runtime.diagnostics import Place, Position, Problem
from agentos_runtime.manifest.secrets.excerpts import source_lines
from tests.cli.console import Console

HEAD = """\
---
id: wrong
name: Wrong
description: A skill with mistakes
utilities:
  go:
    description: Go
    params: {q: {type: string}}
    rest:
      url: https://example.com/
      headers: {X-Q: .params.q}
"""


def pointed_at(out: str) -> list[str]:
    """What stands above the carets of each problem."""
    lines = out.splitlines()
    found = []
    for above, line in pairwise(lines):
        if line.strip(" |") and not line.strip(" |^"):
            start, end = line.index("^"), line.rindex("^") + 1
            found.append(above[start:end])
    return found


SCALARS = {
    "plain": ("      query: {a: .params.q | nope}", "nope"),
    "single-quoted": ("      query: {a: '.params.q | \"it''s\" + nope'}", "nope"),
    "double-quoted": ('      query: {a: ".params.q | \\"\\u00e9\\" + nope"}', "nope"),
    "literal block": ("      response:\n        transform: |\n          .a\n          | nope", "nope"),
    "folded block": ("      response:\n        transform: >-\n          .a\n          | nope", "nope"),
    "wide characters": ("      query: {a: '\"日本\" + .params.q | nope'}", "nope"),
    "a syntax error": ("      query: {a: '.params.q | | 1'}", "|"),
    "a wrong key": ("      respnse: {root: /a}", "respnse"),
    "a wrong type": ("      timeout: soon", "soon"),
}


@pytest.mark.parametrize("text", SCALARS)
def test_the_caret_stands_under_the_very_characters(console: Console, text: str) -> None:
    manifest, wrong = SCALARS[text]
    file = console.write("wrong.md", f"{HEAD}{manifest}\n---\n")
    done = console.run("check", file)
    assert done.code == 1
    shown = done.out.replace("日本", "____")
    assert pointed_at(shown) == [wrong], done.out
    assert done.out.startswith(f"{file}:")
    assert done.out.endswith("1 error, 0 warnings in 1 file\n")


def test_all_problems_of_all_files_are_shown_with_their_fixes_and_as_json(console: Console) -> None:
    console.write("wrong.md", f"{HEAD}      respnse: {{root: /a}}\n      timeout: soon\n---\n")
    console.write("other.md", HEAD + "---\n")
    done = console.run("check")
    assert done.code == 1
    assert "Did you mean `response`?" in done.out
    assert "The id wrong is already taken by" in done.out
    found = console.run("check", "--json").json
    by_file = {Path(file["file"]).name: file for file in found["files"]}
    assert (found["errors"], {name: file["ok"] for name, file in by_file.items()}) == (
        3,
        {"other.md": True, "wrong.md": False, "readme.md": True},
    )
    problem = next(each for each in by_file["wrong.md"]["problems"] if "respnse" in each["message"])
    assert (problem["line"], problem["column"], problem["length"], problem["severity"]) == (12, 7, 7, "error")


def test_warnings_fail_only_when_strict(console: Console) -> None:
    file = console.write("fine.md", HEAD.replace("id:", "colour: red\nid:") + "---\n")
    done = console.run("check", file, "--json")
    assert (done.code, done.json["warnings"]) == (0, 1)
    assert console.run("check", file, "--strict").code == 1


def test_what_is_no_skill_and_what_is_not_there_is_said(console: Console, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert console.run("check", tmp_path / "empty").code == 1
    assert console.run("check", tmp_path / "missing").code == 2
    console.write("bytes.md", "").write_bytes(b"\xff\xfe\x00")
    assert console.run("check", console.skills / "bytes.md").code == 1


def test_a_new_skill_passes_the_check_and_is_never_written_over(console: Console) -> None:
    url = "https://api.example.com/search?q=cats&page-size=10&no=yes"
    done = console.run("new", "my-api", "--url", url)
    file = console.skills / "my-api/readme.md"
    assert (done.code, done.out.splitlines()[1:]) == (
        0,
        [f"  agentos check {file}", "  agentos call my-api search --dry-run", "  agentos call my-api search"],
    )
    for line in done.out.splitlines()[1:3]:
        ran = console.run(*line.split()[1:], *(["--strict"] if "check" in line else []))
        assert ran.code == 0, ran.out + ran.err
    assert ran.out.splitlines()[0] == f"GET {url}"
    file.write_text("mine")
    again = console.run("new", "my-api")
    assert (again.code, file.read_text()) == (1, "mine")
    assert "stays as it is" in again.err


NEW = "https://api.example.com/v1/repos/{owner}/{repo}/issues/12?state=open&per_page=5"


def test_a_new_skill_has_path_params_types_a_name_and_a_test(console: Console) -> None:
    assert "two addresses are given" in console.run("new", "my-api", NEW, "--url", NEW).err
    done = console.run("new", "my-api", NEW)
    assert done.out.splitlines()[-1] == "  agentos call my-api get_repo_issue owner=… repo=…", done.err
    assert console.run("check", console.skills / "my-api", "--strict").code == 0
    tested = console.run("test", "my-api")
    assert tested.code == 0, tested.out + tested.err
    asked = ("owner=me", "repo=mine", "issue_id=7", "--dry-run")
    sent = console.run("call", "my-api", "get_repo_issue", *asked).out
    assert sent.startswith("GET https://api.example.com/v1/repos/me/mine/issues/7?state=open&per_page=5\n")
    text = (console.skills / "my-api/readme.md").read_text()
    assert "per_page: {type: integer, default: 5" in text


def test_an_answer_becomes_mapping_and_returns(console: Console, tmp_path: Path) -> None:
    answer = tmp_path / "answer.json"
    answer.write_text('{"id": 7, "full name": "x", "tags": ["a"], "owner": {"login": "me"}, "gone": null}')
    done = console.run("new", "my-api", "--url", "https://api.example.com/me", "--answer", answer)
    assert done.code == 0, done.err
    assert console.run("check", console.skills / "my-api", "--strict").code == 0
    tested = console.run("test", "my-api")
    assert tested.code == 0, tested.out + tested.err
    text = (console.skills / "my-api/readme.md").read_text()
    assert 'returns: {id: integer, "full name": string, tags: array, owner: object, gone: any}' in text
    answer.write_text("<html>")
    refused = console.run("new", "other", "--url", "https://api.example.com/me", "--answer", answer)
    assert (refused.code, "no JSON" in refused.err) == (1, True)
    blanks = console.run("new", "other", "--url", NEW, "--try")
    assert (blanks.code, "--answer" in blanks.err) == (2, True)
    assert not (console.skills / "other").exists()


def test_a_new_skill_needs_a_good_id_and_a_whole_url(console: Console, tmp_path: Path) -> None:
    assert console.run("new", "My_API").code == 2
    assert console.run("new", "my-api", "--url", "example.com").code == 2
    elsewhere = console.run("new", "my-api", "--folder", tmp_path / "other")
    assert elsewhere.out.splitlines()[-1] == f"  agentos call my-api get_forecast --skills {tmp_path / 'other'}"
    assert console.run("new", "my-api", "--folder", tmp_path / "other", "--json").code == 1


@given(st.text(max_size=300), st.integers(1, 310), st.integers(1, 60))
def test_carets_stand_within_the_shown_line_and_never_steer_the_terminal(
    line: str, column: int, length: int
) -> None:
    shown, carets = underline(line, column, length)
    assert carets.strip(" ") == "^" * carets.count("^") != ""
    assert width(carets) <= width(shown) + 1
    assert width(shown) <= 200
    assert all(char.isprintable() for char in shown)


def test_a_long_line_is_shown_around_its_caret() -> None:
    line = "a" * 300 + "WRONG" + "b" * 300
    problem = Problem("no", Place("key", Position("f.md", 1, 301)), length=5)
    assert pointed_at(click.unstyle(render(problem, source_lines(line.encode())))) == ["WRONG"]


def test_a_place_outside_of_the_file_is_still_told() -> None:
    problem = Problem("it is gone", Place("", Position("f.md", 9, 1)), fix="Put it back")
    assert [line.strip() for line in click.unstyle(render(problem, [])).splitlines()] == [
        "f.md:9:1: error: it is gone",
        "= fix: Put it back",
    ]
