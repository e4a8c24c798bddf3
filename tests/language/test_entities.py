"""Entities beside a folder of skills: served, used for types and for warnings, and never to refuse a reply."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.cli.main import run
from tests.end_to_end.house import house
from tests.toy.raw import Toy, answer

SKILL = """---
id: tasks
name: Tasks
description: A toy
transformers:
  task:
    mapping:
      id: .id
      title: .content
      due: .due
      flavour: .taste
      _private: .p
      data.any: .x
      parent: {task: {id: .parent}}
operations:
  task.list: {description: List, returns: "task[]", rest: {url: https://toy.example/tasks}}
  task.get: {description: One, returns: task, rest: {url: https://toy.example/task}}
  other.get: {description: One, returns: other, rest: {url: https://toy.example/other}}
---
"""
TASK = """id: task
plural: tasks
name: Task
extends: thing
properties:
  title: {type: string, description: What to do, required: true}
  due: {type: datetime}
  parent: {references: task}
---
id: link
is_relationship: true
from_type: task
"""
THING = "id: thing\nproperties: {tags: {type: array, items: {type: string}}, count: {type: integer}}\n"


def community(folder: Path) -> Path:
    (folder / "skills" / "tasks").mkdir(parents=True)
    (folder / "skills" / "tasks" / "readme.md").write_text(SKILL)
    (folder / "entities" / "deep").mkdir(parents=True)
    (folder / "entities" / "task.yaml").write_text(TASK)
    (folder / "entities" / "deep" / "thing.yml").write_text(THING)
    (folder / "entities" / "broken.yaml").write_text("id: [")
    (folder / "entities" / "link.yaml").symlink_to("/etc/hostname")
    return folder / "skills"


def test_entities_are_served_and_give_types_and_refuse_nothing(tmp_path: Path) -> None:
    skills = community(tmp_path)
    with (
        Toy(answer(body=b'[{"content": 5}]')) as toy,
        house(tmp_path, skills=skills, rewrite={"https://toy.example": toy.origin}, environ={}) as served,
    ):
        listed = served.client.get("/api/entities").json()["entities"]
        assert [each["id"] for each in listed] == ["link", "task", "thing"]
        task: Any = served.client.get("/api/entities/task").json()
        assert list(task["properties"]) == ["tags", "count", "title", "due", "parent"]
        missing = served.client.get("/api/entities/tusk")
        assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
        assert "task" in missing.json()["error"]
        shown = served.client.get("/api/skills/tasks").json()["utilities"]
        item = shown["task.list"]["returns"]["items"]
        assert item["properties"]["due"] == {"type": ["string", "null"], "format": "date-time"}
        assert item["properties"]["tags"] == {"type": ["array", "null"], "items": {"type": ["string", "null"]}}
        assert shown["task.get"]["returns"]["title"] == "task"
        assert shown["other.get"]["returns"] == {"type": ["object", "null"], "title": "other"}
        assert served.call("tasks", "task.list").json()[0]["title"] == 5


def test_check_warns_of_fields_that_an_entity_has_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    skills = community(tmp_path)
    environ = {"AGENTOS_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}
    assert run(["check", str(skills), "--json"], environ) == 0
    found = json.loads(capsys.readouterr().out)["files"][0]["problems"]
    line = SKILL[: SKILL.index("flavour")].count("\n") + 1
    assert [(each["severity"], each["line"]) for each in found] == [("warning", line)]
    assert "flavour" in found[0]["message"]
    assert run(["check", str(skills / "tasks"), "--json"], environ) == 0
    assert len(json.loads(capsys.readouterr().out)["files"][0]["problems"]) == 1
