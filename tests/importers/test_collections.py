"""Collections as vendors publish them: what Postman would send is what the skill sends."""

from typing import Any

import pytest

from tests.importers.test_recordings import SECRET, collected, request, written
from tests.importers.workshop import Workshop


def sent(workshop: Workshop, utility: str, **params: Any) -> str:
    """The first line of what a call would send."""
    return workshop.request(utility, params).split("\n")[0]


def key(value: str, name: str = "Authorization", **more: str) -> dict[str, Any]:
    said = {"key": name, "value": value, **more}
    return {"type": "apikey", "apikey": [{"key": one, "value": said[one]} for one in said]}


@pytest.mark.parametrize(
    ("value", "prefix"),
    [
        ("Bot {{token}}", "Bot "),
        (f"Klaviyo-API-Key {SECRET}", "Klaviyo-API-Key "),
        ("Token token={{t}}", "Token token="),
    ],
)
def test_words_before_a_key_of_a_collection_are_sent_before_it(workshop: Workshop, value: str, prefix: str) -> None:
    own = [{"key": "authorization", "value": "Basic {{other}}"}]
    items = [
        request("List dogs", "GET", "https://api.example.com/dogs"),
        request("List cats", "GET", "https://api.example.com/cats", header=own),
    ]
    front = workshop.imported(collected(*items, auth=key(value)), kind="postman")
    assert front["auth"] == {"type": "api_key", "header": "Authorization", "prefix": prefix}
    assert SECRET not in written(workshop)


def test_what_auth_of_a_collection_says_is_empty_is_empty(workshop: Workshop) -> None:
    user = {"type": "basic", "basic": [{"key": "username", "value": ""}, {"key": "password", "value": "{{key}}"}]}
    token = {
        "type": "oauth2",
        "oauth2": [{"key": "headerPrefix", "value": ""}, {"key": "accessToken", "value": "x"}],
    }
    one = request("List dogs", "GET", "https://api.example.com/dogs")
    front = workshop.imported(collected(one, auth=user), kind="postman", skill="a")
    assert front["auth"] == {"type": "basic", "username": ""}
    front = workshop.imported(collected(one, auth=token), kind="postman", skill="b")
    assert front["auth"] == {"type": "api_key", "header": "Authorization"}


def test_names_that_are_variables_are_filled_in_and_listed_where_nobody_knows_them(workshop: Workshop) -> None:
    pairs = [{"key": "{{field}}", "value": "1"}, {"key": "{{secret_name}}", "value": "2"}]
    form = {"mode": "urlencoded", "urlencoded": pairs}
    item = request("Add dog", "POST", "https://api.example.com/dogs?{{key}}={{value}}&a=1", header=pairs, body=form)
    content = collected(
        item,
        variable=[{"key": "field", "value": "X-Size"}, {"key": "where", "value": "X-Key"}],
        auth=key("k", "{{where}}"),
    )
    front = workshop.imported(content, kind="postman")
    assert front["auth"] == {"type": "api_key", "header": "X-Key"}
    rest = front["utilities"]["add_dog"]["rest"]
    assert [*rest["query"]] == ["a"]
    assert [*rest["headers"]] == ["X-Size"]
    assert [*rest["body"]] == ["X-Size"]
    told = workshop.losses(content, kind="postman")
    assert told["a key of the query whose name is not known is left out"] == ["<key>"]
    assert told["a header whose name is not known is left out"] == ["<secret_name>"]
    assert told["a field of the body whose name is not known is left out"] == ["<secret_name>"]
    unknown = collected(item, auth=key("k", "{{nowhere}}"))
    assert "Add dog" in str(workshop.losses(unknown, kind="postman"))


def test_params_of_a_path_may_have_dashes_and_an_ending(workshop: Workshop) -> None:
    url = {
        "raw": "https://api.example.com/dogs/:dog-id/toys/:toy.json",
        "variable": [
            {"key": "dog-id", "value": "7", "description": "Which dog."},
            {"key": "toy.json", "value": "ball.json"},
        ],
    }
    front = workshop.imported(collected(request("Get toy", "GET", url)), kind="postman")
    assert front["utilities"]["get_toy"]["params"] == {
        "dog_id": {"type": "integer", "default": 7, "description": "Which dog"},
        "toy": {"type": "string", "default": "ball"},
    }
    assert sent(workshop, "get_toy", dog_id=8) == "GET https://api.example.com/dogs/8/toys/ball.json"


def test_a_variable_that_is_called_secret_is_asked_for(workshop: Workshop) -> None:
    said = [{"key": "greeting", "value": "swordfish", "type": "secret"}]
    item = request("List dogs", "GET", "https://api.example.com/dogs?say={{greeting}}")
    front = workshop.imported(collected(item, variable=said), kind="postman")
    assert front["utilities"]["list_dogs"]["params"] == {"say": {"type": "string", "required": True}}
    assert "swordfish" not in written(workshop)


HOSTS = {
    "https://{{shop}}.example.com/admin/dogs": "https://acme.example.com/admin/dogs",
    "https://api.{{shop}}.example.com:8443/dogs?a=1": "https://acme.example.com/dogs?a=1",
    "{{shop}}.example.com/dogs": "https://acme.example.com/dogs",
    "{{shop}}dogs/all": "https://acme.example.com/dogs/all",
}


@pytest.mark.parametrize("url", HOSTS)
def test_base_url_stands_for_a_host_of_which_a_variable_is_a_part(workshop: Workshop, url: str) -> None:
    others = [request(f"Get {name}", "GET", f"https://other.example.com/{name}") for name in ("a", "b")]
    content = collected(request("List dogs", "GET", url), *others)
    assert "--base-url says where the service is" in str(workshop.losses(content, "--dry-run", kind="postman"))
    workshop.imported(content, "--base-url", "https://acme.example.com", kind="postman")
    assert sent(workshop, "list_dogs") == f"GET {HOSTS[url]}"


def test_an_address_of_a_variable_that_ends_in_a_slash_has_one(workshop: Workshop) -> None:
    said = [{"key": "baseUrl", "value": "https://api.example.com/v1/"}]
    items = [request("List dogs", "GET", "{{baseUrl}}/dogs"), request("List cats", "GET", "{{baseUrl}}cats")]
    workshop.imported(collected(*items, variable=said), kind="postman")
    assert sent(workshop, "list_dogs") == "GET https://api.example.com/v1/dogs"
    assert sent(workshop, "list_cats") == "GET https://api.example.com/v1/cats"


def test_a_query_that_stands_in_pieces_keeps_what_would_end_a_value(workshop: Workshop) -> None:
    pairs = [("q", "cats & dogs #1", False), ("off", "1 & 2", True)]
    query = [{"key": name, "value": value, "disabled": off} for name, value, off in pairs]
    item = request("Find dogs", "GET", {"host": ["api", "example", "com"], "path": ["dogs"], "query": query})
    workshop.imported(collected(item), kind="postman")
    assert sent(workshop, "find_dogs") == "GET https://api.example.com/dogs?q=cats%20%26%20dogs%20%231"


def test_calls_that_a_key_of_the_query_tells_apart_are_calls_of_their_own(workshop: Workshop) -> None:
    def one(name: str, query: str) -> dict[str, Any]:
        return request(name, "GET", f"https://api.example.com/api?{query}")

    items = [
        one("Get balance", "module=account&action=balance&address={{a}}"),
        one("Get transactions", "module=account&action=txlist&address={{a}}&page=1"),
        one("Get code", "module=contract&action=getabi&page=1"),
        request("Find dogs", "GET", "https://api.example.com/dogs?action=find&q=a"),
        request("Find others", "GET", "https://api.example.com/dogs?action=find&q=b"),
    ]
    content = collected(*items)
    front = workshop.imported(content, kind="postman")
    assert {name: [*one["params"]] for name, one in front["utilities"].items()} == {
        "get_balance": ["address"],
        "get_transactions": ["address", "page"],
        "get_code": ["page"],
        "find_dogs": ["action", "q"],
    }
    called = sent(workshop, "get_transactions", address="x")
    assert called == "GET https://api.example.com/api?module=account&action=txlist&address=x&page=1"
    told = workshop.losses(content, kind="postman")
    assert told["the same call was made several times: the first is imported"] == ["GET /dogs"]
    assert workshop.report(content, kind="postman")["added"] == []


def test_a_path_of_other_letters_is_sent_percent_encoded(workshop: Workshop) -> None:
    content = collected(request("Get street", "GET", "https://api.example.com/straße/:id"))
    workshop.imported(content, kind="postman")
    assert sent(workshop, "get_street", id="ü") == "GET https://api.example.com/stra%C3%9Fe/%C3%BC"
    before = written(workshop)
    workshop.imported(content, kind="postman")
    assert written(workshop) == before


def test_a_body_of_an_unknown_mode_is_none(workshop: Workshop) -> None:
    modes: list[Any] = [{}, ["raw"]]
    for number, mode in enumerate(modes):
        item = request("Add", "POST", "https://api.example.com/dogs", body={"mode": mode})
        front = workshop.imported(collected(item), kind="postman", skill=f"s{number}")
        assert [*front["utilities"]] != []


def test_a_content_type_that_nobody_knows_is_that_of_the_body(workshop: Workshop) -> None:
    header = [{"key": "Content-Type", "value": "{{type}}"}]
    body = {"mode": "raw", "raw": '{"age": 3}'}
    item = request("Add dog", "POST", "https://api.example.com/dogs", header=header, body=body)
    odd = request("Odd", "GET", "https://-1/odd")
    workshop.imported(collected(item, odd), kind="postman")
    assert "Content-Type: application/json\n" in workshop.request("add_dog", {})
    told = workshop.losses(collected(item, odd), kind="postman")
    assert told["a content type that is not known is left out: the body says it"] == ["<type>"]
    assert ["Odd"] in told.values()
