"""`nested`: maps and lists in forms and queries arrive as they were meant, or the call says what cannot be said."""

# ruff: noqa: E501  (a row of a table is one line)

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.calls.requests.encoding import urlencoded
from agentos_runtime.calls.requests.nesting import NestingError, nested_pairs
from tests.language.nested import in_brackets, repeated, with_dots
from tests.language.support import CANARY, ORIGIN, serving
from tests.manifest.loading import HEAD, texts, utility
from tests.toy.raw import Exchange, answer_json

# ------------------------------------------------------------------ every way, against what a service reads

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**18), 10**18), st.sampled_from(["", "a,b", "ä&=+% [x].y"]), st.text()
)
NAMES = st.one_of(st.sampled_from(["a", "b c", "ü&=+%", "a.b", "a[b]", "x]", ""]), st.text(max_size=4)).filter(
    lambda name: not name.isdecimal()
)
"""Names of digits are read as the places of a list by who knows no better."""
TREES: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=3), max_leaves=6
)
FORMS = st.dictionaries(NAMES, TREES, max_size=4)


def text_of(value: Any) -> Any:
    """The tree with texts in place of numbers and booleans, as every form has them."""
    if isinstance(value, dict):
        return {name: text_of(item) for name, item in value.items()}
    if isinstance(value, list):
        return [text_of(item) for item in value]
    return value if isinstance(value, str) else json.dumps(value)


def sayable(value: Any, separators: str, *, lists_of_maps: bool = True) -> bool:
    """Whether there is a form that is read as this value and as no other."""
    if isinstance(value, dict):
        names = all(name and not any(each in name for each in separators) for name in value)
        return (
            bool(value)
            and names
            and all(sayable(i, separators, lists_of_maps=lists_of_maps) for i in value.values())
        )
    if isinstance(value, list):
        flat = lists_of_maps or not any(isinstance(item, dict | list) for item in value)
        return bool(value) and flat and all(sayable(i, separators, lists_of_maps=lists_of_maps) for i in value)
    return value is not None


def flat(value: Any) -> bool:
    return not isinstance(value, dict | list) and value is not None


def in_commas(value: Any) -> bool:
    return flat(value) or (
        isinstance(value, list) and bool(value) and all(flat(i) and "," not in text_of(i) for i in value)
    )


def in_order(value: Any) -> bool:
    """Whether `a=x&a=y` says it; a null in such a list is left out, as it always was."""
    return flat(value) or (isinstance(value, list) and not any(isinstance(item, dict | list) for item in value))


WAYS: dict[str, tuple[Callable[[dict[str, Any]], bool], Callable[[str, dict[str, Any]], Any]]] = {
    "brackets": (lambda form: not form or sayable(form, "[]"), lambda sent, _: in_brackets(sent)),
    "empty_brackets": (
        lambda form: not form or sayable(form, "[]", lists_of_maps=False),
        lambda sent, _: in_brackets(sent),
    ),
    "dots": (lambda form: not form or sayable(form, "."), lambda sent, _: with_dots(sent)),
    "comma": (
        lambda form: all(map(in_commas, form.values())),
        lambda sent, form: {
            name: found[0].split(",") if isinstance(form[name], list) else found[0]
            for name, found in repeated(sent).items()
        },
    ),
    "repeat": (
        lambda form: all(map(in_order, form.values())),
        lambda sent, form: {
            name: found if isinstance(form[name], list) else found[0] for name, found in repeated(sent).items()
        },
    ),
}


@pytest.mark.parametrize("way", WAYS)
@given(form=FORMS)
@settings(deadline=None)
def test_what_a_service_reads_is_what_was_meant_or_nothing_is_sent(way: str, form: dict[str, Any]) -> None:
    can_say, read = WAYS[way]
    given_fields = {name: value for name, value in form.items() if value is not None}
    if not can_say(given_fields):
        with pytest.raises(NestingError) as refused:
            nested_pairs(form, way)
        assert refused.value.path[0] in given_fields
        return
    sent = urlencoded(nested_pairs(form, way), way)
    meant = text_of(given_fields)
    if way == "repeat":
        lists = {
            name: [i for i in value if i is not None]
            for name, value in given_fields.items()
            if isinstance(value, list)
        }
        meant = {name: value for name, value in (meant | text_of(lists)).items() if value != []}
    assert read(sent, given_fields) == meant


@pytest.mark.parametrize(
    ("way", "sent"),
    [
        ("brackets", "items[0][price]=p1&items[0][quantity]=2&items[1][price]=p2&metadata[order id]=7&expand[0]=a"),
        ("dots", "items.0.price=p1&items.0.quantity=2&items.1.price=p2&metadata.order id=7&expand.0=a"),
    ],
)
def test_each_way_is_written_as_its_apis_show_it(way: str, sent: str) -> None:
    items = [{"price": "p1", "quantity": 2}, {"price": "p2"}]
    form: dict[str, Any] = {"items": items, "metadata": {"order id": 7}, "expand": ["a"], "none": None}
    assert "&".join(f"{name}={text}" for name, text in nested_pairs(form, way)) == sent


# ------------------------------------------------------------------ over HTTP

PAYMENTS = f"""
api: {{base_url: {ORIGIN}/v1, nested: brackets, headers: {{Pay-Version: 2026-04-01}}}}
auth: {{type: api_key, header: Authorization, prefix: "Bearer "}}
utilities:
  subscribe:
    description: Let a customer pay again and again
    params:
      customer: {{type: string, required: true}}
      items:
        type: array
        required: true
        items: {{type: object, properties: {{price: {{type: string, required: true}}, quantity: {{type: integer}}}}}}
      metadata: {{type: object}}
      trial: {{type: boolean}}
      from: {{type: integer}}
      to: {{type: integer}}
    returns: {{id: string, items: array}}
    rest:
      method: POST
      url: /subscriptions
      encoding: form
      retry: {{attempts: 2, idempotency_header: Idempotency-Key}}
      body:
        customer: .params.customer
        items: .params.items
        metadata: .params.metadata
        trial_from_plan: .params.trial
        pause: {{from: .params.from, to: .params.to}}
        payment_settings: {{methods: [card, .params.from, '"s" + "epa"', {{a: .params.from}}], save: true}}
  list:
    description: All subscriptions
    params: {{customer: {{type: string}}, since: {{type: integer}}, expand: {{type: array}}}}
    returns: array
    rest:
      url: /subscriptions
      query: {{customer: .params.customer, created: {{gte: .params.since}}, expand: .params.expand}}
      response: {{transform: 'map(.id)', root: /data}}
      paginate: {{style: cursor, position: starting_after, limit: limit, items: /data, next: 'if .has_more then .data[-1].id else null end'}}
"""


class Payments:
    """An API of Stripe's kind: forms in brackets, keys of idempotency, lists by the last id."""

    def __init__(self) -> None:
        self.made: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []

    def __call__(self, exchange: Exchange) -> None:
        request = exchange.request
        if request.header("authorization") != f"Bearer {CANARY}" or request.header("pay-version") != "2026-04-01":
            return answer_json({"error": {"message": "who are you?"}}, 401)(exchange)
        if request.method == "POST":
            assert request.header("content-type") == "application/x-www-form-urlencoded"
            key = request.header("idempotency-key") or f"call {len(self.made)}"
            fresh = {"id": f"sub_{len(self.made)}", **in_brackets(request.body.decode())}
            return answer_json(self.made.setdefault(key, fresh))(exchange)
        query = in_brackets(urlsplit(request.target).query)
        self.asked.append(query)
        ids = [f"sub_{number}" for number in range(5)]
        start = ids.index(query["starting_after"]) + 1 if "starting_after" in query else 0
        end = start + int(query.get("limit", 2))
        return answer_json({"data": [{"id": i} for i in ids[start:end]], "has_more": end < len(ids)})(exchange)


def test_a_skill_for_an_api_of_forms_says_all_that_the_api_understands(tmp_path: Path) -> None:
    service = Payments()
    with serving(tmp_path, PAYMENTS, service, head=HEAD, key=True) as (house, toy):
        params = {
            "customer": "cus_ä&1",
            "items": [{"price": "p1", "quantity": 2}, {"price": "p2"}],
            "metadata": {"order id": "7", "a=b": "ü"},
            "trial": False,
            "to": 12,
        }
        first = house.call("demo", "subscribe", params, Idempotency_Key="once")
        again = house.call("demo", "subscribe", params, Idempotency_Key="once")
        listed = house.call("demo", "list", {"limit": 4, "since": 3, "expand": ["data.customer", "x"]})
    assert first.status_code == 200, first.text
    assert (first.json(), len(service.made)) == (again.json(), 1)
    assert service.made["once"] == {
        "id": "sub_0",
        "customer": "cus_ä&1",
        "items": [{"price": "p1", "quantity": "2"}, {"price": "p2"}],
        "metadata": {"order id": "7", "a=b": "ü"},
        "trial_from_plan": "false",
        "pause": {"to": "12"},
        "payment_settings": {"methods": ["card", "sepa"], "save": "true"},
    }
    assert listed.json() == ["sub_0", "sub_1", "sub_2", "sub_3"]
    assert service.asked[0] == {"created": {"gte": "3"}, "expand": ["data.customer", "x"], "limit": "4"}
    assert "items%5B1%5D%5Bprice%5D=p2" in toy.requests[0].body.decode()


@pytest.mark.parametrize(
    ("field", "value", "path", "reason"),
    [
        ("metadata", {"a]": 1}, 'metadata["a]"]', "has [ or ] in its name"),
        ("metadata", {"a": None}, "metadata.a", "is null"),
        ("metadata", {}, "metadata", "is an empty object"),
        ("metadata", {"a": {"b": []}}, "metadata.a.b", "is an empty list"),
        ("items", [], "items", "is an empty list"),
    ],
)
def test_what_a_caller_gives_and_no_form_can_say_is_the_callers_to_change(
    tmp_path: Path, field: str, value: Any, path: str, reason: str
) -> None:
    with serving(tmp_path, PAYMENTS, answer_json({}), head=HEAD, key=True) as (house, toy):
        params = {"customer": "c", "items": [{"price": "p"}], field: value}
        refused = house.call("demo", "subscribe", params)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_params"), refused.text
        (problem,) = refused.json()["problems"]
        assert problem["path"] == path
        assert problem["message"].startswith(reason)
        assert refused.json()["error"].startswith(f"{path} {reason}")
        assert toy.requests == []


def test_half_a_character_is_told_and_not_sent(tmp_path: Path) -> None:
    with serving(tmp_path, PAYMENTS, answer_json({}), head=HEAD, key=True) as (house, toy):
        body = rb'{"customer": "\ud800", "items": [{"price": "p"}]}'
        headers = {"Content-Type": "application/json"}
        refused = house.client.post("/api/skills/demo/subscribe", content=body, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_params"), refused.text
        assert refused.json()["error"].startswith("customer has half of a character in it")
        assert toy.requests == []


MADE_BY_JQ = f"""
api: {{base_url: {ORIGIN}}}
utilities:
  go:
    description: Go
    params: {{a: {{}}}}
    rest: {{method: POST, url: /x, encoding: form, nested: brackets, body: {{f: '[.params.a, 1]'}}, query: {{q: '{{b: .params.a}}'}}}}
"""


@pytest.mark.parametrize(("value", "where"), [(None, "query"), ([], "query"), ({"[": 1}, "query")])
def test_what_an_expression_makes_and_no_form_can_say_is_the_authors_to_change(
    tmp_path: Path, value: Any, where: str
) -> None:
    with serving(tmp_path, MADE_BY_JQ, answer_json({}), head=HEAD) as (house, toy):
        refused = house.call("demo", "go", {"a": value})
        assert (refused.status_code, refused.json()["code"]) == (500, "expression_failed"), refused.text
        assert f"utilities.go.rest.{where}" in refused.json()["error"]
        assert toy.requests == []
        assert house.call("demo", "go", {"a": "x y"}).status_code == 200
    assert (toy.requests[0].target, toy.requests[0].body) == (
        "/x?q%5Bb%5D=x%20y",
        f"{quote_plus('f[0]')}=x+y&{quote_plus('f[1]')}=1".encode(),
    )


def test_a_comma_between_values_is_sent_as_a_comma_and_a_key_may_stand_in_a_map_of_a_query(tmp_path: Path) -> None:
    front = f"""
    api: {{base_url: {ORIGIN}}}
    auth: {{type: api_key}}
    utilities:
      ids:
        description: Some
        auth: none
        params: {{ids: {{type: array}}}}
        rest: {{url: /ids, nested: comma, query: {{ids: .params.ids, fields: [a, b]}}}}
      keyed:
        description: With a key
        rest: {{url: /keyed, nested: brackets, query: {{auth: {{key: .auth.key, v: 1}}}}}}
    """
    with serving(tmp_path, front, answer_json({}), head=HEAD, key=True) as (house, toy):
        assert house.call("demo", "ids", {"ids": [1, "x y", True]}).status_code == 200
        refused = house.call("demo", "ids", {"ids": ["a", "b,c"]})
        assert house.call("demo", "keyed").status_code == 200
    assert refused.json()["problems"] == [
        {"path": "ids[1]", "message": "has a comma in it, which would make two of it"}
    ]
    assert toy.requests[0].target == "/ids?ids=1,x%20y,true&fields=a,b"
    assert toy.requests[1].target == f"/keyed?auth%5Bkey%5D={CANARY}&auth%5Bv%5D=1"


URL = "method: POST\nurl: https://api.example.com/x\nencoding: form"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (
            "nested: bracket",
            "`nested` is `bracket`; it must be one of brackets, empty_brackets, dots, repeat, comma. Did you mean `brackets`?",
        ),
        (
            "nested: brackets\nbody: {'a[]': [1]}",
            "`a[]` has [ or ] in its name, which would be read as another place. Write it as a map or list below the name alone",
        ),
        ("nested: brackets\nquery: {a: {'b[c]': 1}}", "`b[c]` has [ or ] in its name"),
        ("nested: dots\nbody: {a.b: 1}", "`a.b` has . in its name"),
        (
            "nested: comma\nbody: {a: {b: 1}}",
            "`a` is a map, which `nested: comma` cannot say. Write `nested: brackets` or `dots`",
        ),
        (
            "nested: empty_brackets\nbody: {a: [{b: 1}]}",
            "a map or list in a list cannot be said by `nested: empty_brackets`. Write `nested: brackets` or `dots`",
        ),
        ("query: {a: {b: 1}}", "`a` of a query must be text, a number, a list or jq, is a map"),
    ],
)
def test_what_no_call_could_say_is_an_error_at_its_place(rest: str, expected: str) -> None:
    found = texts(utility(f"{URL}\n{rest}"))
    assert len(found) == 1, found
    assert expected in found[0]


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (
            "method: POST\nurl: https://api.example.com/x\nnested: dots\nbody: {a: 1}",
            "`nested` says nothing about a json body. Add `encoding: form`",
        ),
        (
            f"{URL}\nbody: {{a: {{b: 1}}}}",
            "`a` is a map, which a form cannot say without `nested`. Write `nested: brackets` or `dots`",
        ),
    ],
)
def test_what_is_probably_not_meant_is_a_warning(rest: str, expected: str) -> None:
    front = utility(rest)
    assert texts(front) == []
    assert any(expected in text for text in texts(front, "warning")), texts(front, "warning")
