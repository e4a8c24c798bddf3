"""Running cases without the command line: one report over those that pass, fail and cannot be run."""

import asyncio
from pathlib import Path

import pytest

from agentos_runtime.config.settings import Settings
from agentos_runtime.manifest.model import Skill
from agentos_runtime.skills.files import SkillFile
from agentos_runtime.testing import store
from agentos_runtime.testing.load import read_case
from agentos_runtime.testing.model import CaseFile
from agentos_runtime.testing.run import CasesReport, NotRun, run_cases
from agentos_runtime.testing.schema import CaseSchema
from tests.cli.console import Console
from tests.testing.support import CASES, NOTES, READ, WRITE, console


def run(made: Console, *skills: str) -> CasesReport:
    return asyncio.run(run_cases(Settings.from_environ(made.environ), skills))


def test_a_report_has_each_case_with_its_result_and_how_many_hold(tmp_path: Path) -> None:
    wrong = {"wrong": READ.replace("reply: {text: Hallo}", "reply: {text: Hello}"), "unreadable": "utility: [\n"}
    report = run(console(tmp_path, CASES | wrong))
    assert (report.passed, report.failed, report.without) == (len(CASES), 2, ())
    runs = {each.file.file.stem: each for each in report.runs}
    assert {name for name, each in runs.items() if not each.passed} == {*wrong}
    assert (runs["unreadable"].result, len(runs["unreadable"].file.problems)) == (None, 1)
    result = runs["wrong"].result
    assert result is not None
    assert [(each.path, each.expected, each.actual) for each in result.differences] == [
        ("reply.text", "Hello", "Hallo")
    ]


def test_only_the_skills_that_are_named_are_run_and_those_without_cases_are_told(tmp_path: Path) -> None:
    made = console(tmp_path, {"write": WRITE})
    made.write("bare/readme.md", NOTES.replace("id: notes", "id: bare"))
    assert [(each.file.skill, each.passed) for each in run(made, "notes", "bare").runs] == [("notes", True)]
    assert run(made, "notes", "bare").without == ("bare",)
    assert (run(made, "bare").runs, run(made).without) == ((), ())


def test_cases_of_skills_that_are_not_named_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = console(tmp_path, {"write": WRITE})
    made.write("other/readme.md", NOTES.replace("id: notes", "id: other"))
    made.write("other/cases/write.yaml", WRITE)
    read: list[str] = []

    def seen(file: SkillFile, skill: Skill, schema: CaseSchema) -> CaseFile:
        read.append(skill.id)
        return read_case(file, skill, schema)

    monkeypatch.setattr(store, "read_case", seen)
    assert [run(made, "notes").passed, *read] == [1, "notes"]
    assert run(made).passed == 2
    assert sorted(read) == ["notes", "notes", "other"]


def test_skills_that_are_not_there_or_broken_are_refused_and_the_home_is_not_made(tmp_path: Path) -> None:
    made = console(tmp_path)
    made.write("broken/readme.md", NOTES.replace("id: notes", "id: broken").replace("rest:", "rets:"))
    for name, why in (("note", "There is no skill 'note'.*notes"), ("broken", "agentos check .*broken/readme.md")):
        with pytest.raises(NotRun, match=why):
            run(made, name)
    assert not made.home.exists()


def test_the_command_line_prints_the_very_report(tmp_path: Path) -> None:
    made = console(tmp_path)
    shown, report = made.run("test", "--json").json, run(made).as_json()
    timed = [*shown["cases"], *report["cases"]]  # type: ignore[misc]
    assert all(case.pop("ms") >= 0 for case in timed)
    assert shown == report
