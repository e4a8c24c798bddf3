"""`api.headers` and `api.query`: what the requests of all utilities carry, and what one of them says otherwise."""

# ruff: noqa: E501  (a row of a table is one line)

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.language.support import CANARY, ORIGIN, serving
from tests.manifest.loading import HEAD, good, texts, utility
from tests.toy.raw import Received, answer_json

SHARED = f"""
api:
  base_url: {ORIGIN}
  headers:
    X-Version: 2026-04-01
    X-Team: .settings.team
    X-Lang: .params.lang
    X-Sum: '.params.lang // "none" | ascii_upcase'
  query: {{v: 2, page: 1, lang: .params.lang}}
settings: {{team: {{default: blue}}}}
"""
UTILITIES = """
utilities:
  plain:
    description: As all are
    rest: {url: /plain}
  spoken:
    description: With a language
    params: {lang: {type: string}}
    rest: {url: /spoken}
  other:
    description: Otherwise
    params: {page: {type: integer}}
    rest:
      url: /other?v=3
      headers: {x-version: 1999-01-01, x-TEAM: null}
      query: {page: .params.page, own: 1}
"""


def shared_of(request: Received) -> dict[str, str]:
    return {name: text for name, text in request.headers if name.startswith("x-")}


def query_of(request: Received) -> list[tuple[str, str]]:
    return sorted(parse_qsl(urlsplit(request.target).query))


def test_every_request_carries_what_is_shared_and_what_a_utility_says_itself_wins(tmp_path: Path) -> None:
    with serving(tmp_path, SHARED + UTILITIES, answer_json({}), head=HEAD) as (house, toy):
        for name, params in (("plain", {}), ("spoken", {"lang": "de"}), ("other", {"page": 7}), ("other", {})):
            response = house.call("demo", name, params)
            assert response.status_code == 200, response.text
    sent = [(shared_of(request), query_of(request)) for request in toy.requests]
    all_of_them = {"x-version": "2026-04-01", "x-team": "blue", "x-sum": "NONE"}
    assert sent == [
        (all_of_them, [("page", "1"), ("v", "2")]),
        (all_of_them | {"x-lang": "de", "x-sum": "DE"}, [("lang", "de"), ("page", "1"), ("v", "2")]),
        ({"x-version": "1999-01-01", "x-sum": "NONE"}, [("own", "1"), ("page", "7"), ("v", "3")]),
        ({"x-version": "1999-01-01", "x-sum": "NONE"}, [("own", "1"), ("v", "3")]),
    ]


KEYED = f"""
api: {{base_url: '{ORIGIN}', headers: {{X-Signed: '"key " + .auth.key'}}}}
auth: {{type: api_key}}
utilities:
  inside: {{description: With the key, rest: {{url: /inside}}}}
  open: {{description: Without, auth: none, rest: {{url: /open}}}}
  elsewhere: {{description: To somebody else, rest: {{url: 'https://other.example/x'}}}}
"""


def test_a_shared_key_goes_to_no_origin_that_nobody_approved_and_not_where_a_utility_carries_none(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, KEYED, answer_json({}), head=HEAD, key=True) as (house, toy):
        assert house.call("demo", "inside").status_code == 200
        assert house.call("demo", "open").status_code == 200
        refused = house.call("demo", "elsewhere")
        assert (refused.status_code, refused.json()["code"]) == (409, "approval_required"), refused.text
        assert "https://other.example" in refused.json()["error"]
        assert "header:x-signed" in refused.json()["error"]
        authority = house.client.get("/api/skills/demo?all=1").json()["authority"]
    assert {(each["origin"], each["placement"]) for each in authority} == {
        (ORIGIN, "header:x-signed"),
        ("https://other.example", "header:x-signed"),
    }
    assert [request.header("x-signed") for request in toy.requests] == [f"key {CANARY}", None]


URL = "url: https://api.example.com/x"


@pytest.mark.parametrize(
    ("api", "rest", "above", "expected"),
    [
        ("headers: {Host: a.example}", URL, "", "`Host` is set by the runtime and cannot be set by a manifest"),
        ("headers: {X-A: 1, x-a: 2}", URL, "", "`x-a` is also set on line 6"),
        ('headers: {X-A: "a\\nb"}', URL, "", "a header cannot contain a line break"),
        ("headers: {X-A: [1]}", URL, "", "`X-A` must be text, a number, true or false or null, is a list"),
        ("query: {a: {b: 1}}", URL, "", "`a` of a query must be text, a number, a list or jq, is a map"),
        ("headers: {X-A: .auth.key}", URL, "", "`.auth` is used, but the call carries no credential"),
        ("headers: {X-A: .auth.kye}", URL, "auth: {type: api_key, header: X-K}", "the credential has no field `kye`"),
        ("heders: {X-A: 1}", URL, "", "`heders` is not a key of `api`. Did you mean `headers`?"),
    ],
)  # fmt: skip
def test_a_mistake_in_what_is_shared_is_one_error_at_its_own_place(
    api: str, rest: str, above: str, expected: str
) -> None:
    found = texts(utility(rest, above=f"{above}\napi:\n  {api}"))
    assert len(found) == 1, found
    assert expected in found[0]
    line = 7 if above else 6
    assert found[0].startswith(f"{line}:"), found


@pytest.mark.parametrize(
    ("api", "rest", "params", "expected"),
    [
        ("headers: {X-A: .params.lagn}", URL, "lang: {}", "`lagn` is not a param of any utility, so this is always null. Did you mean `lang`?"),
        ("headers: {Authorization: x}", URL, "", "`Authorization` is overwritten by the credential. Remove it"),
        ("headers: {X-Team: 1}", f"{URL}\nheaders: {{X-Tema: null}}", "", "`X-Tema: null` takes nothing away: `api.headers` has no `X-Tema`. Did you mean `X-Team`?"),
        ("query: {ab: 1}", f"{URL}\nquery: {{AB: null}}", "", "`AB: null` takes nothing away: `api.query` has no `AB`."),
    ],
)  # fmt: skip
def test_what_is_shared_but_probably_not_meant_is_a_warning(
    api: str, rest: str, params: str, expected: str
) -> None:
    auth = "auth: {type: api_key, header: Authorization}"
    found = texts(utility(rest, above=f"{auth}\napi:\n  {api}", params=params), "warning")
    assert any(expected in text for text in found), found


def test_a_param_that_only_the_shared_fields_use_is_used_and_one_of_some_utilities_is_no_mistake() -> None:
    api = "api: {headers: {X-A: .params.a, X-B: 'b'}, query: {u: 'https://x.example/{c}'}}"
    one = utility(URL, above=api, params="a: {}\nc: {}")
    two = f"{one}\n  stop: {{description: Stop, rest: {{{URL}}}}}"
    assert texts(two) + texts(two, "warning") == []
    assert good(two).utilities["stop"].rest.headers == good(two).utilities["go"].rest.headers
