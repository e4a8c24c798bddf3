"""What a manifest and a caller make of a request, as the upstream gets it: urls, headers, queries, bodies, keys."""

import base64
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.end_to_end.house import House, house
from tests.sizes import examples
from tests.toy.raw import Received, Toy, answer, echo

ORIGIN = "https://toy.example"
HALF = "half \ud83d"
SECRET = "sk-canary/+ 0123456789"
USERNAME, PASSWORD = "ann", "pass:word-0123456789"

MANIFEST = r"""---
id: toy
name: Toy
description: A toy
api: {base_url: "https://toy.example/v1"}
utilities:
  template:
    description: A literal url with params
    params: {id: {}, limit: {type: integer}, q: {type: string}}
    rest: {url: "/items/{id}/sub?limit={limit}&q={q}&fixed=1"}
  slashes:
    description: A param that keeps its slashes
    params: {path: {type: string, required: true}}
    rest: {url: "/files/{+path}/end"}
  expression:
    description: A jq url without care
    params: {id: {type: string}, q: {type: string}}
    rest: {url: '"https://toy.example/a/" + .params.id + "/b?x=" + (.params.q // "none")'}
  open:
    description: A jq url whose host a param could move
    params: {id: {type: string}}
    rest: {url: '"https://toy.example" + .params.id'}
  encoded:
    description: A jq url with care
    params: {id: {type: string}}
    rest: {url: '"https://toy.example/a/\(.params.id | @uri)/b"'}
  choosing:
    description: A jq url that depends on a listed choice
    params: {kind: {type: string, enum: [x, "y/z"]}}
    rest: {url: '"https://toy.example/" + (if .params.kind == "x" then "x" else "other/way" end)'}
  pieces:
    description: Headers and query
    params: {h: {}, list: {type: array}, flag: {type: boolean}, number: {type: number}, none: {}}
    rest:
      url: /pieces?kept=1
      headers: {X-Thing: .params.h, X-Version: 1.10, X-None: .params.none}
      query: {list: .params.list, flag: .params.flag, number: .params.number, none: .params.none, empty: ""}
  links:
    description: Urls as values
    params: {id: {type: string}, q: {type: string}}
    rest:
      method: POST
      url: /links
      headers: {Referer: "https://toy.example/from/{id}"}
      query: {next: "/next/{id}"}
      body: {back: "https://toy.example/back/{id}?q={q}&x=1", list: ["/a/{+id}", "/fixed"]}
  body:
    description: A walked body
    params: {a: {}, b: {}, list: {type: array}, extra: {type: object}}
    rest:
      method: POST
      url: /body
      keep_null: [kept, deep.kept]
      body:
        a: .params.a
        fixed: {text: literal, number: 1.5, no: false, list: [1, .params.a, empty_list]}
        deep: {b: .params.b, kept: .params.b, none: '(empty)'}
        kept: .params.b
        joined: '[.params.list // [] | .[] | tostring] | join("-")'
      body_extra: .params.extra
  form:
    description: A form
    params: {a: {}, list: {type: array}, object: {type: object}}
    rest:
      method: POST
      url: /form
      encoding: form
      body: {a: .params.a, list: .params.list, object: .params.object}
  text:
    description: Text
    params: {words: {type: string}}
    rest: {method: PUT, url: /text, encoding: text, body: .params.words}
  parts:
    description: A form in parts
    params: {words: {type: string}}
    rest: {method: POST, url: /parts, encoding: multipart, body: {words: .params.words}}
  several:
    description: An expression with several outputs
    params: {a: {}}
    rest: {method: POST, url: /several, body: {a: '(1, 2)'}}
  failing:
    description: An expression that fails on some data
    params: {a: {}}
    rest: {method: POST, url: /failing, body: {a: '.params.a | map(. + 1)'}}
---
"""


def auth_manifest(name: str, auth: str, rest: str = "{method: POST, url: /x, body: {given: 1}}") -> str:
    return f"""---
id: {name}
name: Auth
description: One form of auth
api: {{base_url: "https://toy.example"}}
auth: {auth}
utilities:
  go:
    description: Go
    params: {{q: {{}}}}
    rest: {rest}
---
"""


AUTHS = {
    "bearer": '{type: api_key, header: Authorization, prefix: "Bearer "}',
    "in-query": "{type: api_key, query: api_key}",
    "basic": "{type: basic}",
    "template": '{header: {X-Key: "k={token}"}, query: {org: "{org}"}, body: {secret: "{token}"}}',
    "written": "{type: api_key}",
}
WRITTEN = (
    "{url: '\"https://toy.example/\\(.auth.key)/x\"', "
    'headers: {X-Whole: .auth.key, X-Basic: \'"Basic " + ("me:" + .auth.key | @base64)\', '
    "X-Half: '.auth.key | split(\"/\")[0]'}, query: {k: .auth.key}}"
)
ENVIRON = {
    "BEARER_API_KEY": SECRET,
    "IN_QUERY_API_KEY": SECRET,
    "BASIC_USERNAME": USERNAME,
    "BASIC_PASSWORD": PASSWORD,
    "TEMPLATE_TOKEN": SECRET,
    "TEMPLATE_ORG": "org-0123456789",
    "WRITTEN_API_KEY": SECRET,
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, Toy]]:
    folder = tmp_path_factory.mktemp("requests")
    skills = folder / "skills"
    skills.mkdir()
    (skills / "toy.md").write_text(MANIFEST)
    for name, auth in AUTHS.items():
        rest = {"rest": WRITTEN} if name == "written" else {}
        (skills / f"{name}.md").write_text(auth_manifest(name, auth, **rest))
    with (
        Toy(answer(body=b"{}")) as toy,
        house(folder, rewrite={ORIGIN: toy.origin}, environ=ENVIRON) as running,
    ):
        yield running, toy


def sent(served: tuple[House, Toy], utility: str, params: Any, skill: str = "toy") -> Received:
    running, toy = served
    before = len(toy.requests)
    response = running.call(skill, utility, params)
    assert response.status_code == 200, response.text
    [request] = toy.requests[before:]
    return request


def refused(served: tuple[House, Toy], utility: str, params: Any) -> httpx.Response:
    running, toy = served
    before = len(toy.requests)
    response = running.call("toy", utility, params)
    assert response.status_code != 200
    assert toy.requests[before:] == []
    return response


def path_and_query(target: str) -> tuple[list[str], list[tuple[str, str]]]:
    path, _, query = target.partition("?")
    return path.split("/")[1:], parse_qsl(query, keep_blank_values=True)


@pytest.mark.parametrize(
    ("params", "target"),
    [
        ({"id": "a"}, "/v1/items/a/sub?fixed=1"),
        ({"id": 7, "limit": 5, "q": "a b&c"}, "/v1/items/7/sub?limit=5&q=a%20b%26c&fixed=1"),
        ({"id": "a/b?#é", "q": ""}, "/v1/items/a%2Fb%3F%23%C3%A9/sub?q=&fixed=1"),
    ],
)
def test_params_fill_one_segment_or_one_query_value(served: Any, params: Any, target: str) -> None:
    assert sent(served, "template", params).target == target


@pytest.mark.parametrize("bad", ["", ".", "..", None, ["x"], {"a": 1}])
def test_a_segment_is_never_empty_a_dot_or_no_single_value(served: Any, bad: Any) -> None:
    body = refused(served, "template", {"id": bad}).json()
    assert (body["code"], body["problems"][0]["path"]) == ("invalid_params", "id")


@settings(max_examples=examples(150), deadline=None)
@given(st.text(max_size=12), st.text(max_size=8))
def test_whatever_a_param_says_the_url_keeps_its_shape(served: Any, text: str, words: str) -> None:
    running, toy = served
    for utility, segments in (("template", 4), ("encoded", 3)):
        before = len(toy.requests)
        response = running.call("toy", utility, {"id": text, **({"q": words} if utility == "template" else {})})
        if response.status_code != 200:
            assert response.json()["code"] == "invalid_params"
            assert text in ("", ".", "..")
            continue
        path, query = path_and_query(toy.requests[before].target)
        assert len(path) == segments
        assert unquote(path[2 if utility == "template" else 1]) == text
        assert query == ([("q", words), ("fixed", "1")] if utility == "template" else [])


@settings(max_examples=examples(150), deadline=None)
@given(st.text(alphabet="ab/.@:?#&=%\\ é", max_size=8))
def test_a_jq_url_without_care_stays_where_its_author_sent_it(served: Any, text: str) -> None:
    running, toy = served
    before = len(toy.requests)
    response = running.call("toy", "expression", {"id": text, "q": "v"})
    if response.status_code != 200:
        assert response.json()["code"] == "invalid_params", response.text
        return
    request = toy.requests[before]
    path, query = path_and_query(request.target)
    assert (path[0], len(path), path[2]) == ("a", 3, "b")
    assert path[1] not in ("", ".", "..")
    assert [name for name, _ in query] == ["x"]


@pytest.mark.parametrize("text", ["a/b", "..", "", "x?y=1", "x#", "a\\b", "\n"])
def test_characters_that_would_change_a_jq_url_are_refused(served: Any, text: str) -> None:
    assert refused(served, "expression", {"id": text}).json()["code"] == "invalid_params"


@pytest.mark.parametrize("text", ["@evil.example", ".evil.example", ":1@evil.example/", "/x"])
def test_no_param_moves_the_host(served: Any, text: str) -> None:
    refused(served, "open", {"id": text})


def test_a_listed_choice_may_decide_over_the_url(served: Any) -> None:
    assert sent(served, "choosing", {"kind": "x"}).target == "/x"
    assert sent(served, "choosing", {"kind": "y/z"}).target == "/other/way"


def test_a_path_param_may_keep_its_slashes_but_not_climb(served: Any) -> None:
    assert sent(served, "slashes", {"path": "a b/c"}).target == "/v1/files/a%20b/c/end"
    for bad in ("../x", "a//b", "/a", "a/", "./a"):
        assert refused(served, "slashes", {"path": bad}).json()["code"] == "invalid_params"


def test_headers_and_queries_say_what_was_given_and_leave_out_what_was_not(served: Any) -> None:
    request = sent(served, "pieces", {"h": True, "list": [1, "b c", 2.5], "flag": False, "number": 1.0})
    assert request.target == "/v1/pieces?kept=1&list=1&list=b%20c&list=2.5&flag=false&number=1.0&empty="
    assert (request.header("x-thing"), request.header("x-version")) == ("true", "1.10")
    assert request.header("x-none") is None


@pytest.mark.parametrize("text", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "\x7f"])
def test_no_param_puts_a_line_into_the_headers(served: Any, text: str) -> None:
    assert refused(served, "pieces", {"h": text}).json()["code"] == "invalid_params"


def test_a_walked_body_leaves_out_nulls_except_those_it_keeps(served: Any) -> None:
    request = sent(served, "body", {"a": {"x": None}, "list": [1, "b"], "extra": {"fixed": 0, "more": None}})
    assert json.loads(request.body) == {
        "a": {"x": None},
        "fixed": 0,
        "deep": {"kept": None},
        "kept": None,
        "joined": "1-b",
        "more": None,
    }
    without = json.loads(sent(served, "body", {"a": 1}).body)
    assert without["fixed"] == {"text": "literal", "number": 1.5, "no": False, "list": [1, 1, "empty_list"]}


def test_a_url_may_be_a_value_and_is_left_out_without_its_param(served: Any) -> None:
    request = sent(served, "links", {"id": "a b/c", "q": "&"})
    assert request.header("referer") == "https://toy.example/from/a%20b%2Fc"
    assert parse_qsl(request.target.partition("?")[2]) == [("next", "/next/a%20b%2Fc")]
    assert json.loads(request.body) == {
        "back": "https://toy.example/back/a%20b%2Fc?q=%26&x=1",
        "list": ["/a/a%20b/c", "/fixed"],
    }
    bare = sent(served, "links", {})
    assert (bare.header("referer"), bare.target) == (None, "/v1/links")
    assert json.loads(bare.body) == {"list": [None, "/fixed"]}


def test_forms_and_texts_are_written_as_they_are_read_back(served: Any) -> None:
    request = sent(served, "form", {"a": "x&y=ü", "list": [1, "two"]})
    assert request.header("content-type") == "application/x-www-form-urlencoded"
    assert parse_qsl(request.body.decode()) == [("a", "x&y=ü"), ("list", "1"), ("list", "two")]
    assert refused(served, "form", {"object": {"a": 1}}).json()["code"] == "expression_failed"
    plain = sent(served, "text", {"words": "grüß"})
    assert (plain.method, plain.body, plain.header("content-type")) == (
        "PUT", "grüß".encode(), "text/plain; charset=utf-8",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("utility", "params", "path"),
    [
        ("template", {"id": HALF}, "id"),
        ("template", {"id": "a", "q": HALF}, "q"),
        ("slashes", {"path": f"a/{HALF}"}, "path"),
        ("pieces", {"list": ["a", HALF]}, "list"),
        ("form", {"a": HALF}, "a"),
        ("text", {"words": HALF}, "words"),
        ("parts", {"words": HALF}, "words"),
    ],
)
def test_half_of_a_character_is_told_where_it_is_and_sent_in_json_alone(
    served: Any, utility: str, params: Any, path: str
) -> None:
    running, toy = served
    before = len(toy.requests)

    def call(utility: str, params: Any) -> httpx.Response:
        headers = {"Content-Type": "application/json"}
        answer: httpx.Response = running.client.post(
            f"/api/skills/toy/{utility}", content=json.dumps(params), headers=headers
        )
        return answer

    body = call(utility, params).json()
    assert (body["code"], body["problems"][0]["path"]) == ("invalid_params", path), body
    assert body["error"].startswith(f"{path} has half of a character in it")
    assert toy.requests[before:] == []
    assert call("body", {"a": HALF}).status_code == 200
    assert json.loads(toy.requests[-1].body)["a"] == HALF


def test_an_expression_s_failure_names_its_key_and_line_and_never_its_data(served: Any) -> None:
    several = refused(served, "several", {}).json()
    assert (several["code"], several["key"]) == ("expression_failed", "utilities.several.rest.body.a")
    failing = refused(served, "failing", {"a": "canary-data"})
    assert failing.json()["key"] == "utilities.failing.rest.body.a"
    assert (
        MANIFEST.splitlines()[failing.json()["line"] - 1].strip().startswith("rest: {method: POST, url: /failing")
    )
    assert "canary-data" not in failing.text


def test_every_form_of_auth_puts_the_key_where_it_says(served: Any) -> None:
    assert sent(served, "go", {}, "bearer").header("authorization") == f"Bearer {SECRET}"
    assert path_and_query(sent(served, "go", {}, "in-query").target)[1] == [("api_key", SECRET)]
    basic = sent(served, "go", {}, "basic").header("authorization") or ""
    assert base64.b64decode(basic.removeprefix("Basic ")).decode() == f"{USERNAME}:{PASSWORD}"
    template = sent(served, "go", {}, "template")
    assert template.header("x-key") == f"k={SECRET}"
    assert path_and_query(template.target)[1] == [("org", "org-0123456789")]
    assert json.loads(template.body) == {"given": 1, "secret": SECRET}


def test_a_key_that_older_manifests_write_into_jq_is_put_there_outside_of_jq(served: Any) -> None:
    request = sent(served, "go", {}, "written")
    path, query = path_and_query(request.target)
    assert unquote(path[0]) == SECRET
    assert query == [("k", SECRET)]
    assert request.header("x-whole") == SECRET
    assert base64.b64decode((request.header("x-basic") or "").removeprefix("Basic ")).decode() == f"me:{SECRET}"
    assert request.header("x-half") == SECRET.split("/")[0]


def test_a_piece_that_is_split_off_a_key_comes_back_to_nobody(tmp_path: Path) -> None:
    skills = tmp_path / "skills"
    skills.mkdir()
    rest = "{url: /x, headers: {X-Secret: '.auth.key | split(\":\")[1]'}}"
    (skills / "halves.md").write_text(auth_manifest("halves", "{type: api_key, header: X-Key}", rest))
    with (
        Toy(echo) as toy,
        house(
            tmp_path, rewrite={ORIGIN: toy.origin}, environ={"HALVES_API_KEY": "id-123:half-canary-77"}
        ) as running,
    ):
        response = running.call("halves", "go")
        assert toy.requests[0].header("x-secret") == "half-canary-77"
        assert response.status_code == 200
        assert "half-canary" not in response.text


@pytest.mark.parametrize(
    "use", [".auth.key[0:8]", ".auth.key | explode | implode | .[3:20]", ".auth.key | ascii_upcase[2:]"]
)
def test_a_key_that_does_not_come_out_whole_is_an_error(tmp_path: Path, use: str) -> None:
    skills = tmp_path / "skills"
    skills.mkdir()
    rest = "{url: /x, headers: {X-Part: '" + use + "'}}"
    (skills / "cutting.md").write_text(auth_manifest("cutting", "{type: api_key}", rest))
    with contextlib.ExitStack() as stack:
        toy = stack.enter_context(Toy(answer(body=b"{}")))
        environ = {"CUTTING_API_KEY": SECRET}
        running = stack.enter_context(house(tmp_path, rewrite={ORIGIN: toy.origin}, environ=environ))
        response = running.call("cutting", "go")
        assert response.json()["code"] == "expression_failed", response.text
        assert toy.requests == []
