"""Calls of GraphQL have one address, and are utilities of their own all the same."""

import json
from typing import Any

import pytest

from tests.importers.test_recordings import collected, entry, request
from tests.importers.workshop import Workshop

URL = "https://api.example.com/graphql"
DOGS = "query Dogs($n: Int) { dogs(n: $n) { id query { size } } }"
ADD = 'mutation AddDog($in: DogInput = {a: 1}) { addDog(in: $in, note: "}") { id } }'
CATS = "# {\nfragment F on Cat { id }\nquery listCats { cats(opts: {}) { ...F } }"
Said = dict[str, Any]


def posted(said: Any) -> Said:
    return entry("POST", URL, postData={"mimeType": "application/json", "text": json.dumps(said)})


def recorded(*bodies: Any) -> str:
    return json.dumps({"log": {"entries": [posted(said) for said in bodies]}})


def sent(workshop: Workshop, utility: str, **params: Any) -> Any:
    return json.loads(workshop.request(utility, params).split("\n\n", 1)[1].split("\n\n")[0])


def test_each_operation_of_one_address_is_a_utility_that_sends_its_own_query(workshop: Workshop) -> None:
    content = recorded(
        {"query": DOGS, "variables": {"n": 3}, "operationName": "Dogs"},
        {"query": ADD, "variables": {"in": {}}},
        {"query": "{ viewer { login } }"},
        {"query": CATS},
        {"query": "query A { a } query B { b }", "operationName": "B"},
        {"query": DOGS, "variables": {"n": 4}, "operationName": "Dogs"},
    )
    utilities = workshop.imported(content, kind="har")["utilities"]
    assert [*utilities] == ["get_dogs", "add_dog", "get_viewer", "list_cats", "get_b"]
    assert {name: one.get("effect") for name, one in utilities.items() if name != "add_dog"} == dict.fromkeys(
        ("get_dogs", "get_viewer", "list_cats", "get_b"), "read"
    )
    assert "effect" not in utilities["add_dog"]
    assert [*utilities["get_dogs"]["params"]] == ["variables"]
    assert sent(workshop, "get_dogs") == {"query": DOGS, "variables": {"n": 3}, "operationName": "Dogs"}
    assert sent(workshop, "add_dog", variables={"in": {"b": 2}}) == {"query": ADD, "variables": {"in": {"b": 2}}}
    assert sent(workshop, "get_viewer") == {"query": "{ viewer { login } }"}
    assert sent(workshop, "list_cats") == {"query": CATS.replace("{}", "{ }")}


def test_operations_are_known_again_by_the_next_import(workshop: Workshop) -> None:
    first = [{"query": DOGS}, {"query": "{ viewer { login } }"}]
    workshop.imported(recorded(*first), kind="har")
    workshop.edit("get_viewer:", "who_am_i:")
    new = "query Dogs($n: Int) { dogs(n: $n) { id name } }"
    utilities = workshop.imported(recorded({"query": new}, *first[1:], {"query": ADD}), kind="har")["utilities"]
    assert [*utilities] == ["get_dogs", "who_am_i", "add_dog"]
    assert utilities["get_dogs"]["rest"]["body"] == {"query": new}
    assert "nothing changed" in workshop.run("har", workshop.folder / "service.yaml").out


def test_operations_whose_queries_the_service_keeps_are_told_apart_by_their_names(workshop: Workshop) -> None:
    kept = {"persistedQuery": {"version": 1, "sha256Hash": "ab"}}
    said = [{"operationName": name, "variables": {}, "extensions": kept} for name in ("GetDogs", "GetCats")]
    utilities = workshop.imported(recorded(*said), kind="har")["utilities"]
    assert [*utilities] == ["get_dogs", "get_cats"]
    assert sent(workshop, "get_cats")["operationName"] == "GetCats"


def test_requests_of_graphql_in_a_collection_keep_their_names(workshop: Workshop) -> None:
    items = [
        request(name, "POST", URL, body={"mode": "graphql", "graphql": {"query": query, "variables": ""}})
        for name, query in (("Find dogs", DOGS), ("Show me", "{ viewer { login } }"))
    ]
    utilities = workshop.imported(collected(*items), kind="postman")["utilities"]
    assert [*utilities] == ["find_dogs", "get_me"]
    assert sent(workshop, "find_dogs") == {"query": DOGS}


def test_variables_of_an_operation_are_no_secrets_and_values_in_it_are(workshop: Workshop) -> None:
    login = (
        "mutation Login($mail: String!, $password: String!) { login(mail: $mail, password: $password) { token } }"
    )
    other = 'mutation Enter { enter(password: "hunter2-canary") { token } }'
    content = recorded(
        {"query": login, "variables": {"password": "hunter2-canary"}}, {"query": other}, {"query": ADD}
    )
    utilities = workshop.imported(content, kind="har")["utilities"]
    assert utilities["login_graphql"]["rest"]["body"] == {"query": login, "variables": ".params.variables"}
    assert utilities["login_graphql"]["params"] == {"variables": {"type": "object", "required": True}}
    assert "hunter2" not in workshop.text()


@pytest.mark.parametrize("query", ["{ a", "cats and dogs", "query A { a } query B { b }", ""])
def test_what_does_not_say_what_it_calls_is_imported_as_one(workshop: Workshop, query: str) -> None:
    utilities = workshop.imported(recorded({"query": query, "n": 1}, {"query": query, "n": 2}), kind="har")[
        "utilities"
    ]
    (one,) = utilities.values()
    assert one["params"]["query"] == {"type": "string", "default": query}
