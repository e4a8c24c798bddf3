"""Keys of requests, replies, callables, connections and params of AgentOS: what a file does with and without."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentos_runtime.manifest.dialects import shapes
from tests.end_to_end.house import House, house
from tests.toy.raw import Exchange, Toy, answer

ORIGIN = "https://toy.example"
KEY = "sk-toy-canary-0123456789abcdef"
ANSWER = {"id": "i7", "list": [{"id": "i8"}], "data": {"id": "i9"}}
CALLABLE = "operations:\n  thing.get: {description: d, params: {a: {type: string, default: a0}}, SLOT%s}\n"
REST = CALLABLE % ", returns: object, rest: {url: https://toy.example/x}"
IN_REST = (
    'auth: {header: {X-Key: "{token}"}}\n'
    + CALLABLE.replace("SLOT", "") % " returns: object, rest: {url: https://toy.example/x, method: POST, SLOT}"
)
GRAPH = CALLABLE.replace("SLOT", "") % (
    ' returns: object, graphql: {endpoint: https://toy.example/g, query: "query Q($v: String) { id(v: $v) }", SLOT}'
)
RESPONSE = IN_REST.replace("SLOT", "response: {SLOT}")
WHOLE = """connections:
  c: {base_url: https://toy.example/c}
  d: {base_url: https://toy.example/d5}
  e: {base_url: https://toy.example/e, query: {k: .auth.key}}
operations:
  thing.get: {SLOT}
"""
RESTING = "returns: object, connection: c, rest: {url: /x}"
KEYED = "returns: object, connection: e, rest: {url: https://toy.example/x}"
GRAPHIC = (
    "operations:\n  thing.get: {description: d, returns: object, params: {a: {type: string}}, graphql: {SLOT}}\n"
)
HALF = "endpoint: https://toy.example/half, query: '{ id }'"
ASKING = "endpoint: https://toy.example/g, query: '{ id }'"
PARAM = "operations:\n  thing_get: {description: d, returns: object, params: {p: {SLOT}}, rest: {url: https://toy.example/x}}\n"
LINK = (
    "connections:\n  c: {base_url: https://toy.example/base, SLOT}\n"
    "operations:\n  thing_get: {description: d, returns: object, rest: {url: /x}}\n"
)
ROWS: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "rest": (
        IN_REST,
        {
            "headers": ("headers: {X-Own: h5}", "X-Own: h5"),
            "query": ("query: {q: .params.a}", "/x?q=a0"),
            "params": ("params: {q: .params.a}", "/x?q=a0"),
            "body": ("body: {q: .params.a}", '{\\"q\\":\\"a0\\"}'),
            "encoding": ("body: {q: .params.a}, encoding: form", "q=a0"),
            "response": ("response: {root: /id}", '"reply": "i7"'),
            "auth": ("query: {}", f"X-Key: {KEY}", "auth: false"),
        },
    ),
    "graphql": (
        GRAPH,
        {
            "variables": ("variables: {v: .params.a}", '\\"variables\\":{\\"v\\":\\"a0\\"}'),
            "response": ("response: {root: /data}", '"reply": {"id": "i9"}'),
            "headers": ("headers: {X-Own: h5}", "X-Own: h5"),
        },
    ),
    "response": (
        RESPONSE,
        {
            "root": ("root: /data", '"reply": {"id": "i9"}'),
            "transform": ("transform: '.list[0]'", '"reply": {"id": "i8"}'),
            "mapping": ("mapping: {own: .id}", '"reply": {"own": "i7"}'),
            "raw": ("raw: true, mapping: {own: .id}", '"reply": {"id": "i7", "list"', "mapping: {own: .id}"),
            "static": ("static: {fixed: s5}", '"reply": {"fixed": "s5"}'),
            "inject": ("inject: {put: .params.a}", '"put": "a0"'),
        },
    ),
    "callable": (
        REST,
        {
            "web_url": ("web_url: https://toy.example/page", '"web_url": "https://toy.example/page"'),
            "effect": ("effect: destroy", '"effect": "destroy"'),
            "handles_urls": ("handles_urls: [h5]", '"handles_urls": ["h5"]'),
        },
    ),
    "connection": (
        LINK,
        {
            "header": ("header: {X-Key: .auth.key}", f"X-Key: {KEY}"),
            "query": ("query: {k: .auth.key}", f"/base/x?k={KEY}"),
            "headers": ("headers: {X-Own: h5}", "X-Own: h5"),
            "account_params": ("account_params: {w: {type: string}}", '"w": {"type": "string"'),
            "body": ("body: {k: .auth.key}", f'{{\\"k\\":\\"{KEY}\\"}}'),
            "oauth": ("oauth: {service: toy}", f"Authorization: Bearer {KEY}"),
            "prefix": ("type: api_key, header: X-Key, prefix: 'Tok '", f"X-Key: Tok {KEY}"),
            "type": ("type: api_key, header: X-Key", f"X-Key: {KEY}"),
            "cookies": ("cookies: {domain: .toy.example}", "needs cookies"),
            "optional": ("header: {X-Key: .auth.key}, optional: true", '"optional": true'),
            "label": ("header: {X-Key: .auth.key}, label: l5", '"label": "l5"'),
            "help_url": ("header: {X-Key: .auth.key}, help_url: https://toy.example/h5", "/h5"),
        },
    ),
    "callable, whole": (
        WHOLE,
        {
            "description": (f"description: d5, {RESTING}", '"description": "d5"', RESTING),
            "params": (f"params: {{p5: {{type: string}}}}, {RESTING}", '"p5": {"type": "string"', RESTING),
            "returns": (RESTING, '"entity": "object"', RESTING.replace("object", "array")),
            "rest": (RESTING, "GET /c/x ", RESTING.replace("/x", "/y")),
            "response": (f"{RESTING}, response: {{root: /id}}", '"reply": "i7"', RESTING),
            "graphql": (f"returns: object, connection: none, graphql: {{{ASKING}}}", "POST /g ", RESTING),
            "sql": ("returns: array, sql: {database: ~/n.db, query: select 5}", '"executor": "sql"', RESTING),
            "command": ("returns: string, command: {binary: echo, args: [x]}", '"executor": "command"', RESTING),
            "python": (
                "returns: string, python: {module: ./code.py, function: f}",
                '"executor": "python"',
                RESTING,
            ),
            "steps": (
                "returns: object, connection: none, steps: [{id: s, rest: {url: https://toy.example/s5}}]",
                "GET /s5 ",
                RESTING,
            ),
            "connection": (RESTING.replace(": c", ": d"), "GET /d5/x ", RESTING),
            "auth": (f"auth: none, {KEYED}", "GET /x ", KEYED),
        },
    ),
    "graphql, whole": (
        GRAPHIC,
        {
            "endpoint": (ASKING, "POST /g ", ASKING.replace("/g", "/h")),
            "query": (ASKING, "{ id }", ASKING.replace("id", "data")),
            "partial": (f"{HALF}, partial: true", '"reply": {"id"', HALF),
            "timeout": (f"{HALF.replace('half', 'never')}, timeout: 0.3", "upstream_timeout", ASKING),
        },
    ),
    "rest, whole": (
        CALLABLE.replace("SLOT", "") % " returns: object, rest: {SLOT}",
        {
            "method": ("url: https://toy.example/x, method: PUT", "PUT /x ", "url: https://toy.example/x"),
            "url": ("url: https://toy.example/u5", "GET /u5 ", "url: https://toy.example/x"),
        },
    ),
    "connection, whole": (
        "connections:\n  c: {SLOT}\n"
        "operations:\n  thing.get: {description: d, returns: object, connection: c, rest: {url: /x}}\n",
        {"base_url": ("base_url: https://toy.example/b5", "GET /b5/x ", "base_url: https://toy.example/b6")},
    ),
    "param": (
        PARAM,
        {
            "type": ("type: integer", '"type": "integer"'),
            "description": ("description: d5", '"description": "d5"'),
            "default": ("type: string, default: d5", '"default": "d5"'),
            "example": ("type: string, example: e5", '"examples": ["e5"]'),
            "enum": ("type: string, enum: [e5]", '"enum": ["e5"]'),
            "values": ("type: string, values: [e5]", '"enum": ["e5"]'),
            "min": ("type: integer, min: 5", '"minimum": 5'),
            "max": ("type: integer, max: 5", '"maximum": 5'),
            "required": ("type: string, required: true", '"required": ["p"]'),
            "items": ("type: array, items: {type: integer}", '"items": {"type": "integer"'),
            "properties": ("type: object, properties: {q: {type: integer}}", '"properties": {"q"'),
        },
    ),
}
"""Table → a file with a SLOT, and per key what stands there, what is then seen, and what stands there instead."""
TABLES = {
    "rest": shapes.EXECUTORS["rest"],
    "graphql": shapes.EXECUTORS["graphql"],
    "response": shapes.RESPONSE,
    "callable": shapes.CALLABLE,
    "connection": shapes.CONNECTION,
    "param": shapes.PARAM,
}
INFORMATION = {
    "callable": {"label: l5": "label", "operation: read": "operation", "readonly: true": "readonly"},
    "connection": {"description: d5": "description", "placeholder: p5": "placeholder"},
}
"""What says something to a person, and changes no call."""
EACH = [(table, key) for table, (_, rows) in ROWS.items() for key in rows]


class Seen:
    """What is shown of a skill and what a call of it does, as one text."""

    def __init__(self, served: House, toy: Toy) -> None:
        self.served, self.toy = served, toy

    def of(self, skill: str) -> str:
        shown = self.served.client.get(f"/api/skills/{skill}").json()
        before = len(self.toy.requests)
        params = {} if skill.startswith("param-") else {"a": "a0"}
        reply = self.served.call(skill, "thing_get", params).json()
        sent = [f"{one.head.decode()} {json.dumps(one.body.decode())}" for one in self.toy.requests[before:]]
        return "\n".join([json.dumps(shown), json.dumps({"reply": reply}), *sent])


def answers(exchange: Exchange) -> None:
    """Whole, beside an error of GraphQL, or never, as the address says."""
    path = exchange.request.target
    if path == "/never":
        exchange.stall()
    errors = {"errors": [{"message": "half"}]} if path == "/half" else {}
    answer(body=json.dumps(ANSWER | errors).encode())(exchange)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("keys")
    (folder / "skills").mkdir()
    environ = {}
    for table, key in EACH:
        text, rows = ROWS[table]
        with_it, _, *without = rows[key]
        for name, slot in ((f"{table}-{key}", with_it), (f"{table}-{key}-not", "".join(without))):
            name = name.replace("_", "-").replace(", ", "-")
            front = f"id: {name}\nname: N\ndescription: D\n{text.replace('SLOT', slot)}"
            (folder / "skills" / f"{name}.md").write_text(f"---\n{front}---\n")
            environ[f"{name.replace('-', '_').upper()}_API_KEY"] = KEY
    with contextlib.ExitStack() as stack:
        toy = stack.enter_context(Toy(answers))
        yield Seen(stack.enter_context(house(folder, rewrite={ORIGIN: toy.origin}, environ=environ)), toy)


@pytest.mark.parametrize(("table", "key"), EACH)
def test_a_key_does_what_its_row_says_and_without_it_that_is_not_so(seen: Seen, table: str, key: str) -> None:
    marker = ROWS[table][1][key][1]
    name = f"{table}-{key}".replace("_", "-").replace(", ", "-")
    assert marker in seen.of(name), seen.of(name)
    assert marker not in seen.of(f"{name}-not")


@pytest.mark.parametrize("table", TABLES)
def test_every_key_of_a_table_has_a_row(table: str) -> None:
    rows = ROWS[table][1].keys() | ROWS.get(f"{table}, whole", ("", {}))[1].keys()
    assert set(TABLES[table]) == rows | set(INFORMATION.get(table, {}).values())


@pytest.mark.parametrize(
    ("table", "slot"), [(table, slot) for table, slots in INFORMATION.items() for slot in slots]
)
def test_a_key_that_informs_changes_no_call(tmp_path: Path, table: str, slot: str) -> None:
    (tmp_path / "skills").mkdir()
    text = ROWS[table][0]
    for name, stands in (("with", slot), ("without", "")):
        front = f"id: {name}\nname: N\ndescription: D\n{text.replace('SLOT', stands).replace(', ,', ',')}"
        (tmp_path / "skills" / f"{name}.md").write_text(f"---\n{front}---\n")
    with (
        Toy(answers) as toy,
        house(tmp_path, rewrite={ORIGIN: toy.origin}) as served,
    ):
        seen = Seen(served, toy)
        said, unsaid = seen.of("with").split("\n")[1:], seen.of("without").split("\n")[1:]
        assert said == unsaid
        assert '"reply": {"id": "i7"' in said[0]
