"""`agentos import agentos`: a skill of the first dialects is written anew, and answers as its author meant."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.cli.main import run
from agentos_runtime.importers.agentos.mappings import jq_of
from agentos_runtime.importers.agentos.mustache import request_value
from agentos_runtime.importers.agentos.pipes import NotSaid
from tests.end_to_end.house import House, house
from tests.local.support import database
from tests.toy.raw import Toy, answer

A = """---
id: old-tasks
name: Old tasks
description: A toy in dialect A
icon: https://cdn.example/icon.svg
auth: {type: api_key, header: Authorization, prefix: "Bearer ", label: Key}
database: ~/notes.db
actions:
  list:
    operation: read
    label: List tasks
    params: {project: {type: string}, limit: {type: integer}}
    rest:
      url: https://toy.example/tasks
      query: {limit: "{{params.limit | default: 50}}", project: "{{params.project}}"}
      response:
        root: data.items
        mapping:
          id: "[].id"
          title: "[].content | trim"
          state: "[].done == true ? 'done' : 'open'"
          priority: "[].priority | invert:5"
          source: "'toy'"
          author: {name: "[].user.name", id: "[].user.id | to_string"}
          labels: {each: "[].tags", map: {name: ".name"}}
          count: "length([].tags)"
          days: "[].days | split:, "
          names: "[].tags[].name"
          code: "[].code | replace:/:-"
          none: "[].zero | nullif:0"
  close:
    operation: delete
    description: Close it
    params: {id: {type: string}, note: {type: string}}
    rest:
      method: POST
      url: "https://toy.example/tasks/{{params.id}}/close"
      body: {text: "Done: {{params.note}}", id: "{{params.id | to_int}}", at: "{{params.note}}"}
    response: {static: {success: true, id: "{{params.id}}"}}
  find:
    readonly: true
    description: Values of SQL are bound
    returns: array
    params: {q: {type: string}, limit: {type: integer, default: 1}}
    sql: {query: "SELECT title FROM notes WHERE title LIKE '%{{params.q}}%' ORDER BY id LIMIT {{params.limit}}"}
  free: {description: SQL of the caller, sql: {query: "{{params.sql | raw}}"}}
  chain: {description: Steps, rest: [{url: x, as: one}]}
  odd: {description: Unknown pipe, rest: {url: https://toy.example/o, query: {x: "{{params.x | sparkle}}"}}}
---
# Old tasks

Use it well.
"""
B = """---
id: old-links
name: Old links
description: A toy in dialect B
auth: none
adapters:
  link:
    terminology: Link
    mapping: {id: .id, url: .href, "data.score": ".score | to_int"}
operations:
  link.list:
    description: List
    returns: link[]
    params: {tag: {type: string}}
    rest: {url: https://toy.example/links, query: {t: "{{params.tag}}"}, response: {root: links}}
utilities:
  ping:
    description: Ping
    returns: {ok: boolean}
    rest: {method: POST, url: https://toy.example/ping, body: {a: "{{params.a | to_json}}"}}
---
"""
EARLY = {"tasks": A, "links": B}


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, Toy, dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("imported")
    skills = folder / "skills"
    database(folder / "notes.db")
    environ = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "AGENTOS_HOME": str(folder / "home"),
        "AGENTOS_SKILLS": str(skills), "AGENTOS_ONLY_SKILLS": "true", "OLD_TASKS_API_KEY": "sk-canary-0123456789",
    }  # fmt: skip
    said: dict[str, Any] = {}
    for name, text in EARLY.items():
        (folder / name).mkdir()
        (folder / name / "readme.md").write_text(text)
        with (folder / f"{name}.json").open("w") as out, contextlib.redirect_stdout(out):
            assert run(("import", "agentos", str(folder / name), "--json"), environ) == 0
        said[name] = json.loads((folder / f"{name}.json").read_text())
    with (
        Toy(answer()) as toy,
        house(folder, skills=skills, rewrite={"https://toy.example": toy.origin}, environ=environ) as served,
    ):
        assert run(("approve", "old-tasks", "--yes", "--json"), environ) == 0
        yield served, toy, said


def call(imported: tuple[House, Toy, dict[str, Any]], skill: str, name: str, params: Any, reply: Any) -> Any:
    served, toy, _ = imported
    toy.script = (answer(body=json.dumps(reply).encode()),)
    response = served.call(skill, name, params)
    assert response.status_code == 200, response.text
    return response.json()


def test_requests_and_replies_are_what_the_file_meant(imported: tuple[House, Toy, dict[str, Any]]) -> None:
    task = {
        "id": 1, "content": " Write ", "done": True, "priority": 4, "user": {"name": "ann", "id": 7},
        "tags": [{"name": "a"}, {"name": "b"}], "days": "mo,tu", "code": "a/b/c", "zero": 0,
    }  # fmt: skip
    reply = call(imported, "old-tasks", "list", {}, {"data": {"items": [task, {"id": 2}]}})
    assert reply[0] == {
        "id": 1, "title": "Write", "state": "done", "priority": 1, "source": "toy",
        "author": {"name": "ann", "id": "7"},
        "labels": [{"name": "a"}, {"name": "b"}], "count": 2, "days": ["mo", "tu"], "names": ["a", "b"],
        "code": "a-b-c", "none": None,
    }  # fmt: skip
    assert (reply[1]["state"], reply[1]["title"], reply[1]["labels"]) == ("open", None, [])
    _, toy, _ = imported
    assert toy.requests[-1].head.split()[1] == b"/tasks?limit=50"
    assert b"Bearer sk-canary-0123456789" in toy.requests[-1].head
    assert call(imported, "old-tasks", "close", {"id": "7", "note": 'a "b"'}, {}) == {
        "success": True,
        "id": "7",
    }


def test_what_a_param_holds_stays_a_value(imported: tuple[House, Toy, dict[str, Any]]) -> None:
    _, toy, _ = imported
    call(imported, "old-tasks", "close", {"id": "7", "note": '"}] | .auth'}, {})
    assert toy.requests[-1].head.split()[1] == b"/tasks/7/close"
    assert json.loads(toy.requests[-1].body) == {"text": 'Done: "}] | .auth', "id": 7, "at": '"}] | .auth'}
    rows = imported[0].call("old-tasks", "find", {"q": "' OR 1=1 --"}).json()
    assert rows == []
    assert imported[0].call("old-tasks", "find", {"q": "Note"}).json() == [{"title": "Note 1"}]


def test_adapters_become_transformers(imported: tuple[House, Toy, dict[str, Any]]) -> None:
    reply = call(
        imported, "old-links", "link.list", {"tag": "x y"}, {"links": [{"id": 1, "href": "u", "score": "3"}]}
    )
    assert reply == [{"id": 1, "url": "u", "data": {"score": 3}}]
    assert imported[1].requests[-1].head.split()[1] == b"/links?t=x%20y"
    assert imported[0].client.get("/api/skills/old-links").json()["dialect"] == "C"


def test_what_cannot_be_said_is_left_out_and_listed(imported: tuple[House, Toy, dict[str, Any]]) -> None:
    served, _, said = imported
    lost = {place: each["what"] for each in said["tasks"]["not_expressed"] for place in each["where"]}
    assert set(lost) == {"free", "chain", "odd", "https://cdn.example/icon.svg"}
    assert "`sparkle`" in lost["odd"]
    assert "`| raw`" in lost["free"]
    assert set(served.client.get("/api/skills/old-tasks").json()["utilities"]) == {"list", "close", "find"}


def test_files_that_load_and_skills_that_are_there_are_left_alone(
    imported: tuple[House, Toy, dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"AGENTOS_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}
    later = tmp_path / "later.md"
    later.write_text("---\nid: x\nname: X\ndescription: X\ntransformers: {}\noperations: {}\n---\n")
    assert run(("import", "agentos", str(later)), environ) == 1
    assert "loads as it is" in capsys.readouterr().err
    early = tmp_path / "early.md"
    early.write_text(B)
    assert run(("import", "agentos", str(early), "--id", "mine"), environ) == 0
    written = tmp_path / "home" / "skills" / "mine" / "readme.md"
    first = written.read_text()
    assert "id: mine" in first
    assert run(("import", "agentos", str(early), "--id", "mine"), environ) == 1
    assert "is there already" in capsys.readouterr().err
    assert written.read_text() == first


def test_what_checks_a_file_of_the_first_dialect_says_how_it_is_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "early.md").write_text(A)
    assert run(("check", str(tmp_path / "early.md")), {"AGENTOS_HOME": str(tmp_path / "home")}) == 1
    assert "agentos import agentos FILE" in capsys.readouterr().out


@pytest.mark.parametrize("written", ["a b", "'open", "x ? 'a'", "1 2", "(a", "a | sparkle", "a | invert:x", "a &"])
def test_an_expression_that_is_not_understood_is_refused(written: str) -> None:
    with pytest.raises(NotSaid):
        jq_of(written)


@pytest.mark.parametrize("url", ["{{params.url}}", "https://{{params.host}}/x"])
def test_a_url_that_begins_with_a_param_is_refused(url: str) -> None:
    with pytest.raises(NotSaid):
        request_value(url, url=True)


@pytest.mark.parametrize(
    ("query", "written"),
    [
        ("select * from t order by {{params.sort}}", None),
        ("select * from t order by a, {{params.sort}} desc", None),
        ("select * from t order by a {{params.way}}", None),
        ("select * from {{params.table}} where a = 1", None),
        ("select t.{{params.column}} from t", None),
        ("update {{params.table}} set a = 1", None),
        ("select a as {{params.name}} from t", None),
        ("select * from t where a = {{params.a}} order by b limit {{params.n}}",
         "select * from t where a = :a order by b limit :n"),
        ("select * from t where a in ({{params.a}}, {{params.b}}) and c like '%{{params.c}}'",
         "select * from t where a in (:a, :b) and c like '%' || :c"),
        ("select a from t group by a having b > {{params.n}}", "select a from t group by a having b > :n"),
    ],
)  # fmt: skip
def test_values_of_sql_are_bound_and_names_that_a_param_holds_are_left_out(
    tmp_path: Path, query: str, written: str | None
) -> None:
    file = tmp_path / "old.md"
    front = (
        f'id: old\nname: Old\ndescription: Old\nactions:\n  one: {{sql: {{database: ~/x.db, query: "{query}"}}}}\n'
    )
    file.write_text(f"---\n{front}---\n")
    skills = tmp_path / "skills"
    environ = {"HOME": str(tmp_path), "AGENTOS_HOME": str(tmp_path / "home"), "AGENTOS_SKILLS": str(skills)}
    with (tmp_path / "out").open("w") as out, contextlib.redirect_stdout(out):
        run(("import", "agentos", str(file), "--json"), environ)
    said = json.loads((tmp_path / "out").read_text())
    text = "".join(each.read_text() for each in skills.rglob("*.md"))
    if written is None:
        told = "Left out, for it has no words in jq: a name in SQL that a param holds"
        assert [each["what"] for each in said["not_expressed"]] == [told]
    else:
        assert said["not_expressed"] == []
        assert written in text


def test_an_adapter_without_its_mapping_is_listed(tmp_path: Path) -> None:
    file = tmp_path / "old.md"
    file.write_text(
        B.replace("    mapping: {id: .id", "    fields: {id: .id").replace(
            "  link:\n", "  note: {mapping: {id: .id}}\n  link:\n"
        )
    )
    environ = {"HOME": str(tmp_path), "AGENTOS_HOME": str(tmp_path / "home")}
    with (tmp_path / "out").open("w") as out, contextlib.redirect_stdout(out):
        assert run(("import", "agentos", str(file), "--json"), environ) == 0
    (lost,) = json.loads((tmp_path / "out").read_text())["not_expressed"]
    assert (lost["what"].startswith("An adapter without a `mapping`"), lost["where"]) == (True, ["adapters.link"])
