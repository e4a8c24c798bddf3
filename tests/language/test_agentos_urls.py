"""Urls that files of AgentOS compute, params that are not set or not declared, and the connection of a call."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_runtime.jq.sums import beginning, deciding, needed
from tests.end_to_end.house import house
from tests.language.test_agentos import KEY, ORIGIN, Fixture, target
from tests.toy.raw import Toy, answer

URLS = {
    "encoded": '@uri "https://toy.example/p/\\(.params.a)?q=\\(.params.b)"',
    "joined": '["https://toy.example/p", .params.a, "x"] | join("/")',
    "relative": '["/p", .params.a] | join("/")',
    "added": '["https://toy.example/p/", .params.a] | add',
    "defined": 'def clean: ltrimstr("r/"); "https://toy.example/r/" + (.params.a | clean)',
    "bound": '.params.a as $a | "https://toy.example/b/\\($a)"',
    "chosen": 'if .params.b == "new" then "https://toy.example/new" else "https://toy.example/by/" + .params.a end',
    "middle": '"https://toy.example/m" + (if .params.b == "all" then "/a/l/l" else "" end) + "?c=" + .params.a',
    "plain": '"https://toy.example/s/" + .params.a + "?b=" + .params.b + "&c=" + (.params.c | tostring)',
    "inside": '"https://toy.example/i/\\(.params.a)/x?b=\\(.params.b)"',
    "split_list": '"https://toy.example/l?ids=" + (.params.list | join(","))',
    "free": ".params.a",
    "subdomain": '"https://" + .params.a + ".toy.example/x"',
    "inner": '"https://\\(.params.a).toy.example/x"',
    "several": 'if .params.a then "https://toy.example/x" else "https://other.example/x" end',
    "renamed": '"https://toy.example/x" | sub("toy"; .params.a)',
}
FRONT = """---
id: computed
name: Computed
description: Urls
connections:
  none_of_it: {base_url: https://other.example, cookies: {domain: .other.example}}
  api: {base_url: https://toy.example/base, header: {X-Key: .auth.key}}
  open: {base_url: https://toy.example/open}
operations:
  listed: {description: d, returns: object, connection: [none_of_it, api], rest: {url: /l}}
  unlisted: {description: d, returns: object, connection: [api, nobody], rest: {url: /l}}
  told: {description: d, returns: object, rest: {url: https://toy.example/open/x}}
  untold: {description: d, returns: object, rest: {url: /x}}
  bare: {description: d, returns: object, connection: none, rest: {url: /x}}
  texts:
    description: d
    returns: object
    connection: api
    params: {a: {type: string}, n: {type: integer}}
    rest:
      method: POST
      url: /t
      query: {since: '.params.a + "T00:00:00Z"', page: '.params.n + 1', extra: .params.extra}
      body: {label: '"for \\(.params.a)"', kept: '"x" + (.params.a // "y")'}
  slip: {description: d, returns: object, connection: api, params: {limit: {type: integer}}, rest: {url: /s, query: {l: .params.limt}}}
"""  # noqa: E501


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fixture]:
    folder = tmp_path_factory.mktemp("computed")
    (folder / "skills").mkdir()
    params = "params: {a: {type: string}, b: {type: string}, c: {type: integer}, list: {type: array}}"
    head = f"description: d, returns: object, connection: open, {params}"
    more = "".join(f"  u_{name}: {{{head}, rest: {{url: {json.dumps(url)}}}}}\n" for name, url in URLS.items())
    (folder / "skills" / "computed.md").write_text(f"{FRONT}{more}---\n")
    with contextlib.ExitStack() as stack:
        toy = stack.enter_context(Toy(answer(body=b"{}")))
        environ = {"COMPUTED_API_KEY": KEY}
        yield Fixture(stack.enter_context(house(folder, rewrite={ORIGIN: toy.origin}, environ=environ)), toy)


@pytest.mark.parametrize(
    ("name", "params", "path"),
    [
        ("encoded", {"a": "x/y", "b": "1&2"}, "/p/x%2Fy?q=1%262"),
        ("joined", {"a": "v"}, "/p/v/x"),
        ("relative", {"a": "v"}, "/open/p/v"),
        ("added", {"a": "v"}, "/p/v"),
        ("defined", {"a": "r/python"}, "/r/python"),
        ("bound", {"a": "v"}, "/b/v"),
        ("chosen", {"b": "new"}, "/new"),
        ("chosen", {"a": "v", "b": "old"}, "/by/v"),
        ("middle", {"a": "v", "b": "all"}, "/m/a/l/l?c=v"),
        ("middle", {"a": "v"}, "/m?c=v"),
        ("plain", {"a": "v", "b": "w", "c": 3}, "/s/v?b=w&c=3"),
        ("split_list", {"list": ["1", "2"]}, "/l?ids=1,2"),
    ],
)
def test_a_computed_url_that_begins_with_its_service_is_called(
    toys: Fixture, name: str, params: Any, path: str
) -> None:
    assert target(toys.call("computed", f"u_{name}", params, {})[1]) == path


@pytest.mark.parametrize(
    ("name", "params", "path"),
    [
        ("plain", {"a": "v"}, "/s/v"),
        ("plain", {"a": "v", "c": 3}, "/s/v?c=3"),
        ("plain", {"a": "v", "b": "null"}, "/s/v?b=null"),
        ("inside", {"a": "v"}, "/i/v/x"),
        ("middle", {}, "/m"),
    ],
)
def test_an_unset_param_takes_its_pair_out_of_a_computed_url(
    toys: Fixture, name: str, params: Any, path: str
) -> None:
    assert target(toys.call("computed", f"u_{name}", params, {})[1]) == path


@pytest.mark.parametrize("name", ["plain", "inside", "joined", "encoded", "added"])
def test_a_computed_url_with_a_hole_in_its_path_is_never_asked_for(toys: Fixture, name: str) -> None:
    before = len(toys.toy.requests)
    response = toys.house.call("computed", f"u_{name}", {"b": "w"})
    assert (response.status_code, response.json()["problems"]) == (
        400,
        [{"path": response.json()["problems"][0]["path"], "message": "is not set, and the url needs it"}],
    )
    assert response.json()["problems"][0]["path"].split(" or ")[0] == "a"
    assert len(toys.toy.requests) == before


@pytest.mark.parametrize("name", ["free", "subdomain", "inner", "several"])
def test_a_url_whose_service_a_param_could_choose_is_not_run(toys: Fixture, name: str) -> None:
    response = toys.house.call("computed", f"u_{name}", {"a": "x"})
    assert (response.status_code, response.json()["code"]) == (501, "not_supported")
    assert "computes where its request goes" in response.json()["error"]


@pytest.mark.parametrize("hostile", ["../x", "a/b", "a?b", "a#b", "..", "a\\b"])
@pytest.mark.parametrize("name", ["joined", "added", "bound", "relative"])
def test_no_param_changes_the_path_of_a_computed_url(toys: Fixture, name: str, hostile: str) -> None:
    before = len(toys.toy.requests)
    response = toys.house.call("computed", f"u_{name}", {"a": hostile})
    assert (response.status_code, len(toys.toy.requests)) == (400, before)


def test_a_url_that_is_changed_after_it_began_with_its_service_stays_there(toys: Fixture) -> None:
    before = len(toys.toy.requests)
    response = toys.house.call("computed", "u_renamed", {"a": "x"})
    assert (response.status_code, len(toys.toy.requests)) == (400, before)


def test_a_text_with_a_hole_in_it_is_left_out_and_sums_of_numbers_stay(toys: Fixture) -> None:
    request = toys.call("computed", "texts", {}, {})[1]
    assert (target(request), json.loads(request.body)) == ("/base/t?page=1", {"kept": "xy"})
    request = toys.call("computed", "texts", {"a": "2024", "n": 2}, {})[1]
    assert target(request) == "/base/t?since=2024T00%3A00%3A00Z&page=3"
    assert json.loads(request.body) == {"label": "for 2024", "kept": "x2024"}


def test_a_param_that_is_used_and_not_declared_may_be_sent_unless_it_is_a_slip(toys: Fixture) -> None:
    assert target(toys.call("computed", "texts", {"extra": "e"}, {})[1]) == "/base/t?page=1&extra=e"
    response = toys.house.call("computed", "slip", {"limt": 3})
    assert response.headers["x-ignored-params"] == "limt"


@pytest.mark.parametrize(
    ("name", "path", "key"),
    [("listed", "/base/l", KEY), ("told", "/open/x", None), ("u_relative", "/open/p/v", None)],
)
def test_the_connection_is_the_first_that_works_here_or_the_one_that_the_url_names(
    toys: Fixture, name: str, path: str, key: str | None
) -> None:
    request = toys.call("computed", name, {"a": "v"}, {})[1]
    assert (target(request), request.header("x-key")) == (path, key)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("unlisted", "there is no connection `nobody`"),
        ("untold", "names none of the connections none_of_it, api, open"),
        ("bare", "has a url that begins with `/`, and nothing says the address before it"),
    ],
)
def test_a_connection_that_cannot_be_known_is_told(toys: Fixture, name: str, said: str) -> None:
    response = toys.house.call("computed", name)
    assert (response.status_code, response.json()["code"]) == (501, "not_supported")
    assert said in response.json()["error"]


@pytest.mark.parametrize(
    ("source", "start", "holes", "choices"),
    [
        ('"a" + (.params.x | tostring)', "a", {"x"}, set()),
        (".params.x + 1", "", set(), set()),
        ('"a" + (.params.x // "b")', "a", set(), set()),
        ('if .params.x then "ab" else "ac" + .params.y end', "a", set(), {"x"}),
        ('if .params.x then "a" + .params.x else "a" end', "a", set(), set()),
        ('if .params.x then "a" else "a" + (.params | tostring) end', "a", set(), set()),
        ('if .params.x then "a" else . end', "", set(), set()),
        ('"a" + (if .params.x then "b" else "c" end | ascii_upcase)', "a", set(), {"x"}),
        ('.params.x as $x | "a\\($x)"', "a", set(), set()),
        ("not [ jq", "", set(), set()),
    ],
)
def test_what_is_known_of_a_text_without_evaluating_it(
    source: str, start: str, holes: set[str], choices: set[str]
) -> None:
    assert (beginning(source), {*needed(source)}, {*deciding(source)}) == (start, holes, choices)


@given(st.text(max_size=30))
def test_of_any_text_something_is_known_or_nothing(source: str) -> None:
    assert isinstance(beginning(source), str)
    assert needed(source) | deciding(source) <= {*source.split("."), *needed(source), *deciding(source)}
