"""Skill files as strangers of AgentOS's language write them: what a file has that ours has not is never its end."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.cli.main import run
from tests.end_to_end.house import house
from tests.language.test_agentos import KEY, ORIGIN, Fixture, target
from tests.toy.raw import Toy, answer, answer_json

BARE = """---
id: bare
name: Bare
description: Nothing but utilities, and keys that only AgentOS has
icon: https://toy.example/icon.png
color: red
website: toy.example
privacy_url:
auth: {type: api_key, label: Key}
connects_to: bare
utilities:
  look_up:
    description: One
    returns: {domain: string, made: datetime}
    params: {domain: {type: string, required: true}}
    web_url: '"https://toy.example/" + (.params.domain | ascii_upcase)'
    rest: {url: '"https://toy.example/" + .params.domain + "?k=" + .auth.key', response: {root: /}}
  say: {description: A placeholder, returns: void, params: {a: {type: string}}, rest: {method: POST, url: https://toy.example/s, body: {a: "{{params.a}}"}}}
---
"""  # noqa: E501
KINDS = """---
id: kinds
name: Kinds
description: Forms of each kind
auth: {type: cookies, domain: .toy.example, cookies: [sid]}
transformers:
  film:
    mapping:
      id: .id
      played_by: {"person[]": {_source: .cast, id: .id, data.role: .role}}
      made_by: {person: {id: .by, data.born: .born}}
operations:
  film.get: {description: One, returns: film, auth: none, rest: {url: https://toy.example/film}}
  film.list:
    description: A url that is chosen
    returns: film[]
    auth: none
    params: {feed: {type: string}, n: {type: integer, default: 3}}
    web_url: 'if .params.feed then "https://toy.example/f/" + .params.feed else null end'
    rest:
      url: 'if .params.feed == "new" then "https://toy.example/by_date?n=" + (.params.n | tostring) else "https://toy.example/all" end'
  film.odd:
    description: Branches of two services
    returns: film[]
    auth: none
    rest: {url: 'if true then "https://toy.example/a" else "https://other.example/b" end'}
  film.find:
    description: GraphQL with a filter of which nothing may be left
    returns: film[]
    auth: none
    params: {team: {type: string}, all: {type: object}}
    web_url: "{{params.team}}"
    graphql:
      endpoint: https://toy.example/g
      query: "query($f: F, $all: A) { films(f: $f, all: $all) { id } }"
      variables: {f: {team: {id: {eq: .params.team}}}, all: .params.all}
      response: {root: /data/films}
  film.delete:
    description: A void with a fixed value
    returns: void
    auth: none
    rest: {method: DELETE, url: https://toy.example/film, response: {mapping: {done: 'true', id: .id}}}
  film.drop:
    description: A void with a value of the answer
    returns: void
    auth: none
    rest: {method: DELETE, url: https://toy.example/film, response: {mapping: {id: .id, by: '.by | ascii_upcase'}}}
  film.chain: {description: Not known, returns: film, auth: none, rest: {url: "https://toy.example/{{one.data.id}}"}}
---
"""  # noqa: E501
STORE = """---
id: store
name: Store
description: A database of another kind
auth: {type: connection_string, placeholder: "postgresql://user:password@localhost:5432/mine"}
utilities:
  run: {description: Any, returns: array, params: {sql: {type: string}}, sql: {query: "{{params.sql | raw}}"}}
  one: {description: One, returns: array, sql: {query: SELECT 1}}
---
"""


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fixture]:
    folder = tmp_path_factory.mktemp("strangers")
    (folder / "skills").mkdir()
    for name, text in (("bare", BARE), ("kinds", KINDS), ("store", STORE)):
        (folder / "skills" / f"{name}.md").write_text(text)
    with contextlib.ExitStack() as stack:
        toy = stack.enter_context(Toy(answer(body=b"{}")))
        environ = {"BARE_API_KEY": KEY}
        yield Fixture(stack.enter_context(house(folder, rewrite={ORIGIN: toy.origin}, environ=environ)), toy)


def test_a_file_of_nothing_but_utilities_is_read_as_one_of_agentos(toys: Fixture) -> None:
    shown = toys.house.client.get("/api/skills/bare").json()
    assert (shown["dialect"], shown["state"]) == ("C", "ready")
    assert {(each["severity"], each["message"].split(" ")[0]) for each in shown["problems"]} == {
        ("warning", "`icon`"), ("warning", "`color`"), ("warning", "`website`"),
    }  # fmt: skip
    reply, request = toys.call("bare", "look_up", {"domain": "a.com", "zz": 1}, {"domain": "a.com", "made": "2024"})
    assert reply == {"domain": "a.com", "made": "2024"}
    assert target(request) == f"/a.com?k={KEY}"
    assert json.loads(toys.call("bare", "say", {"a": "x"})[1].body) == {"a": "x"}


def test_names_with_a_dot_nest_in_typed_references_too(toys: Fixture) -> None:
    film = {"id": 1, "by": 2, "born": 1970, "cast": [{"id": 3, "role": "P"}]}
    assert toys.call("kinds", "film.get", {}, film)[0] == {
        "id": 1,
        "played_by": {"person": [{"id": 3, "data": {"role": "P"}}]},
        "made_by": {"person": {"id": 2, "data": {"born": 1970}}},
    }


@pytest.mark.parametrize(
    ("params", "path"), [({}, "/all"), ({"feed": "new"}, "/by_date?n=3"), ({"feed": "new", "n": 5}, "/by_date?n=5")]
)
def test_a_url_may_be_chosen_among_addresses_of_one_service(toys: Fixture, params: Any, path: str) -> None:
    assert target(toys.call("kinds", "film.list", params, [])[1]) == path


@pytest.mark.parametrize(
    ("params", "variables"),
    [
        ({}, None),
        ({"team": "t"}, {"f": {"team": {"id": {"eq": "t"}}}}),
        ({"all": {"any": {}}}, {"all": {"any": {}}}),
    ],
)
def test_of_a_filter_nothing_is_sent_when_nothing_is_left_of_it(toys: Fixture, params: Any, variables: Any) -> None:
    request = toys.call("kinds", "film.find", params, {"data": {"films": []}})[1]
    assert json.loads(request.body).get("variables") == variables


@pytest.mark.parametrize(
    ("skill", "name", "said"),
    [
        ("kinds", "film.odd", "it computes where its request goes"),
        ("kinds", "film.chain", "it has the placeholder {{one.data.id}}"),
        ("store", "run", "it needs a database other than SQLite"),
        ("store", "one", "it needs a database other than SQLite"),
    ],
)
def test_what_is_not_run_says_so_in_a_sentence(toys: Fixture, skill: str, name: str, said: str) -> None:
    response = toys.house.call(skill, name)
    assert (response.status_code, response.json()["code"]) == (501, "not_supported")
    assert f"cannot be called: {said}" in response.json()["error"]
    assert not toys.house.client.get(f"/api/skills/{skill}").json().get("problems")


@pytest.mark.parametrize(
    ("name", "answered", "reply"),
    [
        ("film.delete", None, {"done": True, "id": None}),
        ("film.delete", {"id": 1}, {"done": True, "id": 1}),
        ("film.drop", None, None),
        ("film.drop", {"id": 1, "by": "a"}, {"id": 1, "by": "A"}),
    ],
)
def test_a_void_gives_what_its_mapping_makes_of_nothing(
    toys: Fixture, name: str, answered: Any, reply: Any
) -> None:
    assert toys.call("kinds", name, {}, answered)[0] == reply


def test_a_page_in_jq_is_kept_and_evaluated_for_who_looks_and_only_as_https(
    toys: Fixture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = toys.house.client.get("/api/skills/kinds").json()["utilities"]
    assert shown["film.list"]["web_url"].startswith("if .params.feed then")
    environ = {
        "AGENTOS_HOME": str(tmp_path),
        "AGENTOS_SKILLS": str(toys.house.skills),
        "AGENTOS_ONLY_SKILLS": "true",
        "AGENTOS_REWRITE": f"{ORIGIN}={toys.toy.origin}",
    }
    toys.toy.script = (answer(body=b'{"data": {"films": []}}'),)

    def page(name: str, *params: str) -> str | None:
        run(("call", "kinds", name, *params, "--explain", "--jsonl"), environ)
        stages = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return next((each["value"] for each in stages if each.get("stage") == "page"), None)

    assert page("film.list", "feed=x") == "https://toy.example/f/x"
    assert page("film.list") is None
    assert page("film.find", "team=https://toy.example/t") == "https://toy.example/t"
    assert page("film.find", "team=http://toy.example/t") is None


LISTED = """---
id: demo
name: Demo
description: A demonstration
connections: {api: {base_url: https://toy.example}}
adapters:
  post:
    title: .t
    "tag[]": {_source: .tags, name: .n, "part[]": {_source: .p, id: .}}
operations:
  get_post: {description: One, returns: post, connection: api, rest: {url: /post}}
---
"""


def test_a_list_of_linked_things_needs_no_relation_around_it(tmp_path: Path) -> None:
    skills = tmp_path / "skills"
    skills.mkdir()
    (skills / "demo.md").write_text(LISTED, encoding="utf-8")
    body = {"t": "T", "tags": [{"n": "a", "p": [1, 2]}, {"n": "b"}]}
    with Toy(answer_json(body)) as toy, house(tmp_path, rewrite={ORIGIN: toy.origin}) as running:
        reply = running.call("demo", "get_post").json()
    tags = [{"name": "a", "part": [{"id": 1}, {"id": 2}]}, {"name": "b", "part": None}]
    assert reply == {"title": "T", "tag": tags}
