"""jq and other words of a manifest that load, and mean something else than their author did."""

# ruff: noqa: E501  (a row of a table is one line)

import pytest

from tests.manifest.loading import texts, utility

URL = "url: https://api.example.com/x"
POST = f"method: POST\n{URL}"
SETS = "`=` sets a value here, and what it gives is always true. Write `==` to compare"
Q = "q: {type: string}"
QUERY = f"{URL}\nquery: {{q: .params.q}}"


def query(written: str) -> str:
    return utility(f"{URL}\nquery:\n  a: {written}\n  b: .params.q", params=Q)


def poll(until: str, failed: str = ".failed") -> str:
    return utility(f"{POST}\npoll:\n  url: .u\n  until: '{until}'\n  failed: '{failed}'")


MEANT: dict[str, tuple[str, list[str]]] = {
    "a job is done when": (poll('.state = "done"'), [f"13:24 {SETS}"]),
    "a job has failed when": (poll(".done", '.ok == 1 and .jobs[0].state = "failed"'), [f"14:46 {SETS}"]),
    "an answer is a failure when": (utility(f"{URL}\nresponse: {{error: '.status = 1'}}"), [f"10:34 {SETS}"]),
    "a stream ends when": (utility(f"{POST}\nstream: {{delta: .a, end: '.type=\"end\"'}}"), [f"11:38 {SETS}"]),
    "a param in quotes": (query("'\".params.q\"'"), ["13:13 `.params.q` in quotes is a text, and not what the caller gave. Write `.params.q`, without the double quotes"]),
    "a param in quotes, in an answer": (utility(f"{QUERY}\nresponse: {{transform: '{{a: \"$params.q\"}}'}}", params=Q), ["13:34 `$params.q` in quotes is a text, and not what the caller gave. Write `$params.q`, without the double quotes"]),
    "a param in a text, as JavaScript writes it": (query("'\"a-${q}\"'"), ["13:16 `${q}` is sent as it stands: it is a text of jq. Write `\\(.params.q)`"]),
    "what is not so": (utility(f"{URL}\nresponse: {{transform: 'map(select(not .gone))'}}"), ["10:41 `not` is a function of jq that stands behind a pipe: here it fails in every call. Write `(.gone | not)`"]),
    "pages, and one value": (utility(f"{URL}\npaginate: {{style: page}}", more="returns: {id: string}"), ["8:14 this is about one value, and pages are lists. Write `returns: array`"]),
    "a list, and a text": (utility(f"{URL}\nresponse: {{transform: '[.a, .b]'}}", more="returns: string"), ["8:14 this is about one value, and `transform` gives a list. Write `returns: array`"]),
    "fields of nothing": (utility(f"{URL}\nresponse: {{root: /a, mapping: {{a: .b}}}}", more="returns: void"), ["11:18 `root` is not used, because the reply of `returns: void` is null. Remove one", "11:28 `mapping` is not used, because the reply of `returns: void` is null. Remove one"]),
}  # fmt: skip


@pytest.mark.parametrize("name", MEANT)
def test_what_means_something_else_is_said_at_its_place(name: str) -> None:
    front, expected = MEANT[name]
    assert texts(front) == []
    assert texts(front, "warning") == expected


FINE: dict[str, str] = {
    "a text is a form": utility(
        f"{POST}\nencoding: text\nheaders: {{Content-Type: application/x-www-form-urlencoded}}\nbody: .params.q",
        params=Q,
    ),
    "a file is JSON": utility(
        f"{POST}\nencoding: binary\nheaders: {{Content-Type: application/json}}\nbody: .params.q",
        params="q: {type: file}",
    ),
    "a field is set": utility(f"{URL}\nresponse: {{error: 'if .ok then null else (.error | .status = 503) end'}}"),
    "a job's state is compared": poll('.state == "done"', ".state <= 0 or .code != 1"),
    "params in texts": query('\'"a \\(.params.q | [.] | join(".")) b" + .params.q + "${other}"\''),
    **{
        f"one value: {written}": utility(f"{URL}\nresponse:\n  transform: '{written}'", more="returns: {a: string}")
        for written in (
            "map(.a) | add",
            "[.a][0]",
            "{a: [.b]}",
            "[.a] + .b | first",
            "[.a].b",
            ".a | if . then map(.b) else {} end",
        )
    },
    "a list of one": utility(f"{URL}\nresponse: {{transform: '[.a]'}}", more="returns: array"),
    "a list that is mapped": utility(
        f"{URL}\nresponse: {{transform: '[.a]', mapping: {{a: '.[0]'}}}}", more="returns: {a: string}"
    ),
    "not behind a pipe": utility(f"{URL}\nresponse: {{transform: 'map(select(.a | not)) | map(not)'}}"),
}


@pytest.mark.parametrize("name", FINE)
def test_what_means_what_it_says_is_left_alone(name: str) -> None:
    assert texts(FINE[name]) == texts(FINE[name], "warning") == []


def test_an_at_before_a_param_of_a_url_is_part_of_the_path() -> None:
    """`/@{name}` is the page of one who is called so; in a text that is no url it is a param of another language."""
    assert (
        texts(utility("url: https://api.example.com/@{q}/posts", params="q: {type: string, required: true}")) == []
    )
    said = texts(utility(f"{URL}\nquery: {{a: '@{{q}}'}}", params=Q))
    assert said == ["12:19 `@{q}` is sent as it stands: a param is not written so. Write `.params.q`"]


@pytest.mark.parametrize(("key", "column", "what"), [("query", 20, "a query"), ("headers", 22, "a header")])
def test_a_file_goes_into_a_body_only(key: str, column: int, what: str) -> None:
    front = utility(f"{POST}\n{key}: {{X-A: .params.q}}", params="q: {type: file}")
    fix = "Write it under `body`, or `.params.q.filename` for its name"
    assert texts(front) == [f"13:{column} `q` is a file, which {what} cannot hold: it fails in every call. {fix}"]
    assert texts(front.replace(".params.q}", ".params.q.filename}")) == []


@pytest.mark.parametrize("name", ["sql", "graphql"])
def test_a_query_that_is_not_in_a_map_is_told_how_it_is_written(name: str) -> None:
    front = f"operations:\n  a.list:\n    description: d\n    {name}: 'select 1'"
    assert texts(front, "warning") == [
        f"8:5 `{name}` is a map, and this is none. Write `{name}: {{query: …}}`, with the text as its `query`"
    ]
