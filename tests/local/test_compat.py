"""`agentos compat`: a whole repository of skills, and what of it works here."""

import json
from pathlib import Path

import pytest

from agentos_runtime.cli.main import run

C = """---
id: tasks
name: Tasks
description: A toy
transformers: {task: {mapping: {id: .id}}}
operations:
  task.list: {description: List, returns: "task[]", rest: {url: https://toy.example/tasks}}
  task.native: {description: Native, returns: "task[]", swift: {script: x}}
utilities:
  rows: {description: Rows, returns: array, sql: {query: SELECT 1, database: ~/x.db}}
  chain: {description: Chain, returns: array, steps: [{id: a, command: {binary: echo}}]}
  web: {description: Chain, returns: object, steps: [{id: a, rest: {url: https://toy.example/one}}]}
---
"""
BROKEN = (
    C.replace("id: tasks", "id: broken")
    .replace("{id: .id}", "{id: .id | nope}")
    .replace("returns: array", "returns: 5")
)
OLD = "---\nid: old\nname: Old\ndescription: A toy\nactions:\n  list: {rest: {url: https://toy.example}}\n---\n"
OWN = "---\nid: own\nname: Own\ndescription: A toy\nutilities: {a: {description: A, rest: {url: https://toy.example}}}\n---\n"


def repository(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / "skills" / name).mkdir(parents=True)
        (folder / "skills" / name / "readme.md").write_text(text)
    return folder


def test_each_callable_is_ok_asks_or_says_why_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = repository(tmp_path / "repo", tasks=C, own=OWN, old=OLD)
    environ = {"AGENTOS_HOME": str(tmp_path / "home"), "HOME": str(tmp_path), "NO_COLOR": "1"}
    assert run(["compat", str(place), "--json"], environ) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["callables"] == {"ok": 3, "approval": 2, "unsupported": 2, "broken": 0}
    tasks = next(each for each in found["skills"] if each["id"] == "tasks")
    assert tasks["dialect"] == "C"
    assert {each["name"]: each["state"] for each in tasks["callables"]} == {
        "task.list": "ok", "rows": "approval", "chain": "approval", "web": "ok", "task.native": "unsupported",
    }  # fmt: skip
    assert [each["dialect"] for each in found["skills"]] == ["A", None, "C"]
    assert run(["compat", str(place / "skills")], environ) == 0
    shown = capsys.readouterr().out
    assert "swift" in shown
    assert "dialect A" in shown


def test_what_should_load_and_does_not_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = repository(tmp_path / "repo", tasks=C, broken=BROKEN)
    environ = {"AGENTOS_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}
    assert run(["compat", str(place), "--json"], environ) == 1
    found = json.loads(capsys.readouterr().out)
    broken = next(each for each in found["skills"] if each["id"] == "broken")
    assert not broken["loads"] or any(each["state"] == "broken" for each in broken["callables"])
    assert run(["compat", str(tmp_path / "home")], environ) != 0


def test_check_and_show_name_the_dialect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = repository(tmp_path / "repo", tasks=C)
    environ = {
        "AGENTOS_HOME": str(tmp_path / "home"),
        "HOME": str(tmp_path),
        "AGENTOS_SKILLS": str(place / "skills"),
    }
    assert run(["check", str(place / "skills")], environ) == 0
    assert "dialect C" in capsys.readouterr().out
    assert run(["show", "tasks"], environ) == 0
    shown = capsys.readouterr().out
    assert "dialect: C" in shown
    assert "swift" in shown
    assert run(["show", "tasks", "rows"], environ) == 0
    assert "sql of this machine" in capsys.readouterr().out
