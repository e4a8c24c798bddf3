"""Checking without the command line: one report over skills and their cases."""

import asyncio
from pathlib import Path

import pytest

from agentos_runtime.config.settings import Settings
from agentos_runtime.skills.checking import CheckReport, NotChecked
from agentos_runtime.skills.files import MOST_BYTES, SkillFile, SkillFolder
from agentos_runtime.testing.checking import check, check_files
from tests.testing.support import NOTES, READ, console


class Watched(SkillFolder):
    """A folder of skills that counts how often each of its files is read."""

    def read(self, file: Path, most: int = MOST_BYTES) -> bytes:
        self.reads[file.name] = self.reads.get(file.name, 0) + 1
        return super().read(file, most)

    @property
    def reads(self) -> dict[str, int]:
        counted: dict[str, int] = vars(self).setdefault("counted", {})
        return counted


def settings(folder: Path) -> Settings:
    served = {"AGENTOS_HOME": str(folder / "home"), "AGENTOS_SKILLS": str(folder), "AGENTOS_ONLY_SKILLS": "true"}
    return Settings.from_environ(served)


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def found(report: CheckReport) -> dict[str, list[tuple[str, int]]]:
    """The end of each file's path → severity and line of its problems."""
    return {
        "/".join(each.file.path.parts[-2:]): [(p.severity, p.place.position.line) for p in each.problems]
        for each in report.files
    }


def test_a_report_has_every_manifest_and_case_with_its_id_its_problems_and_their_number(tmp_path: Path) -> None:
    write(tmp_path / "notes/readme.md", NOTES.replace("name: Notes", "name: Notes\ncolour: red"))
    write(tmp_path / "notes/cases/read.yaml", READ)
    write(tmp_path / "notes/cases/wrong.yaml", READ.replace("utility: read", "utility: none"))
    write(
        tmp_path / "broken/readme.md", NOTES.replace("id: notes", "id: broken").replace(".params.lang", ".a | nope")
    )
    report = asyncio.run(check(settings(tmp_path)))
    assert found(report) == {
        "broken/readme.md": [("warning", 12), ("error", 16)],
        "notes/readme.md": [("warning", 4)],
        "cases/read.yaml": [],
        "cases/wrong.yaml": [("error", 2)],
    }
    assert (report.errors, report.warnings) == (2, 2)
    assert [(each.id, each.errors, each.warnings) for each in report.files] == [
        ("broken", 1, 1),
        ("notes", 0, 1),
        ("notes", 0, 0),
        ("notes", 1, 0),
    ]


def test_the_command_line_prints_the_very_report(tmp_path: Path) -> None:
    made = console(tmp_path)
    assert made.run("check", "--json").json == asyncio.run(check(Settings.from_environ(made.environ))).as_json()


def test_a_manifest_is_read_once_also_when_cases_stand_beside_it(tmp_path: Path) -> None:
    folder = Watched(tmp_path)
    readme = write(tmp_path / "notes/readme.md", NOTES)
    write(tmp_path / "notes/cases/read.yaml", READ)
    report = asyncio.run(check_files([SkillFile(folder, readme)]))
    assert (report.errors, folder.reads) == (0, {"readme.md": 1, "read.yaml": 1})


def test_the_second_file_of_an_id_is_wrong_and_paths_without_a_skill_are_refused(tmp_path: Path) -> None:
    first = write(tmp_path / "a/readme.md", NOTES)
    second = write(tmp_path / "b/readme.md", NOTES)
    (tmp_path / "empty").mkdir()
    report = asyncio.run(check(settings(tmp_path), [second.parent, first]))
    assert [(each.file.path, [p.message for p in each.problems]) for each in report.files] == [
        (second, []),
        (first, [f"The id notes is already taken by {second}"]),
    ]
    with pytest.raises(NotChecked, match=r"There is no skill file in .*empty"):
        asyncio.run(check(settings(tmp_path), [tmp_path / "empty"]))
