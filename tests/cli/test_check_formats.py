"""`agentos check` for other programs: SARIF, GitHub's commands, and pre-commit, which names single files."""

import json
import os
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agentos_runtime.diagnostics import Place, Position, Problem
from agentos_runtime.skills.check_formats import sarif, workflow_commands
from agentos_runtime.skills.checking import CheckedFile, CheckReport
from agentos_runtime.skills.files import SkillFile, SkillFolder
from tests.cli.console import Console
from tests.cli.test_check import HEAD
from tests.docs.pages import ROOT
from tests.reading import read_yaml

SARIF = Draft202012Validator(json.loads((Path(__file__).parent / "sarif.schema.json").read_text()))
COMMAND = re.compile(r"::(?:error|warning) file=[^,:\n]*(?:,\w+=[^,:\n]*)*::[^\n\r]*")


def report(*problems: Problem) -> CheckReport:
    file = SkillFile(SkillFolder(Path("/s"), ()), Path("/s/a.md"))
    return CheckReport((CheckedFile(file, "a", problems),))


def problem(message: str, file: str = "/s/a.md", key: str = "", fix: str | None = None) -> Problem:
    return Problem(message, Place(key, Position(file, 3, 5)), fix, length=4)


@given(
    st.text(max_size=60),
    st.binary(min_size=1, max_size=30).map(lambda raw: os.fsdecode(raw.translate(None, b"\0/") or b"a")),
    st.text(max_size=20),
)
def test_whatever_a_problem_says_is_valid_sarif_and_one_line_for_github(message: str, name: str, key: str) -> None:
    found = report(problem(message, f"/s/{name}", key, message))
    log = sarif(found, Path("/s"))
    assert [error.message for error in SARIF.iter_errors(log)] == []
    [line] = workflow_commands(found, Path("/s"))
    assert COMMAND.fullmatch(line), line
    said = line.split("::", 2)[2].replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
    assert said == f"{message}. {message}" if message else said == message


def test_sarif_names_the_place_and_the_rule(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    file = console.write(
        "wr ong.md", f"{HEAD}      respnse: {{root: /a}}\n      query: {{a: '.params.q | nope'}}\n---\n"
    )
    monkeypatch.chdir(console.skills)
    done = console.run("check", file, "--format", "sarif")
    assert done.code == 1
    assert [error.message for error in SARIF.iter_errors(done.json)] == []
    [run] = done.json["runs"]
    found = [
        (
            each["ruleId"],
            each["level"],
            each["locations"][0]["physicalLocation"]["region"],
            unquote(each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]),
        )
        for each in run["results"]
    ]
    assert found == [
        ("manifest", "error", {"startLine": 12, "startColumn": 7, "endColumn": 14}, "wr ong.md"),
        ("jq", "error", {"startLine": 13, "startColumn": 31, "endColumn": 35}, "wr ong.md"),
    ]
    assert {each["id"] for each in run["tool"]["driver"]["rules"]} >= {"manifest", "jq"}
    assert run["results"][0]["message"]["text"] == "`respnse` is not a key of `rest`. Did you mean `response`?"


def test_github_is_told_in_commands(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    file = console.write("wr,ong.md", f"{HEAD}      respnse: {{root: /a}}\n---\n")
    monkeypatch.chdir(console.skills)
    done = console.run("check", file, "--format", "github")
    assert done.code == 1
    assert done.out.splitlines() == [
        "::error file=wr%2Cong.md,line=12,col=7,endColumn=14,title=agentos check%3A utilities.go.rest.respnse"
        "::`respnse` is not a key of `rest`. Did you mean `response`?",
        "1 error, 0 warnings in 1 file",
    ]


def test_json_is_what_it_was_and_no_secret_stands_in_any_form(console: Console) -> None:
    key = "sk-or-v1-" + "0123456789abcdef" * 2
    file = console.write("wrong.md", f"{HEAD}      respnse: {{root: /a}}\n---\n{key}\n")
    assert console.run("check", file, "--format", "json").json == console.run("check", file, "--json").json
    for form in ("text", "json", "sarif", "github"):
        done = console.run("check", file, "--format", form)
        assert (done.code, key in done.out) == (1, False)


def test_two_formats_at_once_are_refused(console: Console) -> None:
    done = console.run("check", "--json", "--format", "sarif")
    assert (done.code, "exclude each other" in done.err) == (2, True)


def test_a_case_or_a_part_stands_for_its_skill(console: Console) -> None:
    skill = console.write("wrong/readme.md", HEAD.replace("utilities:", "parts: [more.md]\nutilities:") + "---\n")
    part = console.write(
        "wrong/more.md",
        "---\nutilities:\n  more:\n    description: More\n    rest: {url: 'https://a.example'}\n---\n",
    )
    case = console.write("wrong/cases/go.yaml", "description: x\nutilty: go\n")
    done = console.run("check", skill, part, case, "--json")
    assert [Path(each["file"]).name for each in done.json["files"]] == ["readme.md", "go.yaml"]
    assert (done.json["files"][0]["problems"], done.json["errors"] > 0) == ([], True)
    alone = console.run("check", case, "--json")
    assert alone.json == console.run("check", skill.parent, "--json").json


def test_pre_commit_has_a_hook_that_takes_skills_parts_and_cases() -> None:
    [hook] = read_yaml((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert (hook["id"], hook["entry"], hook["language"]) == ("agentos-check", "agentos check", "python")
    takes = re.compile(hook["files"])
    names = (
        "skills/a/readme.md",
        "x/SKILL.md",
        "skills/a/cases/b.yaml",
        "skills/a.md",
        "README.md",
        "docs/a.md",
        "src/a.py",
    )
    assert [name for name in names if takes.search(name)] == [
        "skills/a/readme.md",
        "x/SKILL.md",
        "skills/a/cases/b.yaml",
        "skills/a.md",
    ]
