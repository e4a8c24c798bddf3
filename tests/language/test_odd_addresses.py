"""Addresses as services and params write them by hand: of the next page, and computed ones."""

from pathlib import Path

import pytest

from tests.language.support import CANARY, serving
from tests.toy.raw import Exchange, answer_json

LISTS = """
utilities:
  in_body:
    description: x
    rest: {url: /rows, paginate: {style: cursor, items: /rows, next: {link: .next}}}
  in_header:
    description: x
    rest: {url: /rows, paginate: {style: cursor, items: /rows, next: link}}
  by_https:
    description: x
    rest:
      url: /rows
      paginate: {style: cursor, items: /rows, next: {link: '.next // empty | sub("^http:"; "https:")'}}
"""
WRITTEN = {
    "https://api.example.com/rows?p=2": "/rows?p=2",
    "/rows?p=2&name=O'Hara and sons": "/rows?p=2&name=O'Hara%20and%20sons",
    "https://api.example.com/rows?p=2&city=Zürich": "/rows?p=2&city=Z%C3%BCrich",
    "?p=2&city=Z%C3%BCrich&f[a]=1|2": "/rows?p=2&city=Z%C3%BCrich&f[a]=1|2",
}


@pytest.mark.parametrize("link", WRITTEN)
@pytest.mark.parametrize("utility", ["in_body", "in_header"])
def test_an_address_that_a_service_writes_by_hand_is_followed_with_the_key(
    tmp_path: Path, utility: str, link: str
) -> None:
    def behave(exchange: Exchange) -> None:
        first = "p=2" not in exchange.request.target
        following = link if link[0] != "?" else f"/rows{link}"
        header = [("Link", f'<{following}>; rel="next"')] if first and following.isascii() else []
        body = {"rows": [1 if first else 2], "next": following if first else None}
        answer_json(body, headers=header)(exchange)

    if utility == "in_header" and not link.isascii():
        pytest.skip("the toy writes headers in ASCII")
    with serving(tmp_path, LISTS, behave, key=True) as (house, toy):
        response = house.call("demo", utility, {"all": True})
    assert response.status_code == 200, response.text
    assert [request.target for request in toy.requests][1:] == [WRITTEN[link]]
    assert {request.header("x-key") for request in toy.requests} == {CANARY}


def test_what_has_to_be_done_for_an_address_elsewhere_is_said_and_works(tmp_path: Path) -> None:
    told = answer_json({"rows": [1], "next": "https://elsewhere.example/rows?p=2"})
    with serving(tmp_path, LISTS, told, key=True) as (house, toy):
        refused = house.call("demo", "in_body", {"all": True}).json()
        assert len(toy.requests) == 1
    assert refused["code"] == "approval_required"
    assert "calls GET https://elsewhere.example with the credential" in refused["error"]
    assert "The service named that address" in refused["error"]
    assert (
        "a utility whose url begins with https://elsewhere.example, then run: agentos approve demo"
        in refused["error"]
    )


def test_a_service_that_names_itself_by_http_is_followed_by_https_as_the_error_says(tmp_path: Path) -> None:
    def behave(exchange: Exchange) -> None:
        first = "p=2" not in exchange.request.target
        answer_json({"rows": [1], "next": "http://api.example.com/rows?p=2" if first else None})(exchange)

    with serving(tmp_path, LISTS, behave, key=True) as (house, toy):
        refused = house.call("demo", "in_body", {"all": True}).json()
        assert len(toy.requests) == 1
        assert refused["code"] == "approval_required"
        assert """next: {link: '.next // empty | sub("^http:"; "https:")'}""" in refused["error"]
        assert house.call("demo", "by_https", {"all": True}).json() == [1, 1]


COMPUTED = """
utilities:
  whole:
    description: x
    params: {q: {type: string, required: true}}
    rest: {url: '"https://api.example.com/find/" + .params.q + "?of=" + .params.q'}
  relative:
    description: x
    params: {q: {type: string, required: true}}
    rest: {url: '"/find/\\(.params.q)"'}
"""


def test_letters_beyond_ascii_in_a_computed_address_are_encoded_as_a_space_is(tmp_path: Path) -> None:
    with serving(tmp_path, COMPUTED, answer_json({}), key=True) as (house, toy):
        for text in ("Zürich West", "日本\u2028\U0001f600", "%C3%A9"):
            assert house.call("demo", "whole", {"q": text}).status_code == 200
            assert house.call("demo", "relative", {"q": text}).status_code == 200
        refused = house.call("demo", "relative", {"q": "ü/ö"}).json()
    assert refused["code"] == "invalid_params"
    paths = ("Z%C3%BCrich%20West", "%E6%97%A5%E6%9C%AC%E2%80%A8%F0%9F%98%80", "%C3%A9")
    assert [request.target for request in toy.requests] == [
        target for path in paths for target in (f"/find/{path}?of={path}", f"/find/{path}")
    ]
