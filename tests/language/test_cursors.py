"""Lists that go on by a field of the body, a header or a Link, and that say how long they are."""

# ruff: noqa: E501  (a row of a table is one line)

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_runtime.calls.links import next_target, read_links
from tests.language.support import CANARY, ORIGIN, serving
from tests.manifest.loading import texts, utility
from tests.toy.raw import Behaviour, Exchange, answer, answer_json

LISTS = """
utilities:
  graph:
    description: x
    rest:
      method: POST
      url: /graphql
      body: {query: 'query($n: Int, $after: String) { rows }', variables: {kind: full}}
      paginate:
        style: cursor
        position: {body: /variables/after}
        limit: {body: /variables/n}
        items: /data/rows
        size: 2
        next: '.data | if .more then .end else null end'
  table:
    description: x
    rest:
      url: /readings.csv
      response: {as: csv}
      paginate: {style: cursor, position: {header: X-Cursor}, next: '$response.headers["x-next-cursor"]'}
  linked:
    description: x
    rest: {url: /issues, query: {state: open}, paginate: {style: cursor, next: link, limit: per_page, size: 2}}
  addressed:
    description: x
    rest:
      url: /issues
      query: {state: open}
      paginate: {style: cursor, next: {link: .paging.next}, items: /rows, limit: per_page, size: 2}
  offsets_in_body:
    description: x
    rest:
      method: POST
      url: /search
      paginate: {style: offset, position: {body: /from}, limit: {body: /size}, items: /rows, size: 2, total: .total}
  counted:
    description: x
    params: {page: {type: integer}}
    rest: {url: /counted, query: {page: .params.page}, paginate: {style: page, items: /rows, pages: .pages}}
  totalled:
    description: x
    params: {page: {type: integer}}
    rest: {url: /counted, query: {page: .params.page}, paginate: {style: page, items: /rows, total: .total}}
"""


def body_of(exchange: Exchange) -> Any:
    return json.loads(exchange.request.body)


def graph(exchange: Exchange) -> None:
    variables = body_of(exchange)["variables"]
    start = int(variables.get("after", "c0")[1:])
    end = min(start + variables.get("n", 3), 5)
    rows = [*range(start, end)]
    answer_json({"data": {"rows": rows, "more": end < 5, "end": f"c{end}"}})(exchange)


@pytest.mark.parametrize(
    ("params", "rows", "asked"),
    [
        ({"all": True}, [0, 1, 2, 3, 4], [{"n": 2}, {"after": "c2", "n": 2}, {"after": "c4", "n": 2}]),
        ({"limit": 3}, [0, 1, 2], [{"n": 2}, {"after": "c2", "n": 2}]),
        ({}, [0, 1, 2], [{}]),
    ],
)
def test_a_graphql_list_goes_on_by_a_variable_of_its_body(
    tmp_path: Path, params: dict[str, Any], rows: list[int], asked: list[dict[str, Any]]
) -> None:
    with serving(tmp_path, LISTS, graph, key=True) as (house, toy):
        response = house.call("demo", "graph", params)
    assert response.json() == rows
    assert [json.loads(request.body)["variables"] for request in toy.requests] == [
        {"kind": "full", **one} for one in asked
    ]
    assert ("x-more-rows" in response.headers) == (len(rows) < 5)


def test_a_csv_list_goes_on_by_headers(tmp_path: Path) -> None:
    pages = {None: (b"a,b\n1,2\n", "n/1"), "n/1": (b"a,b\n3,4\n5,6\n", "n/2"), "n/2": (b"a,b\n", None)}

    def table(exchange: Exchange) -> None:
        body, following = pages[exchange.request.header("x-cursor")]
        headers = [("Content-Type", "text/csv"), *([("X-Next-Cursor", following)] if following else [])]
        answer(body=body, headers=headers)(exchange)

    with serving(tmp_path, LISTS, table) as (house, toy):
        rows = house.call("demo", "table", {"all": True}).json()
        assert len(toy.requests) == 3
        events = house.stream("demo", "table", {"all": True})
    assert rows == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}, {"a": "5", "b": "6"}]
    assert [name for name, _ in events] == ["delta", "delta", "done"]


def linked(target: Callable[[int], str | None]) -> Behaviour:
    """Issues two by two; `target` is the link to the page that begins there."""

    def behave(exchange: Exchange) -> None:
        query = parse_qs(urlsplit(exchange.request.target).query)
        start = int(query.get("page", ["0"])[0])
        following = target(start + 2) if start + 2 < 5 else None
        said = f'<{ORIGIN}/issues?page=0>; rel="first", <{following}>; title="a, b; \\"c\\"" ; Rel="prefetch NEXT"'
        answer_json([*range(start, min(start + 2, 5))], headers=[("Link", said)] if following else [])(exchange)

    return behave


@pytest.mark.parametrize(
    "base", [f"{ORIGIN}/issues?page=", "/issues?page=", "?page=", f"//{urlsplit(ORIGIN).netloc}/issues?page="]
)
def test_a_list_goes_on_by_its_links(tmp_path: Path, base: str) -> None:
    with serving(tmp_path, LISTS, linked(lambda start: f"{base}{start}"), key=True) as (house, toy):
        assert house.call("demo", "linked", {"all": True}).json() == [0, 1, 2, 3, 4]
        assert [request.target for request in toy.requests] == [
            "/issues?state=open&per_page=2",
            "/issues?page=2",
            "/issues?page=4",
        ]
        assert {request.header("x-key") for request in toy.requests} == {CANARY}
        first = house.call("demo", "linked", {"limit": 2})
    assert (first.json(), first.headers["x-more-rows"]) == ([0, 1], "true")


def addressed(target: Callable[[int], Any]) -> Behaviour:
    """The same, where the body says the address."""

    def behave(exchange: Exchange) -> None:
        start = int(parse_qs(urlsplit(exchange.request.target).query).get("page", ["0"])[0])
        following = target(start + 2) if start + 2 < 5 else None
        answer_json({"rows": [*range(start, min(start + 2, 5))], "paging": {"next": following}})(exchange)

    return behave


@pytest.mark.parametrize("base", [f"{ORIGIN}/issues?page=", "/issues?page=", "?page="])
def test_a_list_goes_on_at_the_address_in_its_body(tmp_path: Path, base: str) -> None:
    with serving(tmp_path, LISTS, addressed(lambda start: f"{base}{start}"), key=True) as (house, toy):
        assert house.call("demo", "addressed", {"all": True}).json() == [0, 1, 2, 3, 4]
        assert [request.target for request in toy.requests] == [
            "/issues?state=open&per_page=2",
            "/issues?page=2",
            "/issues?page=4",
        ]
        assert {request.header("x-key") for request in toy.requests} == {CANARY}
        first = house.call("demo", "addressed", {"limit": 2})
    assert (first.json(), first.headers["x-more-rows"]) == ([0, 1], "true")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("https://elsewhere.example/x", "approval_required"),
        ("http://127.0.0.1:9/x", "approval_required"),
        ("file:///etc/passwd", "upstream_invalid"),
        ("https://a b/", "upstream_invalid"),
        (7, "upstream_invalid"),
        (["/issues"], "upstream_invalid"),
    ],
)
def test_an_address_in_a_body_leads_to_no_other_service(tmp_path: Path, said: Any, code: str) -> None:
    with serving(tmp_path, LISTS, addressed(lambda start: said), key=True) as (house, toy):
        response = house.call("demo", "addressed", {"all": True})
        assert len(toy.requests) == 1
    assert response.json()["code"] == code


def test_an_address_that_is_sent_as_a_cursor_is_told_as_what_it_is(tmp_path: Path) -> None:
    said = LISTS.replace("next: {link: .paging.next}", "next: .paging.next")
    with serving(tmp_path, said, addressed(lambda start: f"{ORIGIN}/issues?page=2")) as (house, _):
        error = house.call("demo", "addressed", {"all": True}).json()["error"]
    assert error.endswith("its list never ends. It is an address: `next: {link: …}` follows one")


@pytest.mark.parametrize(
    "foreign",
    ["https://elsewhere.example/x", "//elsewhere.example/x", "http://api.example.com/x", "http://127.0.0.1:9/x"],
)
def test_a_link_to_an_origin_that_nobody_approved_gets_no_key(tmp_path: Path, foreign: str) -> None:
    with serving(tmp_path, LISTS, linked(lambda start: foreign), key=True) as (house, toy):
        response = house.call("demo", "linked", {"all": True})
        assert len(toy.requests) == 1
    assert (response.status_code, response.json()["code"]) == (409, "approval_required")


QUERY_KEY = """
auth: {type: api_key, query: api_key}
utilities:
  linked: {description: x, rest: {url: /issues, paginate: {style: cursor, next: link}}}
  headed: {description: x, rest: {url: /issues, paginate: {style: cursor, position: {header: X-Cursor}, items: /rows, next: .next}}}
  bodied:
    description: x
    rest: {method: POST, url: /issues, paginate: {style: cursor, position: {body: /a/b}, items: /rows, next: .next}}
"""


def key_of(exchange: Exchange) -> str:
    return parse_qs(urlsplit(exchange.request.target).query)["api_key"][0]


def test_a_key_that_a_link_repeats_at_its_own_place_is_sent_once(tmp_path: Path) -> None:
    def behave(exchange: Exchange) -> None:
        link = f"</issues?page=2&api_key={key_of(exchange)}>; rel=next"
        last = "page=2" in exchange.request.target
        answer_json([2] if last else [1], headers=[] if last else [("Link", link)])(exchange)

    with serving(tmp_path, QUERY_KEY, behave, secret=CANARY) as (house, toy):
        assert house.call("demo", "linked", {"all": True}).json() == [1, 2]
        assert [request.target for request in toy.requests] == [
            f"/issues?api_key={CANARY}",
            f"/issues?page=2&api_key={CANARY}",
        ]


@pytest.mark.parametrize("utility", ["linked", "headed", "bodied"])
def test_a_service_s_words_bring_the_key_to_no_other_place(tmp_path: Path, utility: str) -> None:
    def behave(exchange: Exchange) -> None:
        key = key_of(exchange)
        rows = [1] if utility == "linked" else {"rows": [1], "next": key}
        answer_json(rows, headers=[("Link", f'</issues?other={key}>; rel="next"')])(exchange)

    with serving(tmp_path, QUERY_KEY, behave, secret=CANARY) as (house, toy):
        response = house.call("demo", utility, {"all": True})
        assert len(toy.requests) == 1
    assert response.json()["code"] == "expression_failed", response.text
    assert "would bring the credential to" in response.json()["error"]
    assert CANARY not in response.text


@pytest.mark.parametrize("link", ["ftp://a/b", "https://u@a.example/", "http://[/", "https://a b/"])
def test_a_link_that_leads_nowhere_is_an_error(tmp_path: Path, link: str) -> None:
    with serving(tmp_path, LISTS, linked(lambda start: link)) as (house, _):
        assert house.call("demo", "linked", {"all": True}).json()["code"] == "upstream_invalid"


def test_a_link_that_was_followed_before_ends_the_call(tmp_path: Path) -> None:
    def round_and_round(exchange: Exchange) -> None:
        there = "/issues?page=1" if "page=2" in exchange.request.target else "/issues?page=2"
        answer_json([exchange.request.target], headers=[("Link", f"<{there}>; rel=next")])(exchange)

    with serving(tmp_path, LISTS, round_and_round) as (house, toy):
        response = house.call("demo", "linked", {"all": True})
        assert len(toy.requests) < 5
    assert response.json()["code"] == "upstream_invalid"
    assert "gave the same cursor twice" in response.json()["error"]


def test_a_cursor_that_no_header_can_hold_is_an_error(tmp_path: Path) -> None:
    with serving(tmp_path, QUERY_KEY, answer_json({"rows": [1], "next": "a\r\nX: y"}), secret=CANARY) as (
        house,
        toy,
    ):
        body = house.call("demo", "headed", {"all": True}).json()
        assert len(toy.requests) == 1
    assert body["code"] == "expression_failed"
    assert "no header can hold it" in body["error"]


def sliced(total: int, told: Any, cap: int = 2) -> Behaviour:
    def behave(exchange: Exchange) -> None:
        if exchange.request.method == "POST":
            start = body_of(exchange).get("from", 0) if exchange.request.body else 0
        else:
            start = (int(parse_qs(urlsplit(exchange.request.target).query).get("page", ["1"])[0]) - 1) * cap
        rows = [*range(start, min(start + cap, total))]
        answer_json({"rows": rows, "total": told, "pages": None if told is None else -(-int(told) // cap)})(
            exchange
        )

    return behave


@pytest.mark.parametrize("utility", ["offsets_in_body", "counted", "totalled"])
@pytest.mark.parametrize("told", [4, "4", None])
def test_a_list_that_says_how_long_it_is_needs_no_request_too_many(tmp_path: Path, utility: str, told: Any) -> None:
    with serving(tmp_path, LISTS, sliced(4, told)) as (house, toy):
        assert house.call("demo", utility, {"all": True}).json() == [0, 1, 2, 3]
        assert len(toy.requests) == (3 if told is None else 2)
        if utility == "offsets_in_body":
            assert [json.loads(request.body) for request in toy.requests[:2]] == [
                {"size": 2},
                {"from": 2, "size": 2},
            ]
        rest = house.call("demo", utility, {"limit": 4})
        assert rest.json() == [0, 1, 2, 3]
        assert ("x-more-rows" in rest.headers) == (told is None)


def test_a_page_that_nobody_asked_to_be_of_any_size_says_that_more_follows(tmp_path: Path) -> None:
    with serving(tmp_path, LISTS, sliced(4, 4, cap=1)) as (house, _):
        response = house.call("demo", "offsets_in_body", {})
    assert (response.json(), response.headers.get("x-more-rows")) == ([0], "true")


@pytest.mark.parametrize("utility", ["counted", "totalled"])
@pytest.mark.parametrize("start", [1, 2, 3])
def test_the_count_holds_also_for_a_list_that_begins_later(tmp_path: Path, utility: str, start: int) -> None:
    with serving(tmp_path, LISTS, sliced(6, 6)) as (house, _):
        assert house.call("demo", utility, {"page": start, "all": True}).json() == [*range((start - 1) * 2, 6)]


@pytest.mark.parametrize("utility", ["offsets_in_body", "counted", "totalled"])
def test_pages_that_end_before_what_the_service_says_are_an_error(tmp_path: Path, utility: str) -> None:
    with serving(tmp_path, LISTS, sliced(4, 9)) as (house, _):
        body = house.call("demo", utility, {"all": True}).json()
    assert body["code"] == "upstream_invalid"
    assert "says that there is more than it gives: the page after 4 rows is empty" in body["error"]


def test_a_count_that_is_no_number_is_the_author_s_mistake(tmp_path: Path) -> None:
    with serving(tmp_path, LISTS, sliced(4, None), answer_json({"rows": [1], "total": "many"})) as (house, _):
        house.call("demo", "totalled")
        body = house.call("demo", "totalled", {"all": True}).json()
    assert (body["code"], body["key"]) == ("expression_failed", "utilities.totalled.rest.paginate.total")


GET, POST = "url: https://api.example.com/x\n", "url: https://api.example.com/x\nmethod: POST\n"


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        (GET + "paginate: {style: page, position: {body: /a}}", "`position` is a field of the body, and a GET has none. Name a query key, or say `method: POST`"),
        (POST + "encoding: text\nbody: a\npaginate: {style: page, position: {body: /a}}", "one that is sent as text has none"),
        (POST + "body: {a: 1}\npaginate: {style: page, position: {body: /a/b}}", "`position` points at /a/b, and `body` has no map there"),
        (POST + "body: [1]\npaginate: {style: page, limit: {body: /a}}", "`limit` points at /a, and `body` has no map there"),
        (POST + "paginate: {style: page, position: {body: ''}}", "`body` is empty"),
        (POST + "paginate: {style: page, position: {body: a.b}}", "a JSON Pointer begins with /. Write /a/b"),
        (GET + "paginate: {style: page, position: {}}", "`position` names one place of the request. Write one of `query`, `header` and `body`"),
        (GET + "paginate: {style: page, position: {query: a, header: b}}", "names one place of the request"),
        (GET + "paginate: {style: page, position: {path: a}}", "`path` is not a key of `position`"),
        (GET + "paginate: {style: page, position: {header: Host}}", "`Host` is set by the runtime"),
        (GET + "paginate: {style: page, position: {header: Authorization}}", "`Authorization`"),
        (GET + "paginate: {style: page, limit: page}", "`limit` is the place that also says where to go on. Name two places"),
        ("url: https://api.example.com/x?page=1\npaginate: {style: page}", "`page` is also written in `url`, and would be sent twice"),
        (GET + "paginate: {style: cursor, next: link, position: after}", "`position` says nothing: the link is the whole address of the next page. Remove it"),
        (GET + "paginate: {style: page, next: link}", "is another way to go on than by a link. Write `style: cursor`"),
        (POST + "paginate: {style: cursor, next: link}", "`link` leads to an address to GET, and this is a POST"),
        (POST + "paginate: {style: cursor, next: {link: .next}}", "`link` leads to an address to GET, and this is a POST"),
        (GET + "paginate: {style: page, next: {link: .next}}", "is another way to go on than by a link. Write `style: cursor`"),
        (GET + "paginate: {style: cursor, next: {}}", "`next` needs `link`"),
        (GET + "paginate: {style: cursor, next: .n, total: .t}", "`total` says nothing where `next` says when the list ends"),
        (GET + "paginate: {style: offset, pages: .p}", "`pages` counts pages, and this list goes on by rows. Write `total`, or `style: page`"),
        (POST + "retry: {idempotency_header: Idempotency-Key}\npaginate: {style: page, position: {body: /a}}", "would be the same for all pages of this list"),
    ],
)  # fmt: skip
def test_check_says_what_no_list_can_go_on_by(rest: str, problem: str) -> None:
    found = texts(utility(rest))
    assert [one for one in found if problem in one] != [], found
    assert len(found) == 1


@pytest.mark.parametrize("front", ["definitions: {link: .next}\n", ""])
def test_a_definition_named_link_is_jq(front: str) -> None:
    assert texts(utility(GET + "paginate: {style: cursor, next: link}", above=front)) == []


WORDS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=8)
TOKENS = st.from_regex(r"[a-zA-Z][a-zA-Z0-9*-]{0,6}", fullmatch=True)
LINKS = st.tuples(
    WORDS.map(lambda word: word.replace(">", "")), st.dictionaries(TOKENS.map(str.lower), WORDS, max_size=3)
)


@given(st.lists(LINKS, max_size=4), st.sampled_from([", ", ",", " ,, "]))
def test_links_are_read_as_they_were_written(links: list[tuple[str, dict[str, str]]], between: str) -> None:
    def quoted(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"')

    written = between.join(
        f"<{target}>" + "".join(f'; {name}="{quoted(text)}"' for name, text in named.items())
        for target, named in links
    )
    assert [*read_links(written)] == links


@given(
    st.text(st.sampled_from(list('<>;,="\\ ae rel next')), max_size=60),
    st.sampled_from(["https://a.example/x?y", "https://a.example"]),
)
def test_any_header_gives_an_address_or_none(header: str, base: str) -> None:
    try:
        found = next_target(header, base)
    except ValueError:
        return
    assert found is None or urljoin(base, found) == found


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("<b>; rel=next", "https://a.example/b"),
        ('<b>; rel="prev next"', "https://a.example/b"),
        ("<b>; rel=prev; rel=next", None),
        ('<b>; title="; rel=next"', None),
        ('<b>; rel=next; anchor="/other"', None),
        ('<b>; rel=next; anchor="#part"', "https://a.example/b"),
        ("<b>; rel=previous, <c>;rel=NEXT", "https://a.example/c"),
        ("<b>", None),
        ("", None),
        ("b; rel=next", None),
    ],
)
def test_the_next_link_is_the_one_that_says_so_of_this_list(header: str, target: str | None) -> None:
    assert next_target(header, "https://a.example/a") == target
