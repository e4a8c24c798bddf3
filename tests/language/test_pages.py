"""Lists in pages: `limit` and `all` for every list, whatever the API's way of going on."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.end_to_end.house import House
from tests.language.support import CANARY, closed_row, serving, wait_until_gone
from tests.sizes import examples
from tests.toy.raw import Exchange, answer_json

LISTS = """
utilities:
  by_offset:
    returns: array
    description: x
    rest: {url: /offset, paginate: {style: offset, limit: limit, items: /data, size: 7, maximum: 60}}
  by_offset_only:
    description: x
    rest: {url: /offset, paginate: {style: offset, items: /data, maximum: 60}}
  by_page:
    description: x
    rest: {url: /page, paginate: {style: page, limit: per_page, items: /data, size: 7, maximum: 60}}
  by_page_from_zero:
    description: x
    rest: {url: /page0, paginate: {style: page, limit: per_page, items: /data, size: 7, maximum: 60, start: 0}}
  by_cursor:
    description: x
    rest:
      url: /cursor
      response: {transform: '.data | map(. + {seen: true})'}
      paginate:
        {style: cursor, position: after, limit: limit, items: /data, size: 7, maximum: 60, next: .meta.next}
"""
UTILITIES = ("by_offset", "by_offset_only", "by_page", "by_page_from_zero", "by_cursor")


@dataclass
class Listing:
    """An API with `count` rows that gives at most `cap` at once, `default` when it is not asked for a number."""

    count: int = 0
    cap: int = 5
    default: int = 5
    asked: list[str] = field(default_factory=list)

    def __call__(self, exchange: Exchange) -> None:
        self.asked.append(exchange.request.target)
        url = urlsplit(exchange.request.target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        size = min(self.cap, int(query.get("limit", query.get("per_page", self.default))))
        start = self._start(url.path, query, size)
        rows = [{"n": n} for n in range(start, min(self.count, start + size))]
        end = start + len(rows) >= self.count
        answer_json({"data": rows, "meta": {"next": None if end else f"c{start + len(rows)}"}})(exchange)

    def _start(self, path: str, query: dict[str, str], size: int) -> int:
        if path == "/cursor":
            return int(query.get("after", "c0")[1:])
        if path.startswith("/page"):
            first = 0 if path == "/page0" else 1
            return (int(query.get("page", first)) - first) * size
        return int(query.get("offset", 0))


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, Listing]]:
    listing = Listing()
    with serving(tmp_path_factory.mktemp("lists"), LISTS, listing) as (house, _):
        yield house, listing


def numbers(rows: Any) -> list[int]:
    return [row["n"] for row in rows]


@pytest.mark.parametrize("utility", UTILITIES)
@given(
    count=st.integers(0, 60),
    cap=st.integers(1, 12),
    default=st.integers(1, 12),
    limit=st.none() | st.integers(1, 60),
    everything=st.booleans(),
)
@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_rows_are_those_of_the_service_with_at_most_one_request_too_many(
    lists: tuple[House, Listing],
    utility: str,
    count: int,
    cap: int,
    default: int,
    limit: int | None,
    everything: bool,
) -> None:
    house, listing = lists
    if utility == "by_offset_only":
        cap = default = min(cap, default)
    listing.count, listing.cap, listing.default, listing.asked = count, cap, default, []
    params = {"limit": limit} | ({"all": True} if everything else {})
    response = house.call("demo", utility, params)
    assert response.status_code == 200, response.text
    if limit is None and not everything:
        assert numbers(response.json()) == [*range(min(count, cap, default))]
        assert listing.asked == [listing.asked[0].partition("?")[0]]
        return
    assert numbers(response.json()) == [*range(min(count, limit or count))]
    page = min(cap, 7, limit or 7) if utility != "by_offset_only" else cap
    needed = max(1, -(-min(count, limit or count) // page))
    assert len(listing.asked) <= needed + 1
    if limit is None or count > limit:
        assert ("x-more-rows" in response.headers) == (limit is not None)


@pytest.mark.parametrize("utility", UTILITIES)
def test_a_stream_gives_each_page_as_it_comes_and_the_whole_list_at_the_end(
    lists: tuple[House, Listing], utility: str
) -> None:
    house, listing = lists
    listing.count, listing.cap, listing.default = 12, 5, 5
    events = house.stream("demo", utility, {"all": True})
    assert [name for name, _ in events] == ["delta", "delta", "delta", "done"]
    assert [numbers(data) for _, data in events[:3]] == [[*range(5)], [*range(5, 10)], [10, 11]]
    assert numbers(events[3][1]) == [*range(12)]
    assert [name for name, _ in house.stream("demo", utility, {"limit": 3})] == ["delta", "done"]
    listing.count = 0
    assert house.stream("demo", utility, {"all": True}) == [("done", [])]


def test_more_rows_than_one_call_gives_are_an_error_and_never_a_list_that_looks_whole(
    lists: tuple[House, Listing],
) -> None:
    house, listing = lists
    listing.count, listing.cap, listing.default = 61, 7, 7
    for utility in UTILITIES:
        response = house.call("demo", utility, {"all": True})
        assert (response.status_code, response.json()["code"]) == (502, "upstream_invalid"), utility
        assert "more than 60 rows" in response.json()["error"]
        name, data = house.stream("demo", utility, {"all": True})[-1]
        assert (name, data["code"], len(data["partial"])) == ("error", "upstream_invalid", 56)
        first = house.call("demo", utility, {"limit": 60})
        assert numbers(first.json()) == [*range(60)]
        assert first.headers["x-more-rows"] == "true"
    listing.count = 60
    assert [len(house.call("demo", utility, {"all": True}).json()) for utility in UTILITIES] == [60] * 5


@pytest.mark.parametrize("bad", [{"limit": 0}, {"limit": 61}, {"limit": "5"}, {"all": "yes"}, {"al": True}])
def test_limit_and_all_are_params_that_agents_see_and_that_are_checked(
    lists: tuple[House, Listing], bad: dict[str, Any]
) -> None:
    house, listing = lists
    listing.asked = []
    refused = house.call("demo", "by_offset", bad)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_params")
    assert [problem["path"] for problem in refused.json()["problems"]] == [*bad]
    assert listing.asked == []
    published = house.client.get("/api/skills/demo/by_offset").json()
    assert published["streams"] is True
    assert published["params"]["properties"]["limit"]["maximum"] == 60
    assert published["params"]["properties"]["all"]["type"] == "boolean"


def test_a_null_leaves_limit_and_all_out(lists: tuple[House, Listing]) -> None:
    house, listing = lists
    listing.count, listing.cap, listing.default, listing.asked = 9, 5, 5, []
    assert numbers(house.call("demo", "by_offset", {"limit": None, "all": None}).json()) == [*range(5)]
    assert listing.asked == ["/offset"]


OWN = """
utilities:
  list:
    description: x
    params: {offset: {type: integer}, limit: {type: integer}, kind: {type: string}}
    rest:
      url: /offset
      query: {offset: .params.offset, limit: .params.limit, kind: .params.kind}
      paginate: {style: offset, limit: limit, items: /data}
"""


def test_a_manifest_s_own_limit_and_offset_say_where_a_list_begins_and_how_large_a_page_is(tmp_path: Path) -> None:
    listing = Listing(count=11, cap=100)
    with serving(tmp_path, OWN, listing) as (house, _):
        assert numbers(house.call("demo", "list", {"offset": 3, "limit": 4, "kind": "a b"}).json()) == [3, 4, 5, 6]
        assert listing.asked == ["/offset?kind=a%20b&offset=3&limit=4"]
        assert numbers(house.call("demo", "list", {"offset": 3, "limit": 4, "all": True}).json()) == [*range(3, 11)]
        assert [target.partition("offset=")[2] for target in listing.asked[1:]] == [
            "3&limit=4",
            "7&limit=4",
            "11&limit=4",
        ]
        shown = house.client.get("/api/skills/demo/list").json()["params"]["properties"]
    assert "maximum" not in shown["limit"]


ODD = """
utilities:
  offset: {description: x, rest: {url: /x, paginate: {style: offset, items: /data}}}
  cursor: {description: x, rest: {url: /x, paginate: {style: cursor, items: /data, next: .next}}}
  bare: {description: x, rest: {url: /x, paginate: {style: offset}}}
  transformed:
    description: x
    rest: {url: /x, response: {transform: .wrong}, paginate: {style: offset, items: /data}}
"""
ROW = {"id": 1}


@pytest.mark.parametrize(
    ("utility", "body", "code", "words"),
    [
        (
            "offset",
            {"data": [ROW]},
            "reply_mismatch",
            "gave the same rows twice: it does not go on by `query:offset`",
        ),
        ("cursor", {"data": [ROW], "next": "a"}, "upstream_invalid", "gave the same cursor twice"),
        ("cursor", {"data": [ROW], "next": {"a": 1}}, "expression_failed", "utilities.cursor.rest.paginate.next"),
        ("offset", {"rows": [ROW]}, "reply_mismatch", "nothing at root /data"),
        ("transformed", {"rows": [ROW], "wrong": []}, "reply_mismatch", "nothing at /data"),
        ("offset", {"data": {"a": 1}}, "reply_mismatch", "must be a list of rows"),
        ("transformed", {"data": [ROW], "wrong": "x"}, "reply_mismatch", "must be a list of rows"),
        ("offset", {"error": {"message": "no", "code": 429}}, "upstream_rate_limited", "no"),
        ("offset", {"error": "no room"}, "upstream_failed", "no room"),
    ],
)
def test_a_list_that_does_not_go_on_as_the_manifest_says_is_an_error(
    tmp_path: Path, utility: str, body: Any, code: str, words: str
) -> None:
    with serving(tmp_path, ODD, answer_json(body)) as (house, toy):
        response = house.call("demo", utility, {"all": True})
        [row] = house.rows()
    assert response.json()["code"] == code
    assert words in response.json()["error"]
    assert len(toy.requests) <= 2
    assert (row["outcome"], row["code"]) == ("error", code)


@pytest.mark.parametrize("body", [{"data": None, "next": None}, {"data": [], "next": "a"}])
def test_a_list_without_rows_is_empty(tmp_path: Path, body: Any) -> None:
    with serving(tmp_path, ODD, answer_json(body)) as (house, _):
        assert house.call("demo", "cursor", {"all": True}).json() == []
        assert house.call("demo", "offset", {"all": True}).json() == []


def test_empty_pages_with_new_cursors_are_passed_over_but_not_for_ever(tmp_path: Path) -> None:
    pages = [answer_json({"data": [], "next": f"c{n}"}) for n in range(5)]
    with serving(tmp_path / "a", ODD, *pages, answer_json({"data": [ROW], "next": None})) as (house, _):
        assert house.call("demo", "cursor", {"all": True}).json() == [ROW]

    def endless(exchange: Exchange) -> None:
        answer_json({"data": [], "next": exchange.request.target + "x"})(exchange)

    with serving(tmp_path / "b", ODD, endless) as (house, toy):
        assert house.call("demo", "cursor", {"all": True}).json()["code"] == "upstream_invalid"
        assert len(toy.requests) < 30


def test_a_body_that_is_the_list_needs_no_pointer(tmp_path: Path) -> None:
    with serving(tmp_path, ODD, answer_json([1, 2]), answer_json([3]), answer_json([])) as (house, toy):
        assert house.call("demo", "bare", {"all": True}).json() == [1, 2, 3]
        assert [request.target for request in toy.requests] == ["/x", "/x?offset=2"]


def test_the_pages_of_one_call_are_bounded_together(tmp_path: Path) -> None:
    def page(exchange: Exchange) -> None:
        answer_json({"data": [{"at": exchange.request.target, "fill": "x" * 400}]})(exchange)

    with serving(tmp_path, ODD, page, max_reply=2000) as (house, toy):
        response = house.call("demo", "offset", {"all": True})
    assert response.json()["code"] == "upstream_invalid"
    assert "2000 bytes together" in response.json()["error"]
    assert len(toy.requests) == 5


def test_every_page_carries_the_key_and_no_page_shows_it(tmp_path: Path) -> None:
    def echo_key(exchange: Exchange) -> None:
        at = "offset" in exchange.request.target
        answer_json({"data": [] if at else [{"key": exchange.request.header("x-key")}]})(exchange)

    with serving(tmp_path, ODD, echo_key, key=True) as (house, toy):
        plain = house.call("demo", "offset", {"all": True})
        events = house.stream("demo", "offset", {"all": True})
        rows = house.rows()
    assert {request.header("x-key") for request in toy.requests} == {CANARY}
    assert plain.json() == [{"key": "[redacted]"}] == events[0][1] == events[-1][1]
    assert CANARY not in plain.text + json.dumps(events)
    assert [row["outcome"] for row in rows] == ["ok", "ok"]


def test_a_page_that_fails_ends_the_stream_with_the_rows_before_it(tmp_path: Path) -> None:
    behaviours = (answer_json({"data": [1, 2]}), answer_json({"error": {"message": "down"}}, status=503))
    with serving(tmp_path, ODD, *behaviours) as (house, _):
        events = house.stream("demo", "offset", {"all": True})
        [row] = house.rows()
    assert [name for name, _ in events] == ["delta", "error"]
    assert (events[1][1]["code"], events[1][1]["partial"]) == ("upstream_unavailable", [1, 2])
    assert (row["outcome"], row["code"], row["upstream_status"]) == ("error", "upstream_unavailable", 503)


def test_a_server_that_stops_says_goodbye_to_a_streamed_list(tmp_path: Path) -> None:
    def page(exchange: Exchange) -> None:
        if "offset" in exchange.request.target:
            exchange.stall()
        answer_json({"data": [1, 2]})(exchange)

    with serving(tmp_path, ODD, page) as (house, _):
        asked = {"all": True, "stream": True}
        with house.client.stream("POST", "/api/skills/demo/offset", json=asked) as response:
            lines = response.iter_lines()
            assert next(lines) == "event: delta"
            house.server.stop()
            rest = [*lines]
    assert rest.count("event: error") == 1
    said = json.loads(next(line for line in reversed(rest) if line.startswith("data: "))[6:])
    assert (said["code"], said["partial"]) == ("shutting_down", [1, 2])


def test_a_client_that_leaves_a_streamed_list_stops_the_paging(tmp_path: Path) -> None:
    def page(exchange: Exchange) -> None:
        if "offset" in exchange.request.target:
            exchange.stall()
        answer_json({"data": [1, 2]})(exchange)

    with serving(tmp_path, ODD, page) as (house, toy):
        with house.client.stream("POST", "/api/skills/demo/offset", json={"all": True, "stream": True}) as response:
            assert next(response.iter_lines()) == "event: delta"
        wait_until_gone(toy)
        row = closed_row(house)
    assert row["outcome"] == "cancelled"
