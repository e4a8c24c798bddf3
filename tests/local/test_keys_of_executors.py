"""Keys of `sql`, `command`, `python`, `steps` and of the top level: what a file does with each and without it."""

# ruff: noqa: E501

import json
from collections.abc import Iterator

import pytest

from agentos_runtime.manifest.dialects import shapes
from tests.end_to_end.house import House, house
from tests.local.support import Served, database, served

CODE = "import time\ndef one(*args, **named):\n    return {'args': list(args), 'named': named}\ndef two():\n    return 'two'\ndef slow():\n    time.sleep(30)\n"
ROWS: dict[str, dict[str, tuple[str, str, str]]] = {
    "sql": {
        "query": ("query: SELECT 5 AS x", '[{"x": 5}]', "query: SELECT 6 AS x"),
        "database": ("query: SELECT count(*) AS n FROM notes, database: ~/four.db", '"n": 4', "query: SELECT count(*) AS n FROM notes"),
        "attach": ('query: SELECT count(*) AS n FROM o.notes, attach: {o: ~/four.db}', '"n": 4', "query: SELECT count(*) AS n FROM o.notes"),
        "params": ('query: "SELECT :v AS x", params: {v: .params.p | length}', '[{"x": 2}]', 'query: "SELECT :v AS x"'),
        "response": ("query: SELECT 5 AS x, response: {root: /0}", 'R{"x": 5}', "query: SELECT 5 AS x"),
        "write": ("query: DELETE FROM notes WHERE id = 77, write: true", '"changes": 0', "query: DELETE FROM notes WHERE id = 77"),
        "timeout": ("query: WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x FROM n) SELECT count(*) FROM n, timeout: 0.3", "more than 0.3 s", "query: SELECT 5 AS x"),
    },
    "command": {
        "binary": ("binary: echo, args: [a]", 'R"a"', 'binary: "true", args: [a]'),
        "args": ("binary: echo, args: [a]", 'R"a"', "binary: echo"),
        "args_string": ("binary: echo, args_string: a b", 'R"a b"', "binary: echo"),
        "stdin": ("binary: cat, stdin: .params.p", 'R"p0"', "binary: cat"),
        "timeout": ("binary: sleep, args: ['30'], timeout: 0.3", "more than 0.3 s", "binary: echo"),
        "working_dir": ("binary: pwd, working_dir: ./sub", '/here/sub"', "binary: pwd"),
        "env": ("binary: bash, args: [-c, 'echo $SHOWN'], env: [SHOWN]", "names", "binary: bash, args: [-c, 'echo $SHOWN']"),
        "response": ("""binary: echo, args: ['{"a": 5}'], response: {root: /a}""", "R5", """binary: echo, args: ['{"a": 5}']"""),
    },
    "python": {
        "module": ("module: ./code.py, function: two", 'R"two"', "module: ./none.py, function: two"),
        "function": ("module: ./code.py, function: two", 'R"two"', "module: ./code.py, function: one"),
        "args": ("module: ./code.py, function: one, args: {a: .params.p}", '"named": {"a": "p0"}', "module: ./code.py, function: one"),
        "params": ("module: ./code.py, function: one, params: true", '"named": {"p": "p0"}', "module: ./code.py, function: one"),
        "timeout": ("module: ./code.py, function: slow, timeout: 0.5", "more than 0.5 s", "module: ./code.py, function: two"),
        "response": ("module: ./code.py, function: one, response: {root: /args}", "R[]", "module: ./code.py, function: one"),
    },
    "steps": {
        "steps": ("steps: [{id: a, command: {binary: echo, args: [a]}}]", 'R"a"', "steps: [{id: a, command: {binary: echo, args: [b]}}]"),
        "response": ("steps: [{id: a, command: {binary: echo, args: [a]}}], response: {mapping: {own: .a}}", 'R{"own": "a"}', "steps: [{id: a, command: {binary: echo, args: [a]}}]"),
    },
}  # fmt: skip
"""Executor → key → its body, what is then seen (`R`: the reply begins so), and the body without it."""
WITHOUT_A_ROW = {"sql": {"format"}}
"""Information: rows are always JSON."""
EACH = [(kind, key) for kind, rows in ROWS.items() for key in rows]


def front() -> str:
    lines = ["database: ~/three.db", "utilities:"]
    for kind, key in EACH:
        with_it, _, without = ROWS[kind][key]
        for name, body in ((f"{kind}_{key}", with_it), (f"{kind}_{key}_not", without)):
            lines.append(
                f"  {name}: {{description: d, params: {{p: {{type: string, default: p0}}}}, {kind}: {{{body}}}}}"
            )
    return "\n".join(lines)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("keys")
    database(folder / "three.db")
    database(folder / "four.db", rows=4)
    with served(folder, front(), {"code.py": CODE, "sub/x.txt": ""}) as running:
        running.approve()
        yield running


@pytest.mark.parametrize(("kind", "key"), EACH)
def test_a_key_of_an_executor_does_what_its_row_says_and_without_it_that_is_not_so(
    here: Served, kind: str, key: str
) -> None:
    marker = ROWS[kind][key][1]

    def seen(name: str) -> str:
        response = here.house.call("here", name)
        return f"{'R' if response.status_code == 200 else ''}{json.dumps(response.json())}"

    assert marker in seen(f"{kind}_{key}")
    assert marker not in seen(f"{kind}_{key}_not")


@pytest.mark.parametrize("kind", ROWS)
def test_every_key_of_an_executor_has_a_row(kind: str) -> None:
    assert set(shapes.EXECUTORS[kind]) == ROWS[kind].keys() | WITHOUT_A_ROW.get(kind, set())


TOP = {
    "id": "id: s-id", "name": "name: n5", "description": "description: d5", "icon": "icon: i.svg", "color": 'color: "#123456"',
    "website": "website: https://w5.example", "privacy_url": "privacy_url: https://p5.example", "terms_url": "terms_url: https://t5.example",
    "auth": "auth: {header: {X-Key: '{token}'}, label: l5}", "api": "api: {graphql_endpoint: https://g5.example/g}",
    "connections": "connections: {c5: {base_url: https://c5.example}}", "transformers": "transformers: {t: {mapping: {own: .id}}}",
    "adapters": "adapters: {t: {own: .id}}", "operations": "operations: {o.five: {description: d, rest: {url: https://a.example}}}",
    "utilities": "utilities: {u_five: {description: d, rest: {url: https://a.example}}}", "instructions": "instructions: i5",
    "seed": "seed: [{id: s5, types: [a], name: S}]", "connects_to": "connects_to: c5", "platforms": "platforms: [linux, macos]",
    "requires": "requires: [{name: r5}]", "handles": "handles: {urls: [h5]}", "sources": "sources: {images: [i5]}",
    "testing": "testing: {exempt: {a: t5}}", "credits": "credits: [{skill: c5}]", "agent": "agent: {intelligence: a5}",
    "provides": "provides: [{capability: p5, via: x.get}]", "database": "database: ~/d5.db",
}  # fmt: skip
SHOWN = {
    "id": '"id": "s-id"', "icon": "/icon", "auth": '"label": "l5"', "api": "g5.example", "connections": "c5.example",
    "transformers": '"own"', "adapters": '"own"', "operations": '"o.five"', "utilities": '"u_five"', "color": "#123456", "platforms": '["linux", "macos"]',
}  # fmt: skip
"""What is seen of a key; of others the letter and 5 that stand in its value."""
CALLED = {"api", "connections", "transformers", "adapters"}
"""What they do shows in a call, whose tests are those of the language."""


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("top")
    for key, written in TOP.items():
        place = folder / "skills" / f"top-{key.replace('_', '-')}"
        place.mkdir(parents=True)
        (place / "i.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
        lines = {"id": f"id: {place.name}", "name": "name: N", "description": "description: D",
                 "operations": "operations: {x.get: {description: d, rest: {url: https://a.example}}}"}  # fmt: skip
        lines[key] = written
        (place / "readme.md").write_text("---\n" + "\n".join(lines.values()) + "\n---\n")
    with house(folder, environ={}) as running:
        yield running


@pytest.mark.parametrize("key", [key for key in TOP if key not in CALLED])
def test_a_key_of_the_top_level_is_shown_and_without_it_that_is_not_so(top: House, key: str) -> None:
    def shown(name: str) -> str:
        found = top.client.get(f"/api/skills/{name}").json()
        return json.dumps({each: below for each, below in found.items() if each != "problems"})

    name = "s-id" if key == "id" else f"top-{key.replace('_', '-')}"
    other = "top-name" if key != "name" else "top-color"
    marker = SHOWN.get(key) or f"{TOP[key].split('5')[0][-1]}5"
    assert marker in shown(name)
    assert marker not in shown(other)


def test_every_key_of_the_top_level_has_a_row() -> None:
    assert set(shapes.TOP) == set(TOP)
