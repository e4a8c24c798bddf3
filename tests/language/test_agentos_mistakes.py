"""Mistakes in skill files of AgentOS: told at their character, and taken for what they concern only."""

# ruff: noqa: E501  (a row of a table is one line)

from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.house import house
from tests.manifest.mistakes import all_problems

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


TYPED = """connections:
  api: {base_url: https://toy.example, header: {X-Key: .auth.key}, account_params: {w: {type: string}}}
operations:
  issue.list:
    description: List
    returns: array
    handles_urls: ["toy.example/*"]
    params: {team: {type: string, required: true, enum: [a]}, n: integer}
    rest:
      url: /issues
      query: {team: .params.team}
      response: {root: /items, mapping: {id: .id}, inject: {x: "1"}}
  issue.query:
    description: Query
    returns: object
    graphql: {query: "{ a }", variables: {}, response: {root: /data, transform: .a}}
"""


@pytest.mark.parametrize(
    ("change", "to", "at", "words", "lost"),
    [
        ("{type: string, required", "{type: strng, required", "strng", "`strng` is no type", ""),
        ("n: integer", "n: intger", "intger", "`intger` is no type", ""),
        ("n: integer", "n: 5", "n: 5", "`n` is a map or a text", ""),
        ("required: true", "required: yess", "required: yess", "`required` is a flag", "any"),
        ('handles_urls: ["toy.example/*"]', "handles_urls: 5", "handles_urls", "`handles_urls` is a list", ""),
        ("root: /items", "root: 5", "root: 5", "`root` is a text", "issue.list"),
        ("transform: .a", "transform: [a]", "transform: [a]", "`transform` is a text", "issue.query"),
        ("mapping: {id: .id}", "mapping: .id", "mapping: .id", "`mapping` is a map", "issue.list"),
        ("header: {X-Key: .auth.key}", "header: [1]", "header: [1]", "`header` is a text or a map", "any"),
        ("returns: array", "returns: [array]", "returns: [array]", "`returns` is a text or a map", "any"),
        ("handles_urls:", "handels_urls:", "handels_urls", "handles_urls", "issue.list"),
    ],
)
def test_a_value_of_another_kind_is_named_where_it_stands(
    tmp_path: Path, change: str, to: str, at: str, words: str, lost: str
) -> None:
    """`lost`: the callable that is not called any more; `any` where that is not looked at."""
    text = TYPED.replace(change, to, 1)
    found, shown = problems(tmp_path, text)
    told = [each for each in found if words in f"{each['message']} {each['fix']}"]
    assert told or lost in shown.get("unavailable", {}), (found, shown.get("unavailable"))
    if told:
        assert (told[0]["line"], told[0]["column"]) == place(text, at)
    if lost != "any":
        assert set(shown["utilities"]) == {"issue.list", "issue.query"} - {lost}


def test_a_file_without_a_mistake_is_told_nothing(tmp_path: Path) -> None:
    assert problems(tmp_path, TYPED)[0] == []


TWO = "operations:\n" + "".join(
    f"  {one}: {{description: d, rest: {{url: https://toy.example/x}}}}\n" for one in "ab"
)


@pytest.mark.parametrize(
    ("auth", "at", "fix"),
    [
        ("auth: {header: {A: 'Bearer {key}'}}\n", "{key}", "`Bearer {token}`"),
        ("auth: {query: {k: '{api_key}'}}\n", "{api_key}", "`{token}`"),
        ("connections:\n  c: {base_url: https://toy.example, header: {A: '{tok}'}}\n", "{tok}", "`{token}`"),
    ],
)
def test_another_field_than_the_token_is_one_problem_where_it_stands(
    tmp_path: Path, auth: str, at: str, fix: str
) -> None:
    (found,) = problems(tmp_path, auth + TWO)[0]
    assert (found["line"], found["column"]) == place(auth + TWO, at)
    assert (found["message"], found["fix"], found["severity"]) == (
        f"`{at}` is sent as it stands: the key goes where `{{token}}` stands",
        f"Write {fix}",
        "error",
    )


def test_a_mistake_in_a_step_is_told_in_the_words_of_its_file(tmp_path: Path) -> None:
    text = """utilities:
  chain:
    description: Two steps
    returns: object
    steps:
      - {id: a, rest: {url: https://toy.example/a}}
      - {id: b, skip_if: '.a | nofunc', rest: {url: https://toy.example/b, query: {q: '.a | nofun'}}}
"""
    assert {each["path"] for each in problems(tmp_path, text)[0]} == {
        "utilities.chain.steps[1].skip_if.rest.body.skip",
        "utilities.chain.steps[1].rest.query.q",
    }


TASKS = """transformers:
  task:
    mapping: {id: .id}
operations:
  task.list:
    description: All
    returns: "task[]"
    rest: {method: POST, url: "https://toy.example/tasks", response: {root: /items}}
"""


@pytest.mark.parametrize(
    ("right", "wrong"), [("mapping", "maping"), ("method", "mehtod"), ("response", "respons"), ("root", "rot")]
)
def test_keys_of_a_request_its_answer_and_a_transformer_that_are_misspelt_are_named(right: str, wrong: str) -> None:
    text = TASKS.replace(f"{right}:", f"{wrong}:", 1)
    assert all_problems([f"{HEAD}{TASKS}---\n".encode()]) == [()]
    ((problem,),) = all_problems([f"{HEAD}{text}---\n".encode()])
    assert (problem.message, problem.fix) == (
        f"`{wrong}` is not a key that anything reads",
        f"Did you mean `{right}`?",
    )
    assert (problem.place.position.line, problem.place.position.column) == place(text, f"{wrong}:")


TICK = """connections:
  api:
    base_url: https://toy.example
    header: {Authorization: '"Bearer " + .auth.key'}
transformers:
  task:
    terminology: Task
    mapping: {id: .id, title: .content}
operations:
  task.list:
    description: List
    returns: task[]
    params: {project: {type: string}}
    rest: {url: /tasks, query: {project_id: .params.project}}
  task.delete:
    description: Remove
    returns: void
    connection: api
    params: {id: {type: string, required: true}, force: {type: boolean}}
    rest: {method: DELETE, url: '"/tasks/" + .params.id', body: {force: '{{params.force}}'}}
"""
LIST, VOID, KEY = "returns: task[]", "returns: void", "'\"Bearer \" + .auth.key'"
NEARLY = {
    "an entity": (LIST, "returns: taks[]", "taks", "Did you mean `task[]`?"),
    "several of an entity": (LIST, "returns: tasks", "tasks\n", "Did you mean `task[]`?"),
    "an entity in capitals": (LIST, "returns: Task[]", "Task[]", "Did you mean `task[]`?"),
    "a type of another language": (LIST, "returns: list", "list\n    params", "Did you mean `array`?"),
    "nothing": (VOID, "returns: viod", "viod", "Did you mean `void`?"),
    "a param": (".params.project", ".params.projct", ".params.projct", "Did you mean `project`?"),
    "a param in braces": ("{{params.force}}", "{{params.forc}}", "'{{params.forc}}'", "Did you mean `force`?"),
    "a connection": ("connection: api", "connection: apii", "apii", "Did you mean `api`?"),
    "a key of a connection": ("base_url:", "baseurl:", "baseurl", "Did you mean `base_url`?"),
    "a key without a space": (KEY, "'\"Bearer\" + .auth.key'", "'\"Bearer\"", "Write a space after `Bearer`"),
    "no key": (KEY, "'\"Bearer \" + .key'", "'\"Bearer \" + .key'", "Write `Bearer {token}`: the key goes where `{token}` stands"),
    "no mapping": ("    mapping: {id: .id, title: .content}", "    id: .id", "task:\n    term", "Write its fields below `mapping`"),
    "a type": ("{type: boolean}", "{type: bool}", "bool}", "Did you mean `boolean`?"),
}  # fmt: skip


@pytest.mark.parametrize("what", NEARLY)
def test_what_is_nearly_something_of_the_file_is_told_with_what_was_meant(what: str) -> None:
    old, new, at, fix = NEARLY[what]
    text = TICK.replace(old, new, 1)
    good, found = all_problems(f"{HEAD}{each}---\n".encode() for each in (TICK, text))
    assert good == ()
    places = [(one.place.position.line, one.place.position.column) for one in found if one.fix == fix]
    line, column = place(text, at)
    assert [(one[0], column <= one[1] <= column + 1) for one in places] == [(line, True)]
    if what != "a key of a connection":  # without it addresses have no beginning
        assert [one.fix for one in found] == [fix]


def test_jq_that_stands_in_several_requests_is_told_once() -> None:
    text = TICK.replace(KEY, "'\"Bearer \" + .auth.key +'")
    (found,) = all_problems([f"{HEAD}{text}---\n".encode()])
    assert [one.message for one in found] == ["jq: unexpected end"]


LOCAL = """operations:
  row.list:
    description: Rows
    params: {name: {type: string}}
    sql: {database: /tmp/here.db, query: "select ':x' as t from t where name = :name"}
  word.say: {description: Words, command: {binary: echo, args: [hi]}}
"""


@pytest.mark.parametrize(
    ("right", "wrong", "at", "message", "fix"),
    [
        (
            "= :name",
            "= :nam",
            ":nam",
            "nothing gives `:nam` a value, so this cannot be called",
            "Did you mean `:name`?",
        ),
        ("= :name", "= @other", "@other", "nothing gives `@other` a value", "Declare it under `params`"),
        ("args: [hi]", "args: hi", "args: hi", "`args` is a list, and this is none", "Write a list: `[hi]`"),
        (
            "command: {binary: echo, args: [hi]}",
            "command: echo hi",
            "command:",
            "`command` is a map, and this is none",
            "Write `command: {binary: echo, args: [hi]}`",
        ),
        (
            "command: {binary: echo, args: [hi]}",
            'python: "./m.py:f"',
            "python:",
            "`python` is a map, and this is none",
            "Write `python: {module: ./m.py, function: f}`",
        ),
    ],
)
def test_what_runs_here_is_not_run_where_a_mistake_takes_something_from_it(
    tmp_path: Path, right: str, wrong: str, at: str, message: str, fix: str
) -> None:
    assert problems(tmp_path / "right", LOCAL)[0] == []
    text = LOCAL.replace(right, wrong)
    found, shown = problems(tmp_path / "wrong", text)
    assert [(each["line"], each["column"]) for each in found] == [place(text, at)]
    assert found[0]["message"].startswith(message)
    assert found[0]["fix"] == fix
    assert len(shown["unavailable"]) == 1
