"""Skill files of AgentOS load as they are: each key, the request that it makes and the reply that it gives."""

import contextlib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_runtime.cli.main import run
from agentos_runtime.config.skill_settings import with_skill_settings
from tests.cli.console import Console
from tests.end_to_end.house import House, house
from tests.toy.raw import Toy, answer

ORIGIN = "https://toy.example"
KEY = "sk-toy-canary-0123456789abcdef"

C = r"""---
id: tasks
name: Tasks
description: >
  A toy in dialect C,
  described in two lines
icon: icon.svg
color: "#e44332"
website: https://toy.example
privacy_url:
platforms: [macos]
auth: {type: api_key, header: Authorization, prefix: "Bearer ", label: Key, help_url: "https://toy.example/keys"}
connects_to: toy
seed:
  - id: toy
    types: [software]
    name: Toy
instructions: Use it well
requires: [{name: yt-dlp, install: {macos: brew install yt-dlp}}]
handles: {urls: ["toy.example/*"]}
testing: {exempt: {cleanup: it is a toy}}
database: {macos: ~/Library/toy.db}
transformers:
  task:
    terminology: Task
    mapping:
      id: .id
      title: .content
      source: '"toy"'
      priority: 5 - .priority
      data.priority: .priority
      data.nothing: .nothing
      _body: .text
      project: {ref: project, value: .project_id}
      posted_by:
        account: {id: .user.id, handle: .user.name, platform: .source}
      parent:
        task: {id: .parent_id}
  empty: {mapping: {}}
operations:
  task.list:
    description: List tasks
    returns: task[]
    params: {limit: {type: integer, default: 5}}
    web_url: '"https://toy.example/app/" + .params.limit'
    rest:
      url: https://toy.example/tasks
      query: {limit: .params.limit | tostring}
      response: {root: /}
  task.get:
    description: One task
    returns: task
    params: {id: {type: string, required: true}}
    web_url: https://toy.example/app/{{params.id}}
    rest: {url: '"https://toy.example/tasks/" + .params.id', response: {root: /results/0}}
  task.create:
    description: Create a task
    returns: task
    params: {content: {type: string, required: true}, priority: {type: integer}, due: {type: string}}
    rest:
      method: POST
      url: https://toy.example/tasks
      body: {content: .params.content, priority: 5 - .params.priority, due: .params.due, flag: true, kind: '"x"'}
  task.delete:
    description: Delete a task
    returns: void
    params: {id: {type: string, required: true}}
    rest: {method: DELETE, url: '"https://toy.example/tasks/" + .params.id'}
  task.own:
    description: A mapping of its own replaces the transformer
    returns: task[]
    rest: {url: https://toy.example/own, response: {root: /items, mapping: {name: .content}}}
  task.transformed:
    description: A transform before the mapping
    returns: task[]
    rest: {url: https://toy.example/t, response: {transform: '[.edges[].node]'}}
  thing.get:
    description: No transformer of this name
    returns: thing
    rest: {url: https://toy.example/thing}
  task.native:
    description: A program of this machine
    returns: task[]
    swift: {script: 'print("[]")'}
  task.dump:
    description: A local database
    returns: task[]
    sql: {query: SELECT 1}
  task.future:
    description: A key that nobody knows
    returns: task[]
    rest: {url: https://toy.example/x, response: {sorcery: true}}
utilities:
  teams:
    description: Inline returns per element
    returns: {id: string, organization.urlKey: string, when: datetime}
    rest: {url: https://toy.example/teams, response: {root: /teams}}
  relate:
    description: A void with a value
    returns: void
    rest: {method: POST, url: https://toy.example/relate, response: {mapping: {success: .ok, id: .id}}}
  raw:
    description: The answer as it is
    returns: void
    rest: {url: https://toy.example/raw, response: {raw: true}}
  mustache:
    description: Placeholders
    returns: {ok: boolean}
    params: {id: {type: string}, limit: {type: integer}, name: {type: string}}
    rest:
      method: POST
      url: https://toy.example/m/{{params.id}}/x
      query: {limit: "{{params.limit | default: 50}}"}
      body: {name: "{{params.name}}", text: "Dear {{params.name}}!", n: "{{params.limit}}"}
  injected:
    description: Values put into each element
    returns: {id: string, who: string}
    params: {who: {type: string}}
    rest: {url: https://toy.example/inj, response: {inject: {who: .params.who}, mapping: {id: .id, who: .who}}}
  fixed:
    description: A fixed reply
    returns: {done: boolean}
    params: {id: {type: string}}
    rest:
      method: POST
      url: https://toy.example/fixed
      response: {static: {done: true, id: "{{params.id}}", x: .params.id}}
  keyed:
    description: The key in a url and in a body
    returns: {ok: boolean}
    rest:
      method: POST
      url: '"https://toy.example/k?token=" + .auth.key'
      body: {first: '.auth.key | split("-") | .[0]', all: .auth.key}
  some:
    description: GraphQL of which a part may come
    returns: {id: string}
    graphql:
      endpoint: https://toy.example/graphql
      partial: true
      query: "{ a { id } b { id } }"
      response: {root: /data}
  graph:
    description: GraphQL
    returns: {id: string}
    params: {team: {type: string}, state: {type: string}}
    graphql:
      endpoint: https://toy.example/graphql
      query: 'query Q($team: String, $state: String) { issues { id } }'
      variables: {team: .params.team, state: .params.state}
      response: {root: /data/issues}
---
Docs
"""

E = r"""---
id: linked
name: Linked
description: A toy in dialect E
connections:
  api:
    base_url: https://toy.example/v1
    header: {Authorization: '"Bearer " + .auth.key', X-Client: '"toy"', Accept: application/vnd.toy+json}
    account_params: {workspace: {type: string, required: true, label: Workspace}}
  odd:
    base_url: https://toy.example/odd
    header: {X-Odd: '(.auth.key | @base64)'}
  plain:
    base_url: https://toy.example/plain
    query: {v: '"2"'}
  web:
    cookies: {domain: .toy.example, names: [sid]}
adapters:
  person:
    id: .id
    name: .full
    knows:
      "person[]":
        _source: .friends
        id: .id
operations:
  list_people:
    description: List
    returns: person[]
    connection: api
    params: {q: {type: string}}
    handles_urls: ["toy.example/people*"]
    web_url: '"https://toy.example/" + .params.workspace'
    rest: {url: /people, query: {q: .params.q, in: .params.workspace}}
  complete_person:
    description: A verb that writes
    returns: void
    connection: api
    rest: {url: /complete}
  get_person:
    description: One
    returns: person
    connection: api
    handles_urls: ["www.elsewhere.example/film/*"]
    params: {id: {type: string, required: true}}
    rest: {url: '"/people/" + .params.id'}
  public:
    description: No credential
    returns: object
    connection: none
    rest: {url: https://toy.example/public}
  plain_one:
    description: A connection of nothing but constants
    returns: object
    connection: plain
    params: {day: {type: string}, many: {type: integer}}
    rest:
      method: POST
      url: '"/of/" + .params.day'
      query: {many: .params.many | tostring}
      body: {at: 'now | todate | .[0:4] | length'}
  repo_one:
    description: A name of two parts
    returns: object
    connection: none
    params: {repo: {type: string, description: "As owner/repo"}, ref: {type: string, example: heads/main}}
    rest: {url: '"https://toy.example/repos/" + .params.repo + "/git/" + (.params.ref // "x") + "/end"'}
  closed:
    description: A fixed reply, whatever comes
    returns: object
    connection: plain
    rest: {method: POST, url: /close, response: {static: {done: true}}}
  ping:
    description: A void of which nothing is at the root
    returns: void
    connection: plain
    rest: {method: POST, url: /ping, response: {root: /data/ok}}
  anywhere:
    description: Goes where a param says
    returns: object
    connection: none
    params: {url: {type: string}}
    rest: {url: .params.url}
  odd_one:
    description: More of the credential than a prefix
    returns: object
    connection: odd
    rest: {url: /one}
  cookie:
    description: A cookie
    returns: object
    connection: web
    rest: {url: https://toy.example/c}
  scripted:
    description: Python
    returns: array
    connection: none
    python: {module: ./x.py, function: f}
---
"""

D = r"""---
id: templated
name: Templated
description: A toy in dialect D
auth: {header: {X-Key: "{token}"}, label: Key}
transformers: {item: {mapping: {id: .id, content: .content}}}
operations:
  item.list:
    description: List
    returns: item[]
    rest: {url: "https://toy.example/items?t={token}"}
  item.search:
    description: Search
    returns: item[]
    rest: {method: POST, url: https://toy.example/s, body: {key: .auth.key}}
---
"""


class Fixture:
    """A server with the three skills over one toy."""

    def __init__(self, served: House, toy: Toy) -> None:
        self.house, self.toy = served, toy

    def call(self, skill: str, name: str, params: Any = None, reply: Any = None) -> tuple[Any, Any]:
        """The reply, and the request that went upstream."""
        before = len(self.toy.requests)
        body = b"" if reply is None else json.dumps(reply).encode()
        self.toy.script = (answer(204 if reply is None else 200, body=body),)
        response = self.house.call(skill, name, params)
        assert response.status_code == 200, response.text
        assert len(self.toy.requests) == before + 1
        return response.json(), self.toy.requests[-1]


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fixture]:
    folder = tmp_path_factory.mktemp("agentos")
    for name, text in (("tasks", C), ("linked", E), ("templated", D)):
        place = folder / "skills" / name
        place.mkdir(parents=True)
        (place / "readme.md").write_text(text)
        (place / "icon.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    keys = {"TASKS_API_KEY": KEY, "TEMPLATED_API_KEY": KEY, "LINKED_API_KEY": KEY, "LINKED_ODD_KEY": KEY}
    with contextlib.ExitStack() as stack:
        toy = stack.enter_context(Toy(answer(body=b"{}")))
        served = stack.enter_context(house(folder, rewrite={ORIGIN: toy.origin}, environ=keys))
        yield Fixture(served, toy)


TASK = {
    "id": "1", "content": "Write", "priority": 4, "text": "long", "project_id": "p",
    "user": {"id": "u", "name": "ann"}, "parent_id": None,
}  # fmt: skip
MAPPED = {
    "id": "1", "title": "Write", "source": "toy", "priority": 1, "data": {"priority": 4, "nothing": None},
    "_body": "long", "project": "p", "posted_by": {"account": {"id": "u", "handle": "ann", "platform": "toy"}},
    "parent": None,
}  # fmt: skip


def target(request: Any) -> str:
    return str(request.head.split(b" ")[1].decode())


def test_all_three_load_and_say_their_dialect(toys: Fixture) -> None:
    for skill, dialect in (("tasks", "C"), ("linked", "E"), ("templated", "D")):
        shown = toys.house.client.get(f"/api/skills/{skill}").json()
        assert shown["state"] != "broken", shown
        assert shown["dialect"] == dialect
        assert not shown.get("problems")


def test_an_operation_gives_mapped_elements_in_a_plain_list(toys: Fixture) -> None:
    reply, request = toys.call("tasks", "task.list", reply=[TASK, {**TASK, "user": None}])
    assert reply[0] == MAPPED
    assert reply[1]["posted_by"] == {"account": {"id": None, "handle": None, "platform": "toy"}}
    assert target(request) == "/tasks?limit=5"
    assert f"Bearer {KEY}".encode() in request.head


def test_a_name_without_a_dot_is_the_same_callable(toys: Fixture) -> None:
    reply, _ = toys.call("tasks", "task_list", reply=[TASK])
    assert reply == [MAPPED]
    assert toys.house.rows()[0]["utility"] == "task.list"


def test_params_that_are_not_declared_are_dropped_and_named(toys: Fixture) -> None:
    toys.toy.script = (answer(body=b"[]"),)
    response = toys.house.call("tasks", "task.list", {"title": "x", "limit": 1})
    assert response.status_code == 200
    assert response.headers["x-ignored-params"] == "title"


@pytest.mark.parametrize(("answered", "expected"), [({"results": [TASK]}, MAPPED), ({"results": []}, None)])
def test_a_single_is_the_one_at_the_root_or_null(toys: Fixture, answered: Any, expected: Any) -> None:
    reply, request = toys.call("tasks", "task.get", {"id": "7"}, answered)
    assert reply == expected
    assert target(request) == "/tasks/7"


def test_a_field_that_fails_for_want_of_an_optional_param_is_left_out(toys: Fixture) -> None:
    reply, request = toys.call("tasks", "task.create", {"content": "Write"}, TASK)
    assert json.loads(request.body) == {"content": "Write", "flag": True, "kind": "x"}
    assert reply == MAPPED
    _, request = toys.call("tasks", "task.create", {"content": "Write", "priority": 1}, TASK)
    assert json.loads(request.body)["priority"] == 4


@pytest.mark.parametrize(
    ("name", "params", "answered", "expected"),
    [
        ("task.delete", {"id": "1"}, None, None),
        ("task.own", {}, {"items": [TASK]}, [{"name": "Write"}]),
        ("task.own", {}, {"items": []}, []),
        ("task.own", {}, {"items": None}, []),
        ("task.list", {}, None, []),
        ("task.transformed", {}, {"edges": [{"node": TASK}]}, [MAPPED]),
        ("thing.get", {}, {"a": 1}, {"a": 1}),
        ("teams", {}, {"teams": [{"id": "t", "organization": {"urlKey": "k"}}]},
         [{"id": "t", "organization": {"urlKey": "k"}}]),
        ("relate", {}, {"ok": True, "id": "r"}, {"success": True, "id": "r"}),
        ("raw", {}, {"any": "thing"}, {"any": "thing"}),
        ("injected", {"who": "ann"}, [{"id": "1"}, {"id": "2"}],
         [{"id": "1", "who": "ann"}, {"id": "2", "who": "ann"}]),
        ("fixed", {"id": "9"}, {"x": 1}, {"done": True, "id": "9", "x": "9"}),
    ],
)  # fmt: skip
def test_replies(toys: Fixture, name: str, params: Any, answered: Any, expected: Any) -> None:
    assert toys.call("tasks", name, params, answered)[0] == expected


@pytest.mark.parametrize("answered", [{}, {"items": {"content": "Write"}}])
def test_what_is_no_list_is_never_handed_out_as_one(toys: Fixture, answered: Any) -> None:
    toys.toy.script = (answer(body=json.dumps(answered).encode()),)
    response = toys.house.call("tasks", "task.own")
    assert (response.status_code, response.json()["code"]) == (502, "reply_mismatch"), response.text


def test_a_mapping_that_fails_fails_the_call_and_is_named(toys: Fixture) -> None:
    toys.toy.script = (answer(body=json.dumps([{**TASK, "priority": "high"}]).encode()),)
    response = toys.house.call("tasks", "task.list")
    assert response.status_code == 500
    assert "transformers.task.mapping.priority" in response.json()["error"]


def test_placeholders_are_values_and_never_code(toys: Fixture) -> None:
    hostile = '") | error("x'
    _, request = toys.call("tasks", "mustache", {"id": "a b", "name": hostile}, {"ok": True})
    assert target(request) == "/m/a%20b/x?limit=50"
    assert json.loads(request.body) == {"name": hostile, "text": f"Dear {hostile}!"}


def test_the_key_stands_where_expressions_put_it(toys: Fixture) -> None:
    _, request = toys.call("tasks", "keyed", {}, {"ok": True})
    assert target(request) == f"/k?token={KEY}"
    assert json.loads(request.body) == {"first": "sk", "all": KEY}
    _, request = toys.call("templated", "item.list", {}, [{"id": 1}])
    assert target(request) == f"/items?t={KEY}"
    assert f"x-key: {KEY}".encode() in request.head.lower().replace(KEY.lower().encode(), KEY.encode())
    assert json.loads(toys.call("templated", "item.search", {}, [])[1].body) == {"key": KEY}


def test_graphql_leaves_out_variables_that_are_not_set(toys: Fixture) -> None:
    reply, request = toys.call("tasks", "graph", {"team": "t"}, {"data": {"issues": [{"id": "i"}]}})
    assert reply == [{"id": "i"}]
    sent = json.loads(request.body)
    assert sent["variables"] == {"team": "t"}
    assert sent["query"].startswith("query Q($team")


@pytest.mark.parametrize(
    ("name", "data", "status"),
    [
        ("graph", {"issues": {"id": "1"}}, 502),
        ("some", {"a": {"id": "1"}, "b": None}, 200),
        ("some", {"a": None, "b": None}, 502),
        ("some", None, 502),
    ],
)
def test_data_beside_errors_counts_where_the_file_says_so(toys: Fixture, name: str, data: Any, status: int) -> None:
    body = {"data": data, "errors": [{"message": "b is not yours"}]}
    toys.toy.script = (answer(body=json.dumps(body).encode()),)
    response = toys.house.call("tasks", name)
    assert response.status_code == status
    assert status == 200 or "b is not yours" in response.json()["error"]


def test_graphql_errors_in_a_200_are_a_failure(toys: Fixture) -> None:
    toys.toy.script = (answer(body=b'{"errors": [{"message": "no such team"}], "data": null}'),)
    response = toys.house.call("tasks", "graph", {"team": "t"})
    assert response.status_code >= 400
    assert "no such team" in response.json()["error"]


def test_connections_give_address_and_credential(toys: Fixture) -> None:
    people = [{"id": 1, "full": "Ann", "friends": [{"id": 2}, {"id": 3}]}, {"id": 2, "full": "Ben"}]
    keys = toys.house.client.get("/api/skills/linked").json()["auth"]
    assert [each["credential"] for each in keys] == ["api", "odd"]
    reply, request = toys.call("linked", "list_people", {"q": "a", "workspace": "w"}, people)
    assert reply == [
        {"id": 1, "name": "Ann", "knows": {"person": [{"id": 2}, {"id": 3}]}},
        {"id": 2, "name": "Ben", "knows": None},
    ]
    assert target(request) == "/v1/people?q=a&in=w"
    assert f"Bearer {KEY}".encode() in request.head
    assert target(toys.call("linked", "get_person", {"id": "7"}, people[1])[1]) == "/v1/people/7"


def test_a_connection_of_none_sends_no_credential(toys: Fixture) -> None:
    reply, request = toys.call("linked", "public", {}, {"a": 1})
    assert reply == {"a": 1}
    assert KEY.encode() not in request.head


def test_a_credential_beyond_a_prefix_is_put_in_by_the_request(toys: Fixture) -> None:
    _, request = toys.call("linked", "odd_one", {}, {"a": 1})
    assert target(request) == "/odd/one"
    assert b"c2stdG95LWNhbmFyeS0wMTIzNDU2Nzg5YWJjZGVm" in request.head


@pytest.mark.parametrize(
    ("skill", "name", "reason"),
    [
        ("tasks", "task.native", "swift"),
        ("tasks", "task.future", "response.sorcery"),
        ("linked", "cookie", "cookies"),
    ],
)
def test_what_is_not_run_here_is_501_and_listed_with_its_reason(
    toys: Fixture, skill: str, name: str, reason: str
) -> None:
    response = toys.house.call(skill, name)
    assert response.status_code == 501
    assert response.json()["code"] == "not_supported"
    assert reason in response.json()["error"]
    assert reason in toys.house.client.get(f"/api/skills/{skill}").json()["unavailable"][name]


@pytest.mark.parametrize(("skill", "name"), [("tasks", "task.dump"), ("linked", "scripted")])
def test_what_runs_on_this_machine_asks_for_approval(toys: Fixture, skill: str, name: str) -> None:
    refused = toys.house.call(skill, name)
    assert (refused.status_code, refused.json()["code"]) in ((409, "approval_required"), (503, "not_available"))


def test_operations_are_listed_beside_utilities(toys: Fixture) -> None:
    shown = toys.house.client.get("/api/skills/tasks").json()
    assert shown["utilities"]["task.list"]["kind"] == "operation"
    assert shown["utilities"]["task.list"]["alias"] == "task_list"
    assert shown["utilities"]["teams"]["kind"] == "utility"
    assert shown["utilities"]["task.get"]["web_url"] == "https://toy.example/app/{id}"
    assert shown["utilities"]["task.delete"]["effect"] == "destroy"
    assert shown["seed"][0]["id"] == "toy"


def test_a_mistake_in_a_mapping_is_shown_where_it_stands(tmp_path: Path) -> None:
    folder = tmp_path / "skills"
    folder.mkdir(parents=True)
    (folder / "tasks.md").write_text(C.replace("title: .content", "title: .content | nope"))
    with house(tmp_path) as served:
        shown = served.client.get("/api/skills/tasks").json()
    line = C[: C.index("title: .content")].count("\n") + 1
    column = C.split("\n")[line - 1].index(".content") + len(".content | ") + 1
    assert [(each["line"], each["column"]) for each in shown["problems"]] == [(line, column)]
    assert "nope" in shown["problems"][0]["message"]


def test_a_mistake_in_a_request_takes_its_own_callable_only(tmp_path: Path) -> None:
    folder = tmp_path / "skills"
    folder.mkdir(parents=True)
    (folder / "tasks.md").write_text(
        C.replace("{limit: .params.limit | tostring}", "{limit: .params.limit | nope}")
    )
    with Toy(answer(body=b"{}")) as toy, house(tmp_path, rewrite={ORIGIN: toy.origin}, environ={}) as served:
        shown = served.client.get("/api/skills/tasks").json()
        refused = served.call("tasks", "task.list")
    assert "task.list" not in shown["utilities"]
    assert "task.get" in shown["utilities"]
    assert (refused.status_code, refused.json()["code"]) == (503, "skill_broken")
    assert "nope" in refused.json()["error"]


BARE = """---
id: bare
name: Bare
description: A key that only what is not run here would use
auth: {type: api_key, label: Key}
operations:
  item.list: {description: List, returns: "item[]", rest: {url: https://toy.example/items}}
  item.pull: {description: Pull, returns: "item[]", command: {binary: bash, args: [-c, "echo {{params.x}}"]}}
utilities:
  item_list: {description: The same without a dot, returns: void, rest: {url: https://toy.example/other}}
---
"""


def test_names_that_meet_without_dots_and_a_key_that_nothing_uses(tmp_path: Path) -> None:
    folder = tmp_path / "skills"
    folder.mkdir(parents=True)
    (folder / "bare.md").write_text(BARE)
    with Toy(answer(body=b"[1]")) as toy, house(tmp_path, rewrite={ORIGIN: toy.origin}, environ={}) as served:
        shown = served.client.get("/api/skills/bare").json()
        refused = [served.call("bare", name) for name in ("item.list", "item_list")]
    assert list(shown["utilities"]) == ["item.pull"]
    assert [each.json()["code"] for each in refused] == ["skill_broken", "skill_broken"]
    assert "item_list" in shown["problems"][0]["message"]


def test_constants_of_a_connection_go_out_beside_its_credential_and_without_one(toys: Fixture) -> None:
    _, request = toys.call("linked", "list_people", {"q": "x"}, [])
    assert b"X-Client: toy\r\n" in request.head
    assert b"Accept: application/vnd.toy+json\r\n" in request.head
    _, request = toys.call("linked", "plain_one", {"day": "x"}, {})
    assert target(request) == "/plain/of/x?v=2"
    assert b"authorization" not in request.head.lower()


def test_a_text_that_only_says_that_a_param_is_not_given_is_left_out(toys: Fixture) -> None:
    _, request = toys.call("linked", "plain_one", {"day": "x", "many": 3}, {})
    assert target(request) == "/plain/of/x?v=2&many=3"


def test_a_space_in_a_computed_url_is_encoded(toys: Fixture) -> None:
    _, request = toys.call("linked", "plain_one", {"day": "two days"}, {})
    assert target(request) == "/plain/of/two%20days?v=2"
    assert toys.house.call("linked", "plain_one", {"day": "two/days"}).status_code == 400


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"repo": "acme/site"}, "/repos/acme/site/git/x/end"),
        ({"repo": "acme"}, "/repos/acme/git/x/end"),
        ({"repo": "acme/site", "ref": "heads/v1"}, "/repos/acme/site/git/heads/v1/end"),
        ({"repo": "acme/site/issues"}, None),
        ({"repo": "acme/.."}, None),
        ({"repo": "../site"}, None),
        ({"repo": "acme/%2e%2e"}, None),
        ({"repo": "acme/"}, None),
        ({"repo": "/site"}, None),
        ({"repo": "/"}, None),
        ({"repo": "acme/site?a=b"}, None),
        ({"repo": "acme/site#"}, None),
        ({"repo": "acme\\x/site"}, None),
        ({"repo": "acme/site", "ref": "a/b/c"}, None),
    ],
)
def test_a_param_fills_as_many_segments_as_its_author_shows(toys: Fixture, params: Any, path: str | None) -> None:
    if path is None:
        before = len(toys.toy.requests)
        assert toys.house.call("linked", "repo_one", params).status_code == 400
        assert len(toys.toy.requests) == before
    else:
        assert target(toys.call("linked", "repo_one", params, {})[1]) == path


def test_an_expression_of_the_time_is_computed(toys: Fixture) -> None:
    _, request = toys.call("linked", "plain_one", {"day": "x"}, {})
    assert json.loads(request.body) == {"at": 4}


def test_a_fixed_reply_and_a_void_ask_nothing_of_the_answer(toys: Fixture) -> None:
    toys.toy.script = (answer(200, body=b""),)
    assert toys.house.call("linked", "closed").json() == {"done": True}
    assert toys.house.call("linked", "ping").json() is None
    assert toys.call("linked", "ping", reply={"data": {}})[0] is None
    assert toys.call("linked", "ping", reply={"data": {"ok": 1}})[0] == 1


def test_a_url_that_a_param_computes_disables_its_callable_only(toys: Fixture) -> None:
    response = toys.house.call("linked", "anywhere", {"url": "https://toy.example/"})
    assert (response.status_code, response.json()["code"]) == (501, "not_supported")


def test_urls_that_an_operation_reads_and_what_its_verb_does_are_shown(
    toys: Fixture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = toys.house.client.get("/api/skills/linked").json()["utilities"]
    assert shown["list_people"]["handles_urls"] == ["toy.example/people*"]
    assert shown["list_people"]["web_url"] == "https://toy.example/{workspace}"
    assert (shown["list_people"]["effect"], shown["complete_person"]["effect"]) == ("read", "write")
    assert shown["public"]["handles_urls"] == []
    environ = {
        "AGENTOS_HOME": str(tmp_path),
        "AGENTOS_SKILLS": str(toys.house.skills),
        "AGENTOS_ONLY_SKILLS": "true",
    }
    for words in ("example/people", "https://www.toy.example/people/ann?tab=1"):
        assert run(("search", words, "--json"), environ) == 0
        found = json.loads(capsys.readouterr().out)["results"]
        assert [(each["kind"], each["description"]) for each in found] == [("url", "read by linked/list_people")]
    refused = toys.house.client.post("/api/use", json={"url": "https://elsewhere.example/film/7"})
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown_origin")
    assert refused.json()["read_by"] == ["linked/get_person"]
    assert run(("search", "https://toy.example/pets", "--json"), environ) == 0
    assert json.loads(capsys.readouterr().out)["results"] == []


def test_an_accounts_params_are_what_the_operator_set_unless_a_call_says_them(
    toys: Fixture, tmp_path: Path
) -> None:
    (tmp_path / "skills").mkdir()
    (tmp_path / "skills" / "linked.md").write_text(E)
    settings = {"linked": {"workspace": "acme"}}
    with (
        Toy(answer(body=b"[]")) as toy,
        house(
            tmp_path, rewrite={ORIGIN: toy.origin}, environ={"LINKED_API_KEY": KEY}, skill_settings=settings
        ) as served,
    ):
        assert served.call("linked", "list_people").status_code == 200
        assert target(toy.requests[-1]) == "/v1/people?in=acme"
        assert served.call("linked", "list_people", {"workspace": "other"}).status_code == 200
        assert target(toy.requests[-1]) == "/v1/people?in=other"


@pytest.mark.parametrize("known", [False, True])
def test_who_stores_a_key_is_told_how_to_say_what_is_the_same_for_the_account(tmp_path: Path, known: bool) -> None:
    console = Console(tmp_path / "home", tmp_path / "skills")
    console.home.mkdir(mode=0o700)
    console.write("linked.md", E)
    if known:
        (console.home / "config.toml").write_text('[skill_settings.linked]\nworkspace = "acme"\n')
    stored = console.run("keys", "set", "linked", "--credential", "api", stdin=KEY)
    assert stored.code == 0, stored.err
    said = "agentos keys set linked --param workspace=…" in stored.err
    assert said is not known
    assert KEY not in stored.err


@pytest.mark.slow
def test_what_is_the_same_for_an_account_is_asked_for_after_its_key_and_holds_for_all_calls(
    toys: Fixture, tmp_path: Path
) -> None:
    console = Console(tmp_path / "home", tmp_path / "skills")
    console.home.mkdir(mode=0o700)
    console.write("linked.md", E)
    command = ("keys", "set", "linked", "--credential", "api")
    stored = console.asked({"Key: ": KEY, "not now) []: ": "acme"}, *command)
    assert stored.code == 0, stored.out
    config = console.home / "config.toml"
    assert tomllib.loads(config.read_text()) == {"skill_settings": {"linked": {"workspace": "acme"}}}
    with Toy(answer(body=b"[]")) as toy:
        called = console.run("call", "linked", "list_people", AGENTOS_REWRITE=f"{ORIGIN}={toy.origin}")
        assert called.code == 0, called.err
        assert target(toy.requests[-1]) == "/v1/people?in=acme"
    config.write_text(f"port = 4000 # mine\n{config.read_text()}other = [\n  1]\n")
    said = console.run(*command, "--param", "workspace=b c", "--json", stdin=KEY)
    assert (said.code, said.json["account_params"]) == (0, ["workspace"]), said.err
    assert config.read_text().startswith("port = 4000 # mine\n")
    assert tomllib.loads(config.read_text())["skill_settings"] == {"linked": {"workspace": "b c", "other": [1]}}
    wrong = console.run(*command, "--param", "worksapce=x", stdin=KEY)
    assert (wrong.code, "Did you mean workspace?" in wrong.err) == (2, True), wrong.err
    config.write_text('skill_settings.linked = {workspace = "by hand"}\n')
    left = console.run(*command, "--param", "workspace=x", stdin=KEY)
    assert (left.code, 'workspace = "x"' in left.err) == (1, True), left.err
    assert config.read_text() == 'skill_settings.linked = {workspace = "by hand"}\n'


words = st.text(st.sampled_from('ab"\\ é#[]=\n\x7f'), max_size=6)


@given(words, st.booleans(), st.booleans(), words)
def test_a_setting_that_is_written_in_says_itself_and_leaves_the_rest(
    value: str, before: bool, there: bool, name: str
) -> None:
    text = (
        "port = 4000  # mine\n" * before
        + '[skill_settings.toy]\nold = "x" # y\na = 1\n' * there
        + "[limits.me]\ncalls = []\n"
    )
    written = with_skill_settings(text, "toy", {name: value, "a": True})
    assert written is not None or "\x7f" in value + name
    if written is not None:
        read, was = tomllib.loads(written), tomllib.loads(text)
        own = was.pop("skill_settings", {}).get("toy", {})
        assert read.pop("skill_settings") == {"toy": own | {name: value} | {"a": True}}
        assert read == was
        assert all(line in written for line in text.splitlines() if line != "a = 1")
